//! The grid's key, kept offline in a file under a passphrase (age, scrypt): whoever finds the file has not found the key.
//!
//! Inside is an ordinary key file, so `age --decrypt` of any other implementation gets it out as well. The file is ASCII
//! armor of mode 0600. What is decrypted is wiped; copies within the age library, on the stack and in swap are not.

use std::path::Path;

use age::{
    DecryptError,
    scrypt::{Identity, Recipient},
    secrecy::SecretString,
};
use zeroize::Zeroizing;

use crate::{
    keys::{self, KeyFileError},
    record::GridSecret,
};

/// Base-2 logarithm of scrypt's N: a second and 256 MiB for each guess, on the machine of an operator as on an attacker's.
const WORK_LOG_N: u8 = 18;
/// The most that is done for a file, a minute or so: somebody else may have made it on a faster machine.
const WORK_LOG_N_MAX: u8 = 22;
/// Ciphertext and armor of a key file.
const FILE_BYTES_MAX: usize = 16 * 1024;
/// First line of such a file.
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The file, or the key in it.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Not the passphrase of this file.
    #[error("{}: the passphrase is wrong, or the file is damaged", .0.display())]
    Passphrase(std::path::PathBuf),
    /// No file under a passphrase, or one that would take hours.
    #[error("{}: not a key under a passphrase that can be opened here", .0.display())]
    Unfit(std::path::PathBuf),
    /// Writing into memory failed.
    #[error("the key could not be encrypted: {0}")]
    Encrypt(std::io::Error),
}

impl VaultError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::File(error) => error.hint(),
            Self::Passphrase(_) => {
                "type it again; nobody can open the file without it, so keep a copy of both apart".into()
            }
            Self::Unfit(_) => "name the file that `anteroom grid init` wrote, or restore it from your backup".into(),
            Self::Encrypt(_) => "try again".into(),
        }
    }
}

/// Writes the key into a new file, under a passphrase.
///
/// # Errors
/// See [`VaultError`]; an existing file is never touched.
pub fn create(path: &Path, secret: &GridSecret, passphrase: SecretString) -> Result<(), VaultError> {
    let mut recipient = Recipient::new(passphrase);
    recipient.set_work_factor(WORK_LOG_N);
    let encrypted = age::encrypt_and_armor(&recipient, keys::grid_text(secret).as_bytes());
    let encrypted = encrypted.map_err(|error| VaultError::Encrypt(std::io::Error::other(error)))?;
    Ok(keys::create_private(path, encrypted.as_bytes())?)
}

/// What a key file needs to be read.
pub enum Vault {
    /// A passphrase.
    Locked(Locked),
    /// Nothing: it was made for an open grid, without one.
    Open(GridSecret),
}

/// A file under a passphrase.
pub struct Locked {
    path: std::path::PathBuf,
    content: Zeroizing<Vec<u8>>,
}

/// Reads a key file, under a passphrase or not.
///
/// # Errors
/// See [`VaultError`]; a file that others can read is refused.
pub fn load(path: &Path) -> Result<Vault, VaultError> {
    let content = keys::load_private(path, FILE_BYTES_MAX)?;
    if content.starts_with(ARMOR) {
        Ok(Vault::Locked(Locked { path: path.to_owned(), content }))
    } else {
        Ok(Vault::Open(keys::parse_grid(path, &content)?))
    }
}

impl Locked {
    /// The key, with the passphrase.
    ///
    /// # Errors
    /// See [`VaultError`].
    pub fn open(&self, passphrase: SecretString) -> Result<GridSecret, VaultError> {
        let mut identity = Identity::new(passphrase);
        identity.set_max_work_factor(WORK_LOG_N_MAX);
        let text = age::decrypt(&identity, &self.content).map(Zeroizing::new).map_err(|error| match error {
            DecryptError::DecryptionFailed
            | DecryptError::KeyDecryptionFailed
            | DecryptError::InvalidMac
            | DecryptError::NoMatchingKeys => VaultError::Passphrase(self.path.clone()),
            _ => VaultError::Unfit(self.path.clone()),
        })?;
        Ok(keys::parse_grid(&self.path, &text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_with_its_passphrase_and_without_it_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("grid.key");
        let secret = GridSecret::from_seed([7; 32]);
        create(&path, &secret, "a long passphrase".into()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.as_bytes().starts_with(ARMOR) && text.len() < FILE_BYTES_MAX);
        let again = create(&path, &secret, "a long passphrase".into());
        assert!(matches!(again, Err(VaultError::File(KeyFileError::Exists(_)))));
        let Vault::Locked(locked) = load(&path).unwrap() else { panic!("it is under a passphrase") };
        assert_eq!(locked.open("a long passphrase".into()).unwrap().id(), secret.id());
        assert!(matches!(locked.open("a wrong passphrase".into()), Err(VaultError::Passphrase(_))));
        std::fs::write(&path, &text[..text.len() / 2]).unwrap();
        let Vault::Locked(cut) = load(&path).unwrap() else { panic!("it still begins as one") };
        assert!(matches!(cut.open("a long passphrase".into()), Err(VaultError::Unfit(_))));
    }

    #[test]
    fn a_key_without_a_passphrase_is_read_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("grid.key");
        let secret = GridSecret::from_seed([7; 32]);
        keys::create_grid(&path, &secret).unwrap();
        assert!(matches!(load(&path).unwrap(), Vault::Open(key) if key.id() == secret.id()));
    }
}
