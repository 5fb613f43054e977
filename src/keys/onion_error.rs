//! What can be wrong with the keys of an onion service and of its clients, and what to do about it.

use std::{io, path::PathBuf};

use super::{
    authorized_clients::CLIENTS_MAX,
    client_auth::{ClientName, ClientPublic},
};

/// Why a directory with Tor's keys can't be used, or was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnionKeyError {
    /// There is none.
    #[error("there is no directory {}", .0.display())]
    NoDirectory(PathBuf),
    /// A file, or a symbolic link.
    #[error("{} is not a directory, or only a link to one", .0.display())]
    NotADirectory(PathBuf),
    /// A directory, a device, a pipe, or a symbolic link.
    #[error("{} is not a regular file, or only a link to one", .0.display())]
    NotRegular(PathBuf),
    /// Somebody else can read or write it.
    #[error("{} can be read or written by others than its owner (mode {mode:04o})", path.display())]
    TooOpen {
        /// The file or directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It belongs to another user, who would be the one to use it.
    #[error("{} belongs to the user {owner}, not to {us}", path.display())]
    NotOurs {
        /// The file or directory.
        path: PathBuf,
        /// User id of its owner.
        owner: u32,
        /// User id of this process, or of the owner of the directory around it.
        us: u32,
    },
    /// Too short, too long, or of another kind.
    #[error("{} is not {expected}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// No service has its keys here.
    #[error("{} holds no key of an onion service", .0.display())]
    NoKey(PathBuf),
    /// The public files of a service without the secret one.
    #[error("the secret key {} is gone, its address is still there", .0.display())]
    SecretLost(PathBuf),
    /// A public key or a host name that is not the secret key's.
    #[error("{} does not belong to the secret key beside it", .0.display())]
    Mismatch(PathBuf),
    /// The key of another service is there.
    #[error("{} holds the key of another address", .0.display())]
    OtherAddress(PathBuf),
    /// Nothing is ever written over.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// Another process changes keys here.
    #[error("another process is changing the keys in {}", .0.display())]
    InUse(PathBuf),
    /// A file of a client whose name only C tor reads.
    #[error("{} is no name that both C tor and the embedded Tor read", .0.display())]
    FileName(PathBuf),
    /// One name for two.
    #[error("there is a client {0} already, with another key")]
    NameTaken(ClientName),
    /// Two names for one key: taking away one would leave the other.
    #[error("this is the key of the client {0} already")]
    KeyTaken(ClientName),
    /// Nobody of that name.
    #[error("there is no client {0}")]
    UnknownClient(ClientName),
    /// Without any, C tor lets everybody in.
    #[error("{0} is the last client: without any, C tor opens the service to everybody who knows the address")]
    LastClient(ClientName),
    /// More than fit a descriptor.
    #[error("an onion service has at most {CLIENTS_MAX} clients")]
    TooManyClients,
    /// There is a key for that service.
    #[error("{} is a key for this address already", path.display())]
    HasKey {
        /// The file.
        path: PathBuf,
        /// Its public half.
        public: ClientPublic,
    },
    /// Anything else.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl OnionKeyError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NoDirectory(path) => format!(
                "name another, or make it as the user whose tor uses it: mkdir -m 700 {}   (that of an introducer is \
                 made when its tor starts)",
                path.display()
            ),
            Self::NotADirectory(_) => "name the directory itself; links are not followed where keys are".into(),
            Self::NotRegular(_) => "put the file itself there; links are not followed where keys are".into(),
            Self::TooOpen { path, .. } => format!(
                "run: chmod go= {}   (who read a secret key before has the address: then make a new one)",
                path.display()
            ),
            Self::NotOurs { .. } => {
                "run this as the user whose tor uses the directory, such as: runuser -u debian-tor \
                -- anteroom …   or, if it is to change hands: chown -R USER: DIRECTORY"
                    .into()
            }
            Self::Malformed { .. } => {
                "restore it from your backup, or name another directory; nothing was changed".into()
            }
            Self::NoKey(_) => "name the directory that `HiddenServiceDir` in torrc names; the embedded Tor's gets its \
                key when `anteroom serve` starts, or by `anteroom onion-key import`"
                .into(),
            Self::SecretLost(path) => format!(
                "restore {} from your backup; to begin with a new address, move the directory away",
                path.display()
            ),
            Self::Mismatch(path) => format!(
                "restore both files from one backup; if the secret key is the right one, remove {}: it is made again",
                path.display()
            ),
            Self::OtherAddress(_) => "no key is written over: move that directory away first, if its address is to be \
                given up"
                .into(),
            Self::Exists(_) => "name one that does not exist: nothing is written over".into(),
            Self::InUse(_) => "wait until it has ended, then try again".into(),
            Self::FileName(_) => format!("rename it: {}, and .auth", ClientName::RULE),
            Self::NameTaken(_) => "choose another name, or remove that client first".into(),
            Self::KeyTaken(_) => "there is nothing to do; each client has one name and a key of its own".into(),
            Self::UnknownClient(_) => "`anteroom client-auth list` shows those there are".into(),
            Self::LastClient(_) => {
                "stop tor's onion service first, or add another client; if everybody may come in, say \
                so with --open-to-everybody"
                    .into()
            }
            Self::TooManyClients => "more do not fit into a service's descriptor: run a second introducer for the \
                others"
                .into(),
            Self::HasKey { public, .. } => format!(
                "tor uses one key an address. This one's public half, for the introducer's operator:\n    {public}\n    \
                 For a new key, move that file away first"
            ),
            Self::Io { .. } => "check the directory, its permissions and the free space".into(),
        }
    }
}
