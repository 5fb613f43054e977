//! Secret keys on disk, and the counter of a node's records beside its key.
//!
//! A key file is text: lines that start with `#`, and one line of bech32. Only its owner may read it. Buffers are wiped;
//! what zeroize can't reach (registers, swap, the page cache, the blocks of the disk) is not.
//!
//! The keys of Tor are of another form, C tor's own, so that one directory serves C tor and the embedded Tor:
//! [`OnionService`] is the identity of an onion service, [`authorized_clients`] says who may reach it, and
//! [`client_keys`] has what such a client holds.

pub mod authorized_clients;
mod client_auth;
pub mod client_keys;
mod onion_error;
mod onion_identity;
mod onion_service;
mod private;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

pub use client_auth::{ClientKeyError, ClientName, ClientNameError, ClientPublic, ClientSecret};
pub use onion_error::OnionKeyError;
pub use onion_service::OnionService;
use zeroize::Zeroizing;

use crate::record::{GridSecret, NodeSecret, SecretError, Seq};

/// A key is a line of some 80 characters; the rest is room for an owner's comments.
const KEY_FILE_BYTES_MAX: usize = 4096;
/// Digits of the largest counter, and a newline.
const SEQ_FILE_BYTES_MAX: usize = 21;
/// Owner only.
const MODE: u32 = 0o600;
/// What group and others may do: nothing.
const MODE_OTHERS: u32 = 0o077;

/// Why there is no key, or no counter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Nothing is ever written over a key.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// There is none.
    #[error("there is no key file {}", .0.display())]
    NotFound(PathBuf),
    /// A directory, a device, a pipe.
    #[error("{} is not a regular file", .0.display())]
    NotRegular(PathBuf),
    /// Somebody else can read or write it.
    #[error("{} can be read or written by others than its owner (mode {mode:04o})", path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Not comments and one line.
    #[error("{} is not a key file: it must hold lines that start with `#` and one line with the key", .0.display())]
    Malformed(PathBuf),
    /// The line is not a key of this kind.
    #[error("{}: {error}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// What is wrong with the line.
        error: SecretError,
    },
    /// Another process publishes with this key.
    #[error("another process is using the key {}", .0.display())]
    InUse(PathBuf),
    /// Not a number.
    #[error("{} is not a counter: it must hold one number", .0.display())]
    Counter(PathBuf),
    /// A new node that went on from the numbers of an old one would be known as its successor.
    #[error("{} is the counter of another key", .0.display())]
    CounterOfAnother(PathBuf),
    /// After 2⁶⁴ records.
    #[error("the counter {} is at its end", .0.display())]
    CounterExhausted(PathBuf),
    /// Anything else.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl KeyFileError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Exists(_) => "choose another name: a key that is overwritten is lost for ever".into(),
            Self::NotFound(_) => "make one with `anteroom node keygen --out FILE`, or correct `key` in the \
                configuration"
                .into(),
            Self::NotRegular(_) => "name the key file itself".into(),
            Self::TooOpen { path, .. } => {
                format!("run: chmod 600 {}   (who read it before has the key: then make a new one)", path.display())
            }
            Self::Malformed(_) | Self::Secret { .. } => {
                "name another file, or restore this one from your backup".into()
            }
            Self::InUse(_) => "end the other process first: two of them would use one counter".into(),
            Self::Counter(path) => {
                format!("remove {}: the introducers know the last number and it goes on from there", path.display())
            }
            Self::CounterOfAnother(_) => {
                "choose another name, or move it away: a new node that went on from it would be linked to the old one"
                    .into()
            }
            Self::CounterExhausted(_) => "this key can't publish any more: make a new one".into(),
            Self::Io { .. } => "check the directory, its permissions and the free space".into(),
        }
    }
}

/// Writes the secret key of a node into a new file.
///
/// # Errors
/// See [`KeyFileError`]; an existing file is never touched.
pub fn create_node(path: &Path, secret: &NodeSecret) -> Result<(), KeyFileError> {
    let counter = with_suffix(path, ".seq");
    if fs::symlink_metadata(&counter).is_ok() && fs::symlink_metadata(path).is_err() {
        return Err(KeyFileError::CounterOfAnother(counter));
    }
    let header = format!("# anteroom node key: keep it secret, keep a copy\n# {}\n", secret.id());
    create_private(path, text(&header, &secret.to_text()).as_bytes())
}

/// Writes the secret key of a grid into a new file.
///
/// # Errors
/// See [`KeyFileError`]; an existing file is never touched.
pub fn create_grid(path: &Path, secret: &GridSecret) -> Result<(), KeyFileError> {
    create_private(path, grid_text(secret).as_bytes())
}

/// The content of a grid's key file.
pub(crate) fn grid_text(secret: &GridSecret) -> Zeroizing<String> {
    let header = format!(
        "# anteroom grid key: keep it secret, keep a copy, keep it off the introducer's machine\n# {}\n",
        secret.id()
    );
    text(&header, &secret.to_text())
}

/// Reads the secret key of a node.
///
/// # Errors
/// See [`KeyFileError`]; a file that others can read is refused.
pub fn load_node(path: &Path) -> Result<NodeSecret, KeyFileError> {
    let text = load_private(path, KEY_FILE_BYTES_MAX)?;
    key_line(path, &text)?.parse().map_err(|error| KeyFileError::Secret { path: path.to_owned(), error })
}

/// Reads the secret key of a grid.
///
/// # Errors
/// See [`KeyFileError`]; a file that others can read is refused.
pub fn load_grid(path: &Path) -> Result<GridSecret, KeyFileError> {
    parse_grid(path, &load_private(path, KEY_FILE_BYTES_MAX)?)
}

