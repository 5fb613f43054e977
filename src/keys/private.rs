//! Directories and files that nobody but their owner may see: what C tor and arti ask of a directory with keys.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags},
    process::geteuid,
};
use zeroize::Zeroizing;

use super::{MODE, MODE_OTHERS, OnionKeyError, fill, sync_directory};

/// Owner only.
const DIRECTORY_MODE: u32 = 0o700;
/// No file here is larger: a secret key has 96 bytes, a client's line at most 127. The rest is room for line ends.
const FILE_BYTES_MAX: usize = 256;
/// Some ten times as many as there may be clients; who has more has named another directory.
const ENTRIES_MAX: usize = 2048;

/// Whose directory it may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// Ours: what we write must be readable for whoever uses the directory.
    Owner,
    /// Root may look at anybody's, and so take over a key from tor's user. Nothing is written then.
    OwnerOrRoot,
}

/// A directory of one owner, found to be closed to everybody else. Files are opened from this handle, so that what was
/// judged is what is read.
pub(super) struct PrivateDirectory {
    path: PathBuf,
    handle: File,
    owner: u32,
}

impl PrivateDirectory {
    pub(super) fn open(path: &Path, reader: Reader) -> Result<Self, OnionKeyError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
            rustix::io::Errno::NOENT => OnionKeyError::NoDirectory(path.to_owned()),
            rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP => OnionKeyError::NotADirectory(path.to_owned()),
            other => failed(path, other),
        })?;
        let handle = File::from(handle);
        let metadata = handle.metadata().map_err(|error| failed(path, error))?;
        let us = geteuid();
        if metadata.uid() != us.as_raw() && !(reader == Reader::OwnerOrRoot && us.is_root()) {
            return Err(OnionKeyError::NotOurs { path: path.to_owned(), owner: metadata.uid(), us: us.as_raw() });
        }
        refuse_open(path, &metadata)?;
        Ok(Self { path: path.to_owned(), handle, owner: metadata.uid() })
    }

    /// The same for a directory that is made when it is missing, with those above it.
    pub(super) fn open_or_make(path: &Path) -> Result<Self, OnionKeyError> {
        // A file or a link in its place is judged below, in words that say more.
        if fs::symlink_metadata(path).is_err() {
            let made = DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path);
            made.and_then(|()| sync_directory(path)).map_err(|error| failed(path, error))?;
        }
        Self::open(path, Reader::Owner)
    }

    /// A directory that must not exist yet.
    pub(super) fn make(path: &Path) -> Result<Self, OnionKeyError> {
        DirBuilder::new().mode(DIRECTORY_MODE).create(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => OnionKeyError::Exists(path.to_owned()),
            _ => failed(path, error),
        })?;
        sync_directory(path).map_err(|error| failed(path, error))?;
        Self::open(path, Reader::Owner)
    }

    /// The directory `name` in this one, if there is one.
    pub(super) fn directory(&self, name: &str, reader: Reader) -> Result<Option<Self>, OnionKeyError> {
        match Self::open(&self.path.join(name), reader) {
            Ok(directory) => Ok(Some(directory)),
            Err(OnionKeyError::NoDirectory(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps other processes of this program from changing what is in it, until the value is dropped.
    pub(super) fn lock(&self) -> Result<(), OnionKeyError> {
        self.handle.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => OnionKeyError::InUse(self.path.clone()),
            fs::TryLockError::Error(error) => failed(&self.path, error),
        })
    }

    /// The whole of a file, if there is one.
    pub(super) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, OnionKeyError> {
        let path = self.path_of(name);
        // A pipe must be refused, not waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = match rustix::fs::openat(&self.handle, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(OnionKeyError::NotRegular(path)),
            Err(error) => return Err(failed(&path, error)),
        };
        let metadata = file.metadata().map_err(|error| failed(&path, error))?;
        if !metadata.is_file() {
            return Err(OnionKeyError::NotRegular(path));
        }
        if metadata.uid() != self.owner {
            return Err(OnionKeyError::NotOurs { path, owner: metadata.uid(), us: self.owner });
        }
        refuse_open(&path, &metadata)?;
        let mut buffer = Zeroizing::new(vec![0; FILE_BYTES_MAX + 1]);
        let length = fill(&mut file, &mut buffer).map_err(|error| failed(&path, error))?;
        if length > FILE_BYTES_MAX {
            return Err(OnionKeyError::Malformed { path, expected: "a file of this size" });
        }
        buffer.truncate(length);
        Ok(Some(buffer))
    }

    /// A new file, whole and on the disk or not there at all. Nothing is ever written over.
    ///
    /// The directory must be locked: the name for the time of writing is one for all.
    pub(super) fn create(&self, name: &str, bytes: &[u8]) -> Result<(), OnionKeyError> {
        let path = self.path_of(name);
        let unfinished = format!(".{name}.new");
        let remove = || rustix::fs::unlinkat(&self.handle, &unfinished, AtFlags::empty());
        // What a crash left behind.
        let _ = remove();
        let write = || -> io::Result<()> {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let mut file = File::from(rustix::fs::openat(&self.handle, &unfinished, flags, Mode::from_raw_mode(MODE))?);
            file.write_all(bytes)?;
            file.sync_all()?;
            // Unlike a rename, a link never takes the place of what exists.
            rustix::fs::linkat(&self.handle, &unfinished, &self.handle, name, AtFlags::empty())?;
            Ok(())
        };
        let written = write();
        let removed = remove();
        written.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => OnionKeyError::Exists(path.clone()),
            _ => failed(&path, error),
        })?;
        removed.map_err(|error| failed(&path, error))?;
        self.handle.sync_all().map_err(|error| failed(&path, error))
    }

    /// Takes a file away.
    pub(super) fn remove(&self, name: &str) -> Result<(), OnionKeyError> {
        rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())
            .map_err(io::Error::from)
            .and_then(|()| self.handle.sync_all())
            .map_err(|error| failed(&self.path_of(name), error))
    }

    /// The names of what is in it, without order.
    pub(super) fn names(&self) -> Result<Vec<OsString>, OnionKeyError> {
        let entries = fs::read_dir(&self.path).map_err(|error| failed(&self.path, error))?;
        let names: Result<Vec<_>, _> = entries.take(ENTRIES_MAX + 1).map(|entry| Ok(entry?.file_name())).collect();
        let names = names.map_err(|error: io::Error| failed(&self.path, error))?;
        if names.len() > ENTRIES_MAX {
            return Err(OnionKeyError::Malformed { path: self.path.clone(), expected: "a directory with keys alone" });
        }
        Ok(names)
    }
}

impl Drop for PrivateDirectory {
    /// Said, not left to the closing of the file: a child that another thread is just starting holds it open, too, and
    /// would hold the lock until it has become another program.
    fn drop(&mut self) {
        let _ = self.handle.unlock();
    }
}

fn refuse_open(path: &Path, metadata: &fs::Metadata) -> Result<(), OnionKeyError> {
    let mode = metadata.mode() & 0o7777;
    if mode & MODE_OTHERS == 0 { Ok(()) } else { Err(OnionKeyError::TooOpen { path: path.to_owned(), mode }) }
}

fn failed(path: &Path, error: impl Into<io::Error>) -> OnionKeyError {
    OnionKeyError::Io { path: path.to_owned(), error: error.into() }
}
