//! What a client of a restricted onion service holds: one file a service, as in C tor's `ClientOnionAuthDir`.

use std::path::{Path, PathBuf};

use super::{
    OnionKeyError,
    client_auth::{ClientName, ClientPublic, ClientSecret},
    private::{PrivateDirectory, Reader},
};
use crate::record::OnionAddress;

const SUFFIX: &str = ".auth_private";

/// Must the directory of the keys be there?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It is made, with mode 0700: its path comes from a configuration.
    Make,
    /// It is an error: its path was typed, and a tor would look elsewhere.
    Refuse,
}

/// Writes `secret` as the key for `service` into `directory`, in a new file `NAME.auth_private`, and says where it is.
///
/// # Errors
/// See [`OnionKeyError`]; a second key for one service is refused, since a tor would use either.
pub fn create(
    directory: &Path,
    missing: Missing,
    name: &ClientName,
    service: &OnionAddress,
    secret: &ClientSecret,
) -> Result<PathBuf, OnionKeyError> {
    let directory = match missing {
        Missing::Make => PrivateDirectory::open_or_make(directory)?,
        Missing::Refuse => PrivateDirectory::open(directory, Reader::Owner)?,
    };
    directory.lock()?;
    if let Some((path, public)) = find(&directory, service)? {
        return Err(OnionKeyError::HasKey { path, public });
    }
    let file = format!("{name}{SUFFIX}");
    directory.create(&file, secret.line(service).as_bytes())?;
    Ok(directory.path_of(&file))
}

/// The key for `service` that is there already. What is no key is no obstacle: tor passes over it, too.
fn find(
    directory: &PrivateDirectory,
    service: &OnionAddress,
) -> Result<Option<(PathBuf, ClientPublic)>, OnionKeyError> {
    for file in directory.names()? {
        let Some(file) = file.to_str().filter(|file| file.ends_with(SUFFIX)) else { continue };
        let secret = directory.read(file)?.and_then(|text| ClientSecret::parse_line(&text, service));
        if let Some(secret) = secret {
            return Ok(Some((directory.path_of(file), secret.public())));
        }
    }
    Ok(None)
}