/// The key in the content of a grid's key file.
pub(crate) fn parse_grid(path: &Path, text: &[u8]) -> Result<GridSecret, KeyFileError> {
    key_line(path, text)?.parse().map_err(|error| KeyFileError::Secret { path: path.to_owned(), error })
}

/// The last number used with the key in `key`, also while another process holds the counter. Only to be shown.
///
/// # Errors
/// See [`KeyFileError`].
pub fn last_seq(key: &Path) -> Result<Seq, KeyFileError> {
    let key = fs::canonicalize(key).map_err(|error| failed(key, error))?;
    read_seq(&with_suffix(&key, ".seq"))
}

/// The counter of a node's records: a file beside the key, held by one process at a time.
#[derive(Debug)]
pub struct SeqCounter {
    path: PathBuf,
    seq: Seq,
    // Held open for its lock.
    _key: File,
}

impl SeqCounter {
    /// Opens the counter of the key in `key` and keeps other processes out until it is dropped. A counter that does not
    /// exist is at 0.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn open(key: &Path) -> Result<Self, KeyFileError> {
        let file = open(key)?;
        // One key, one counter, whatever links lead to it.
        let key = fs::canonicalize(key).map_err(|error| failed(key, error))?;
        file.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => KeyFileError::InUse(key.clone()),
            fs::TryLockError::Error(error) => failed(&key, error),
        })?;
        let path = with_suffix(&key, ".seq");
        let seq = read_seq(&path)?;
        Ok(Self { path, seq, _key: file })
    }

    /// The last number that was used.
    pub const fn last(&self) -> Seq {
        self.seq
    }

    /// The next number, higher than every earlier one and than `seq`. It is on the disk before it is returned, so that no
    /// crash makes a node use it twice.
    ///
    /// # Errors
    /// See [`KeyFileError`]; then no number was used.
    pub fn advance_beyond(&mut self, seq: Seq) -> Result<Seq, KeyFileError> {
        let next = self.seq.max(seq).checked_add(1);
        let next = next.ok_or_else(|| KeyFileError::CounterExhausted(self.path.clone()))?;
        replace_private(&self.path, format!("{next}\n").as_bytes())?;
        self.seq = next;
        Ok(next)
    }
}

fn text(header: &str, line: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(header.len() + line.len() + 1));
    text.push_str(header);
    text.push_str(line);
    text.push('\n');
    text
}

/// Writes a new file that nobody else can read.
pub(crate) fn create_private(path: &Path, content: &[u8]) -> Result<(), KeyFileError> {
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(KeyFileError::Exists(path.to_owned()));
        }
        opened => opened.map_err(|error| failed(path, error))?,
    };
    let written = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| sync_directory(path));
    written.map_err(|error| {
        // Half a key is of no use, and it would be in the way of the next try.
        let _ = fs::remove_file(path);
        failed(path, error)
    })
}

/// Writes a file that nobody else can read, in place of an older one: all of it is there after a crash, or what was there
/// before. The caller keeps other processes out, since the name for the time of writing is one for all.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> Result<(), KeyFileError> {
    let new = with_suffix(path, ".new");
    // What a crash left behind, whoever may read that.
    let _ = fs::remove_file(&new);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        sync_directory(path)
    };
    write().map_err(|error| failed(path, error))
}

/// Reads a file that nobody else can read.
pub(crate) fn load_private(path: &Path, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let mut file = open(path)?;
    let mut buffer = Zeroizing::new(vec![0; bytes_max + 1]);
    let length = fill(&mut file, &mut buffer).map_err(|error| failed(path, error))?;
    if length > bytes_max {
        return Err(KeyFileError::Malformed(path.to_owned()));
    }
    buffer.truncate(length);
    Ok(buffer)
}

/// Opens a key file that is one and that nobody else can read. The questions go to the open file, so that nobody can
/// exchange it in between.
fn open(path: &Path) -> Result<File, KeyFileError> {
    let opened = OpenOptions::new()
        .read(true)
        // A pipe must be refused, not waited for.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeyFileError::NotFound(path.to_owned())),
        opened => opened.map_err(|error| failed(path, error))?,
    };
    let metadata = file.metadata().map_err(|error| failed(path, error))?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotRegular(path.to_owned()));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & MODE_OTHERS != 0 {
        return Err(KeyFileError::TooOpen { path: path.to_owned(), mode });
    }
    Ok(file)
}

/// The one line that is no comment.
fn key_line<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, KeyFileError> {
    let malformed = || KeyFileError::Malformed(path.to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| malformed())?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (lines.next(), lines.next()) {
        (Some(line), None) => Ok(line),
        _ => Err(malformed()),
    }
}

/// A counter that does not exist is at 0.
fn read_seq(path: &Path) -> Result<Seq, KeyFileError> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        opened => opened.map_err(|error| failed(path, error))?,
    };
    let mut buffer = [0; SEQ_FILE_BYTES_MAX + 1];
    let length = fill(&mut file, &mut buffer).map_err(|error| failed(path, error))?;
    buffer
        .get(..length)
        .and_then(|bytes| bytes.strip_suffix(b"\n"))
        .filter(|digits| digits.iter().all(u8::is_ascii_digit))
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| KeyFileError::Counter(path.to_owned()))
}

/// Reads until the end or until `buffer` is full. A buffer that grew would leave copies behind.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    loop {
        let space = buffer.get_mut(length..).unwrap_or_default();
        match file.read(space) {
            Ok(0) => return Ok(length),
            Ok(got) => length += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A file that was made or renamed is there after a crash only when its directory is on the disk too.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn failed(path: &Path, error: io::Error) -> KeyFileError {
    KeyFileError::Io { path: path.to_owned(), error }
}
