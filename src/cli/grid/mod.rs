//! What whoever runs a grid does: make its key, let nodes in, take that back. Offline, but for bringing lists about.

mod grant;
mod init;
mod passphrase;
#[cfg(feature = "client")]
mod publish;
mod revocation_file;
mod revoke;
mod show;

use std::path::Path;

use clap::Subcommand;
#[cfg(feature = "client")]
pub(super) use grant::Terms;
use passphrase::PassphraseFrom;
#[cfg(feature = "client")]
pub(super) use revoke::Revoke;

#[cfg(feature = "client")]
use super::proxy::Reaches;
use super::{
    failure::{Exit, Failure},
    keygen,
};
use crate::{
    record::GridSecret,
    vault::{self, Vault, VaultError},
};

#[derive(Subcommand)]
pub(super) enum Grid {
    /// Make the key of a new grid, under a passphrase
    Init(init::Init),
    /// Make the key of a new, open grid, without a passphrase: such a grid never uses it
    Keygen(keygen::Keygen),
    /// Let a node in, or somebody who lets others in
    Grant(grant::GrantCommand),
    /// Take out keys, and all that was granted through them; without a key: renew the list
    Revoke(revoke::Revoke),
    /// Bring the list of revoked keys to every introducer of a configuration
    #[cfg(feature = "client")]
    Publish(publish::Publish),
    /// Show a grant, or a list of revoked keys
    Show(show::Show),
}

impl Grid {
    /// The commands that leave this machine.
    #[cfg(feature = "client")]
    pub(super) fn reaches(&self) -> Option<&dyn Reaches> {
        match self {
            Self::Publish(command) => Some(command),
            Self::Show(command) => command.reaches(),
            Self::Init(_) | Self::Keygen(_) | Self::Grant(_) | Self::Revoke(_) => None,
        }
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Init(arguments) => arguments.run(),
            Self::Keygen(arguments) => arguments.grid(),
            Self::Grant(arguments) => arguments.run(),
            Self::Revoke(arguments) => arguments.run(),
            #[cfg(feature = "client")]
            Self::Publish(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
        }
    }
}

/// The grid's key, with its passphrase when it has one.
fn key(path: &Path, passphrase: &PassphraseFrom) -> Result<GridSecret, Failure> {
    match vault::load(path)? {
        Vault::Open(secret) => Ok(secret),
        Vault::Locked(locked) => Ok(locked.open(passphrase.ask()?)?),
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::File(error) => error.into(),
            error => Self::new(Exit::Usage, &error).hint(error.hint()),
        }
    }
}
