//! Who may reach a restricted onion service: one file a client in `authorized_clients`, beside the service's key.
//!
//! C tor restricts a service as soon as there is a client, and opens it to everybody when there is none. The embedded Tor
//! goes by the configuration (`client_auth`), and without any client nobody gets in.

use std::{collections::BTreeMap, path::Path};

use super::{
    OnionKeyError,
    client_auth::{ClientName, ClientPublic},
    private::{PrivateDirectory, Reader},
};

/// What arti recommends at most (`MAX_RESTRICTED_DISCOVERY_CLIENTS`): with more, and all introduction points, a descriptor
/// passes the 50,000 bytes that Tor's directories take. C tor has room for some more; an address may move between the two.
pub const CLIENTS_MAX: usize = 160;
/// The directory of the clients in that of the service, for C tor and for arti's `key_dirs`.
pub const DIRECTORY: &str = "authorized_clients";
const SUFFIX: &str = ".auth";

/// The clients of a service.
pub type Clients = BTreeMap<ClientName, ClientPublic>;

/// May the last client go?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastClient {
    /// No: C tor would open the service to everybody.
    Keep,
    /// Yes.
    Remove,
}

/// The clients of the service in `service`. Root may look at another user's.
///
/// # Errors
/// See [`OnionKeyError`]. A file that a tor would pass over in silence is an error here.
pub fn list(service: &Path) -> Result<Clients, OnionKeyError> {
    read(&PrivateDirectory::open(service, Reader::OwnerOrRoot)?, Reader::OwnerOrRoot)
}

/// Adds a client to the service in `service`, whose directory must exist. The same client again is no change.
///
/// # Errors
/// See [`OnionKeyError`]: one key for each name, one name for each key, and at most [`CLIENTS_MAX`].
pub fn add(service: &Path, name: &ClientName, key: ClientPublic) -> Result<(), OnionKeyError> {
    let service = PrivateDirectory::open(service, Reader::Owner)?;
    service.lock()?;
    merge(&service, &[(name.clone(), key)].into())
}

/// Takes a client from the service in `service`.
///
/// # Errors
/// See [`OnionKeyError`].
///
/// # Security
/// A tor that runs must be told. Who was a client may go on with what it has learnt: C tor ends that when it is restarted,
/// arti when its introduction points change.
pub fn remove(service: &Path, name: &ClientName, last: LastClient) -> Result<(), OnionKeyError> {
    let service = PrivateDirectory::open(service, Reader::Owner)?;
    service.lock()?;
    let unknown = || OnionKeyError::UnknownClient(name.clone());
    let directory = service.directory(DIRECTORY, Reader::Owner)?.ok_or_else(unknown)?;
    let clients = read(&service, Reader::Owner)?;
    if !clients.contains_key(name) {
        return Err(unknown());
    }
    if clients.len() == 1 && last == LastClient::Keep {
        return Err(OnionKeyError::LastClient(name.clone()));
    }
    directory.remove(&file_name(name))
}

/// The clients in the directory of a service.
pub(super) fn read(service: &PrivateDirectory, reader: Reader) -> Result<Clients, OnionKeyError> {
    let Some(directory) = service.directory(DIRECTORY, reader)? else { return Ok(Clients::new()) };
    let mut clients = Clients::new();
    for file in directory.names()? {
        // Both tors read no others, and say so in their logs.
        let Some(stem) = file.as_encoded_bytes().strip_suffix(SUFFIX.as_bytes()) else { continue };
        let name = std::str::from_utf8(stem).ok().and_then(|name| name.parse::<ClientName>().ok());
        let name = name.ok_or_else(|| OnionKeyError::FileName(directory.path().join(&file)))?;
        if let Some(text) = directory.read(&file_name(&name))? {
            let key = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
            let path = directory.path_of(&file_name(&name));
            let expected = "a client's public key: one line, `descriptor:x25519:` and 52 letters and digits";
            clients.insert(name, key.ok_or(OnionKeyError::Malformed { path, expected })?);
        }
    }
    Ok(clients)
}

/// Adds what is missing, or nothing. The service must be locked.
pub(super) fn merge(service: &PrivateDirectory, added: &Clients) -> Result<(), OnionKeyError> {
    let mut all = read(service, Reader::Owner)?;
    let mut new = Clients::new();
    for (name, key) in added {
        match all.iter().find(|(other, other_key)| *other == name || *other_key == key) {
            Some((other, other_key)) if other == name && other_key == key => continue,
            Some((other, _)) if other == name => return Err(OnionKeyError::NameTaken(name.clone())),
            Some((other, _)) => return Err(OnionKeyError::KeyTaken(other.clone())),
            None => {}
        }
        all.insert(name.clone(), *key);
        new.insert(name.clone(), *key);
    }
    if all.len() > CLIENTS_MAX {
        return Err(OnionKeyError::TooManyClients);
    }
    let directory = make(service)?;
    for (name, key) in new {
        directory.create(&file_name(&name), format!("{key}\n").as_bytes())?;
    }
    Ok(())
}

/// The directory of the clients, also while there is none: C tor has one always, and arti complains when it is missing.
pub(super) fn make(service: &PrivateDirectory) -> Result<PrivateDirectory, OnionKeyError> {
    PrivateDirectory::open_or_make(&service.path_of(DIRECTORY))
}

fn file_name(name: &ClientName) -> String {
    format!("{name}{SUFFIX}")
}
