//! Why a rehearsal did not come to its end, and what to try.

use std::{io, path::PathBuf};

use super::{Interrupted, tornet::TornetError};
use crate::config::ConfigError;

/// Why a rehearsal did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RehearsalError {
    /// The operator's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No kind of address that a rehearsal could publish.
    #[error("{}: the grid admits neither onion nor I2P addresses, and a rehearsal publishes no others", .0.display())]
    NoAddressKind(PathBuf),
    /// The carrier that was asked for, or that a configuration has by default.
    #[error("this build has no Tor inside")]
    NoTorInside,
    /// The stage.
    #[error(transparent)]
    Network(TornetError),
    /// A command of this program ended in another way than it should.
    #[error("`{line}` ended with {code}: {message}")]
    Command {
        /// As a person would type it.
        line: String,
        /// Its exit code, in words.
        code: String,
        /// The end of what it said.
        message: String,
    },
    /// Something did not come, or another thing came.
    #[error("{what}")]
    Unexpected {
        /// In words.
        what: String,
        /// What to try.
        hint: &'static str,
    },
    /// A file or a process of this machine.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        error: io::Error,
    },
    /// One of the above, on a stage whose logs are kept.
    #[error("{error}; the logs are in {}", logs.display())]
    Played {
        /// What happened.
        error: Box<RehearsalError>,
        /// The directory of the rehearsal.
        logs: PathBuf,
    },
    /// Whoever started it does not want it any more.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl RehearsalError {
    /// What to try.
    pub fn hint(&self) -> String {
        match self {
            Self::Config(error) => error.hint(),
            Self::NoAddressKind(_) => "set `onion = true` in [addresses] of a copy, and name the copy".into(),
            Self::NoTorInside => {
                "rehearse with the installed one (`--carrier c-tor`), or take a build with the feature `carrier-tor`"
                    .into()
            }
            Self::Network(error) => error.hint().into(),
            Self::Command { .. } => {
                "the introducer's log is beside the output of the commands; where it says nothing, \
                a limit of the configuration may be in the way"
                    .into()
            }
            Self::Unexpected { hint, .. } => (*hint).into(),
            Self::System { .. } => "check the free space and the permissions of the temporary directory".into(),
            Self::Played { error, .. } => error.hint(),
            Self::Interrupted(_) => "nothing is left behind; start it again when you like".into(),
        }
    }

    pub(super) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, error }
    }
}

impl From<TornetError> for RehearsalError {
    fn from(error: TornetError) -> Self {
        match error {
            TornetError::Interrupted(interrupted) => Self::Interrupted(interrupted),
            error => Self::Network(error),
        }
    }
}
