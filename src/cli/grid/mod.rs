//! What whoever runs a grid does: make its key, let nodes in, take that back. Offline, but for bringing lists about.

mod book;
#[cfg(feature = "client")]
mod confirm;
mod grant;
mod init;
#[cfg(feature = "client")]
mod invitations;
mod invite;
mod issuer;
mod key_epoch_file;
mod passphrase;
#[cfg(feature = "client")]
mod publish;
#[cfg(feature = "client")]
mod redeemed;
mod revocation_file;
mod revoke;
mod seal;
mod show;
mod uninvite;

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
    /// Invite somebody: a line to hand over, which lets in one node within two weeks, or a reader
    Invite(Box<invite::Invite>),
    /// List whom you invited, and what became of it
    #[cfg(feature = "client")]
    Invitations(invitations::Invitations),
    /// Let those stay who came by an invitation
    #[cfg(feature = "client")]
    Confirm(Box<confirm::Confirm>),
    /// Take an invitation back
    Uninvite(uninvite::Uninvite),
    /// Take out keys, and all that was granted through them; without a key: renew the list
    Revoke(revoke::Revoke),
    /// The key that the members of a sealed grid share
    #[command(subcommand)]
    Seal(seal::Seal),
    /// Bring what the grid's key signed to every introducer of a configuration
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
            Self::Invitations(command) => command.reaches(),
            Self::Confirm(command) => Some(&**command),
            Self::Init(_) | Self::Keygen(_) | Self::Grant(_) | Self::Revoke(_) | Self::Seal(_) => None,
            Self::Invite(_) | Self::Uninvite(_) => None,
        }
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Init(arguments) => arguments.run(),
            Self::Keygen(arguments) => arguments.grid(),
            Self::Grant(arguments) => arguments.run(),
            Self::Invite(arguments) => arguments.run(),
            #[cfg(feature = "client")]
            Self::Invitations(arguments) => arguments.run(),
            #[cfg(feature = "client")]
            Self::Confirm(arguments) => arguments.run(),
            Self::Uninvite(arguments) => arguments.run(),
            Self::Revoke(arguments) => arguments.run(),
            Self::Seal(arguments) => arguments.run(),
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
