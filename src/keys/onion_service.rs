//! The identity of an onion service: made, opened, moved between C tor and the embedded Tor.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    OnionKeyError, authorized_clients,
    onion_identity::Identity,
    private::{PrivateDirectory, Reader},
};
use crate::record::{AddressError, OnionAddress};

/// An onion service whose keys are in a directory, laid out as C tor's `HiddenServiceDir`. arti reads that form too.
///
/// # Security
/// Whoever has a copy of the directory is the service. The value holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnionService {
    directory: PathBuf,
    key: [u8; 32],
}

impl OnionService {
    /// Opens the service in `directory`. Files that follow from the secret key are made again when they are missing.
    ///
    /// # Errors
    /// See [`OnionKeyError`]: every file must be ours, closed to others, and agree with the others.
    pub fn open(directory: &Path) -> Result<Self, OnionKeyError> {
        let private = PrivateDirectory::open(directory, Reader::Owner)?;
        let identity = Identity::read(&private)?.ok_or_else(|| OnionKeyError::NoKey(directory.to_owned()))?;
        if !Identity::is_complete(&private)? {
            private.lock()?;
            identity.write_missing(&private)?;
        }
        Ok(Self::of(directory, &identity))
    }

    /// Opens the service in `directory`, or makes one there from `seed`, 32 bytes of a cryptographic generator, which the
    /// caller wipes. Directories that are missing are made with mode 0700.
    ///
    /// # Errors
    /// See [`OnionKeyError`]; where a secret key was lost, no new one takes its place.
    pub fn open_or_create(directory: &Path, seed: &[u8; 32]) -> Result<Self, OnionKeyError> {
        let private = PrivateDirectory::open_or_make(directory)?;
        private.lock()?;
        let identity = match Identity::read(&private)? {
            Some(identity) => identity,
            None => Identity::from_seed(seed),
        };
        authorized_clients::make(&private)?;
        identity.write_missing(&private)?;
        Ok(Self::of(directory, &identity))
    }

    /// Copies a service and its authorized clients from `from` into `to`. Root may take them from another user's
    /// directory. Where `to` has that service already, clients that it lacks are added.
    ///
    /// # Errors
    /// See [`OnionKeyError`]. Nothing is written over: neither the key of another address nor another key of a client.
    ///
    /// # Security
    /// Two processes that serve one address make it unreachable by turns: the other one must have ended.
    pub fn import(from: &Path, to: &Path) -> Result<Self, OnionKeyError> {
        let source = Source::read(from)?;
        let private = PrivateDirectory::open_or_make(to)?;
        private.lock()?;
        if Identity::read(&private)?.is_some_and(|present| present.public() != source.identity.public()) {
            return Err(OnionKeyError::OtherAddress(to.to_owned()));
        }
        source.write(&private)
    }

    /// Copies a service and its authorized clients from `from` into a new directory `to`, for C tor.
    ///
    /// # Errors
    /// See [`OnionKeyError`]; `to` must not exist, and does not after an error.
    ///
    /// # Security
    /// As for [`Self::import`].
    pub fn export(from: &Path, to: &Path) -> Result<Self, OnionKeyError> {
        let source = Source::read(from)?;
        let private = PrivateDirectory::make(to)?;
        let written = private.lock().and_then(|()| source.write(&private));
        if written.is_err() {
            // Half a service would be in the way of the next try. It was made here, and nobody uses it yet.
            let _ = fs::remove_dir_all(to);
        }
        written
    }

    /// The address, with the port that it is offered on.
    ///
    /// # Errors
    /// Port 0.
    pub const fn address(&self, port: u16) -> Result<OnionAddress, AddressError> {
        OnionAddress::new(self.key, port)
    }

    /// `<56>.onion`.
    pub fn host(&self) -> String {
        OnionAddress::host_of(&self.key)
    }

    /// Where its keys are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn of(directory: &Path, identity: &Identity) -> Self {
        Self { directory: directory.to_owned(), key: *identity.public() }
    }
}

/// A service to be copied, read and found whole before anything is written.
struct Source {
    identity: Identity,
    clients: authorized_clients::Clients,
}

impl Source {
    fn read(from: &Path) -> Result<Self, OnionKeyError> {
        let private = PrivateDirectory::open(from, Reader::OwnerOrRoot)?;
        let identity = Identity::read(&private)?.ok_or_else(|| OnionKeyError::NoKey(from.to_owned()))?;
        let clients = authorized_clients::read(&private, Reader::OwnerOrRoot)?;
        Ok(Self { identity, clients })
    }

    /// Clients first: at no moment is there a service that is open to more than it was.
    fn write(&self, private: &PrivateDirectory) -> Result<OnionService, OnionKeyError> {
        authorized_clients::merge(private, &self.clients)?;
        self.identity.write_missing(private)?;
        Ok(OnionService::of(private.path(), &self.identity))
    }
}
