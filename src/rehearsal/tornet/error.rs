//! Why there is no private Tor network, or no tor in it, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{address::DRAWS_MAX, home::SOCKET_PATH_BYTES_MAX};
use crate::rehearsal::Interrupted;

/// Why a private Tor network, or a tor in it, is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TornetError {
    /// No program of that name.
    #[error("the program `{0}` is not installed")]
    NotInstalled(&'static str),
    /// A file, a directory or a process of this machine.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        error: io::Error,
    },
    /// An AF_UNIX socket below it could not be named.
    #[error("{} is too long for the AF_UNIX sockets of a private Tor network, {SOCKET_PATH_BYTES_MAX} bytes in all", .0.display())]
    PathTooLong(PathBuf),
    /// All that were drawn were in use.
    #[error("no free loopback addresses for a private Tor network in {DRAWS_MAX} draws")]
    NoAddresses,
    /// What tor wrote beside its keys is something else.
    #[error("{} is not what tor writes", .0.display())]
    Keys(PathBuf),
    /// A tor of that name is there already.
    #[error("there is a tor named {0} in this network already")]
    NameTaken(String),
    /// It was stopped, or never started.
    #[error("tor {0} is not running")]
    NotRunning(String),
    /// It ended: its configuration or its surroundings are wrong, and another start would end the same way.
    #[error("{0}")]
    Ended(String),
    /// It runs but gets nowhere, as happens now and then; another start may do better.
    #[error("{0}")]
    Stalled(String),
    /// One of the above, and where to read more.
    #[error("{who}: {error}; the logs are in {}", logs.display())]
    Of {
        /// Which tor, or the network.
        who: String,
        /// Its directory.
        logs: PathBuf,
        /// What happened.
        error: Box<TornetError>,
    },
    /// Whoever waited does not want to any more.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl TornetError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotInstalled(_) => "install Debian's package `tor` (apt-get install tor); its service need not run",
            Self::System { .. } => "check the free space and the permissions of the temporary directory",
            Self::PathTooLong(_) => "set TMPDIR to a shorter path",
            Self::NoAddresses => "look with `ss -lt` for what listens on all ports of 127.0.0.0/8, and end it",
            Self::Keys(_) => "remove the cache of keys, if there is one, and try again",
            Self::NameTaken(_) | Self::NotRunning(_) => "this is a fault of the caller",
            Self::Ended(_) => "the end of its log says why; a version of tor before 0.4.8 may not know an option",
            Self::Stalled(_) => "try again, on a machine that has less to do",
            Self::Of { error, .. } => error.hint(),
            Self::Interrupted(_) => "nothing is left behind; start it again when you like",
        }
    }

    /// The same, with a name and a place where that says more.
    pub(super) fn of(self, who: &str, logs: &Path) -> Self {
        match self {
            Self::Ended(_) | Self::Stalled(_) | Self::System { .. } | Self::Keys(_) => {
                Self::Of { who: who.into(), logs: logs.into(), error: Box::new(self) }
            }
            clear => clear,
        }
    }

    pub(super) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, error }
    }
}
