//! How a command fails: what happened, what to do, and a code for scripts.

use std::{fmt, process::ExitCode};

use super::output;

/// Documented in every `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Nobody reads the output any more, as behind `| head`: the end, and no fault.
    ReaderGone = 0,
    /// Something of this machine.
    Failed = 1,
    /// Wrong usage, configuration or key file.
    Usage = 2,
    /// The introducer refused.
    #[cfg(feature = "client")]
    Refused = 3,
    /// No introducer could be reached.
    #[cfg(feature = "client")]
    Unreachable = 4,
    /// The introducer is busy.
    #[cfg(feature = "client")]
    Busy = 5,
    /// No such record.
    #[cfg(feature = "client")]
    NotFound = 6,
    /// Some introducers took the record, others did not.
    #[cfg(feature = "client")]
    Partly = 7,
    /// The audit found a weakness, and nothing worse.
    #[cfg(feature = "audit")]
    AuditWeak = 8,
    /// The audit found a leak.
    #[cfg(feature = "audit")]
    AuditLeak = 9,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The end of a command that did not do what it should.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
    /// The exit code of a child that said itself what was wrong.
    #[cfg(any(feature = "client", feature = "server"))]
    of_child: Option<u8>,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
            hint: None,
            #[cfg(any(feature = "client", feature = "server"))]
            of_child: None,
        }
    }

    /// A child's end is the end of this process, with its code; for a signal, 128 and its number, as a shell has it.
    #[cfg(any(feature = "client", feature = "server"))]
    pub(super) fn of_child(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let code = status.code().or(status.signal().map(|signal| 128 + signal));
        let code = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(Exit::Failed as u8);
        Self { of_child: Some(code), ..Self::new(Exit::Failed, status) }
    }

    pub(super) fn hint(self, hint: impl fmt::Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }

    /// The code it ends with.
    #[cfg(feature = "client")]
    pub(super) const fn exit(&self) -> Exit {
        self.exit
    }

    pub(super) fn report(self) -> ExitCode {
        #[cfg(any(feature = "client", feature = "server"))]
        if let Some(code) = self.of_child {
            return code.into();
        }
        if self.exit == Exit::ReaderGone {
            return self.exit.into();
        }
        output::say(format_args!("anteroom: {}", self.message));
        if let Some(hint) = self.hint {
            output::say(format_args!("  → {hint}"));
        }
        self.exit.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(any(feature = "client", feature = "server", feature = "grid-admin"))]
impl From<crate::keys::KeyFileError> for Failure {
    fn from(error: crate::keys::KeyFileError) -> Self {
        let exit = match &error {
            crate::keys::KeyFileError::Io { .. } => Exit::Failed,
            _ => Exit::Usage,
        };
        Self::new(exit, &error).hint(error.hint())
    }
}

#[cfg(any(feature = "client", feature = "grid-admin"))]
impl From<crate::petnames::PetnameError> for Failure {
    fn from(error: crate::petnames::PetnameError) -> Self {
        use crate::{keys::KeyFileError, petnames::PetnameError};
        let exit = match &error {
            PetnameError::File(KeyFileError::Io { .. }) => Exit::Failed,
            _ => Exit::Usage,
        };
        Self::new(exit, &error).hint(error.hint())
    }
}

#[cfg(any(feature = "client", feature = "server"))]
impl From<crate::keys::OnionKeyError> for Failure {
    fn from(error: crate::keys::OnionKeyError) -> Self {
        let exit = match &error {
            crate::keys::OnionKeyError::Io { .. } => Exit::Failed,
            _ => Exit::Usage,
        };
        Self::new(exit, &error).hint(error.hint())
    }
}

#[cfg(any(feature = "client", feature = "server"))]
impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::new(Exit::Usage, &error).hint(error.hint())
    }
}

impl From<crate::sandbox::SandboxError> for Failure {
    fn from(error: crate::sandbox::SandboxError) -> Self {
        Self::new(Exit::Failed, &error).hint(error.hint())
    }
}

#[cfg(feature = "client")]
impl From<crate::client::ClientError> for Failure {
    fn from(error: crate::client::ClientError) -> Self {
        use crate::client::ClientError;
        let exit = match &error {
            ClientError::Busy { .. } => Exit::Busy,
            ClientError::WrongGrid => Exit::Refused,
            ClientError::System(_) | ClientError::ShelfTooLong { .. } | ClientError::Ended => Exit::Failed,
            _ => Exit::Unreachable,
        };
        let failure = Self::new(exit, &error);
        match error {
            ClientError::ShelfTooLong { .. } => {
                failure.hint("`anteroom lookup --exact` finds it, and the introducer learns whom you look for")
            }
            _ => failure,
        }
    }
}

/// A failure of the system while doing `what`.
pub(super) fn system(what: impl fmt::Display) -> impl FnOnce(std::io::Error) -> Failure {
    move |error| Failure::new(Exit::Failed, format_args!("{what}: {error}"))
}
