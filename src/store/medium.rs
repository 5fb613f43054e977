//! Where the store's bytes are: one directory with one file, locked for one process.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::error::{Failure, OpenError};

/// The store.
const FILE_NAME: &str = "records.redb";
/// The store while it is created: it gets its name when it is complete, so a file of that name always was a store.
const NEW_FILE_NAME: &str = "records.redb.new";
/// Written and removed to see whether there is room again.
const PROBE_FILE_NAME: &str = "records.room";
/// Room that has to be there before a store that ran full is opened again: several of the largest groups. Opening reads
/// everything, so it is not tried for a few kilobytes.
const PROBE_BYTES: usize = 4 << 20;
/// Who is listed is nobody else's business on the machine.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The bytes of a store.
#[derive(Clone)]
pub(super) enum Medium {
    File(Arc<File>),
    #[cfg(test)]
    Disk(Arc<super::fault::Disk>),
}

impl Medium {
    pub(super) fn len(&self) -> io::Result<u64> {
        match self {
            Self::File(file) => Ok(file.metadata()?.len()),
            #[cfg(test)]
            Self::Disk(disk) => Ok(disk.len()),
        }
    }

    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.read_exact_at(out, offset),
            #[cfg(test)]
            Self::Disk(disk) => disk.read(offset, out),
        }
    }

    pub(super) fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.write_all_at(data, offset),
            #[cfg(test)]
            Self::Disk(disk) => disk.write(offset, data),
        }
    }

    pub(super) fn set_len(&self, len: u64) -> io::Result<()> {
        match self {
            Self::File(file) => file.set_len(len),
            #[cfg(test)]
            Self::Disk(disk) => disk.set_len(len),
        }
    }

    pub(super) fn sync_data(&self) -> io::Result<()> {
        match self {
            Self::File(file) => file.sync_data(),
            #[cfg(test)]
            Self::Disk(disk) => disk.sync_data(),
        }
    }
}

/// A place that holds at most one store, kept for one process.
pub(super) enum Place {
    Directory {
        path: PathBuf,
        /// Locked while open; the kernel lets go of it however the process ends.
        handle: File,
    },
    #[cfg(test)]
    Disk(Arc<super::fault::Disk>),
}

impl Place {
    /// Creates the directory when it is not there.
    pub(super) fn make(path: &Path) -> Result<(), OpenError> {
        match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !path.is_dir() => {
                Err(Failure::from(error).opening(path.into()))
            }
            _ => Ok(()),
        }
    }

    /// Takes the directory, which is created when it is not there.
    pub(super) fn lock(path: &Path) -> Result<Self, OpenError> {
        let opening = |error: io::Error| Failure::from(error).opening(path.into());
        Self::make(path)?;
        let handle = File::open(path).map_err(opening)?;
        match handle.try_lock() {
            Ok(()) => Ok(Self::Directory { path: path.into(), handle }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { directory: path.into() }),
            Err(TryLockError::Error(error)) => Err(opening(error)),
        }
    }

    /// For messages.
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Directory { path, .. } => path.clone(),
            #[cfg(test)]
            Self::Disk(_) => PathBuf::from("(test)"),
        }
    }

    /// The store that is there.
    pub(super) fn existing(&self) -> Result<Option<Medium>, Failure> {
        match self {
            Self::Directory { path, .. } => {
                match OpenOptions::new().read(true).write(true).open(path.join(FILE_NAME)) {
                    Ok(file) => Ok(Some(Medium::File(Arc::new(file)))),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
            #[cfg(test)]
            Self::Disk(disk) => Ok((disk.len() > 0).then(|| Medium::Disk(Arc::clone(disk)))),
        }
    }

    /// Makes a store: `fill` gets an empty file, which gets its name when that is done and on the disk.
    pub(super) fn create(&self, fill: impl FnOnce(Medium) -> Result<(), Failure>) -> Result<Medium, Failure> {
        match self {
            Self::Directory { path, handle } => {
                let new = path.join(NEW_FILE_NAME);
                // Left over from a start that was interrupted: nothing in it was ever acknowledged.
                match std::fs::remove_file(&new) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                    _ => {}
                }
                let file = OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(&new)?;
                let file = Arc::new(file);
                let filled = fill(Medium::File(Arc::clone(&file))).and_then(|()| Ok(file.sync_all()?));
                if let Err(failure) = filled {
                    let _ = std::fs::remove_file(&new);
                    return Err(failure);
                }
                std::fs::rename(&new, path.join(FILE_NAME))?;
                handle.sync_all()?;
                Ok(Medium::File(file))
            }
            #[cfg(test)]
            Self::Disk(disk) => {
                fill(Medium::Disk(Arc::clone(disk)))?;
                Ok(Medium::Disk(Arc::clone(disk)))
            }
        }
    }

    /// Whether there is room again: by taking it, since only that asks disk, quota and size limit alike.
    pub(super) fn probe_room(&self) -> Result<(), Failure> {
        match self {
            Self::Directory { path, .. } => {
                let name = path.join(PROBE_FILE_NAME);
                let probed = probe(&name);
                let _ = std::fs::remove_file(&name);
                Ok(probed?)
            }
            #[cfg(test)]
            Self::Disk(disk) => Ok(disk.probe_room(PROBE_BYTES)?),
        }
    }
}

fn probe(name: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(name)?;
    file.write_all(&vec![0; PROBE_BYTES])?;
    file.sync_data()
}
