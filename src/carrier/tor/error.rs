//! What goes wrong with Tor, in words and with what to try.

use std::{error::Error, io, path::PathBuf};

use arti_client::{ErrorKind, HasKind};

/// Why there is no carrier.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorError {
    /// Its directory.
    #[error("can't use {} for Tor: {error}", path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Others can read or write it.
    #[error("{} can be read or written by others than its owner (mode {mode:04o})", path.display())]
    TooOpen {
        /// The directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A setting that Tor does not take.
    #[error("Tor does not take this configuration: {0}")]
    Config(String),
    /// Tor itself.
    #[error("Tor does not start: {0}")]
    Start(String),
    /// The service has no key.
    #[error("the onion service has no key")]
    NoIdentity,
    /// Tor gave the service up.
    #[error("Tor ended the onion service")]
    ServiceEnded,
    /// Not in this build.
    #[error("`proof_of_work` takes a build with the feature `pow-lgpl`")]
    NoProofOfWork,
}

impl TorError {
    pub(super) fn config(error: impl Error) -> Self {
        Self::Config(chain(&error))
    }

    pub(super) fn start(error: arti_client::Error) -> Self {
        match error.kind() {
            ErrorKind::LocalResourceAlreadyInUse => {
                Self::Start(format!("{}; another carrier uses its directory", chain(&error)))
            }
            _ => Self::Start(chain(&error)),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::State { .. } => "set `state` in [tor] to a directory that this user may write".into(),
            Self::TooOpen { path, .. } => format!("run: chmod 700 {}", path.display()),
            Self::Config(_) => "check [tor] in the configuration, bridge lines and transports first".into(),
            Self::Start(_) => "check its directory and the free space; no other carrier may use the same one".into(),
            Self::NoIdentity => "check the files below `onion` in the directory of Tor, or restore your backup".into(),
            Self::ServiceEnded => "start it again; if it happens again, look at its log with -vv".into(),
            Self::NoProofOfWork => {
                "take the line out, use C tor (torrc-examples/introducer-pow.torrc), or build with `--features pow-lgpl`"
                    .into()
            }
        }
    }
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Many layers repeat the one below.
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

/// What is in the way of a connection, and what to try.
pub(super) fn in_words(error: &arti_client::Error) -> (String, String) {
    let (why, hint) = match error.kind() {
        ErrorKind::ClockSkew => (CLOCK, CLOCK_HINT),
        ErrorKind::LocalNetworkError => (OFFLINE, OFFLINE_HINT),
        ErrorKind::TorAccessFailed => (FILTERED, FILTERED_HINT),
        ErrorKind::TorNetworkTimeout | ErrorKind::TorDirectoryError | ErrorKind::DirectoryExpired => (SLOW, SLOW_HINT),
        ErrorKind::OnionServiceNotFound => {
            ("the network does not know the service yet", "wait: the descriptor is on its way")
        }
        ErrorKind::OnionServiceNotRunning | ErrorKind::OnionServiceConnectionFailed => {
            ("the service does not answer at its introduction points", "wait; is the introducer running?")
        }
        _ => return (chain(error), "it is tried again; -vv shows more".into()),
    };
    (why.into(), hint.into())
}

pub(super) const CLOCK: &str = "this machine's clock is wrong";
pub(super) const CLOCK_HINT: &str =
    "set it (`date -u`), best by NTP before Tor starts; Tor needs it right within minutes";
pub(super) const OFFLINE: &str = "this machine can't reach the network";
pub(super) const OFFLINE_HINT: &str = "check the connection and the firewall: Tor needs outgoing TCP and nothing else";
pub(super) const FILTERED: &str = "Tor's relays can be reached and their answers are blocked";
pub(super) const FILTERED_HINT: &str =
    "get bridges from https://bridges.torproject.org and write them in [tor] `bridges`";
const SLOW: &str = "Tor's directories do not answer in time";
const SLOW_HINT: &str = "wait, it goes on trying; if it stays so, try bridges";
