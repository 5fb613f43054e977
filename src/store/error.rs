//! What can go wrong with the store, and what to do about it.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

/// Why a store is not opened. Nothing has been written to it then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Two introducers on one store would each acknowledge what the other does not know.
    #[error("the store in {} is in use by another introducer; stop that one, or give this one a directory of its own", .directory.display())]
    Locked {
        /// Where the store is.
        directory: PathBuf,
    },
    /// The file system or the permissions forbid writing.
    #[error("the store in {} can't be written to; let this user write there, and the file system too", .directory.display())]
    ReadOnly {
        /// Where the store is.
        directory: PathBuf,
    },
    /// No room to create the store, or to note that it is in use.
    #[error("the disk (or this user's quota) is full, or the file too large for it; make room and start again")]
    Full,
    /// A later version of this software has been here.
    #[error("the store was written by a newer version (format {found}, known here: {known}); start that version")]
    Newer {
        /// What the store says.
        found: u32,
        /// The latest this software reads.
        known: u32,
    },
    /// Some other file has the name of a store.
    #[error("the file is not an anteroom store; move it away, or name another directory")]
    Foreign,
    /// The disk returned something else than was written.
    #[error("the store is damaged ({0}) and was left as it is; restore a copy, or move it away and start empty")]
    Damaged(Damage),
    /// The operating system refused for another reason.
    #[error("the store can't be opened: {0}")]
    Io(#[source] io::Error),
}

/// What is wrong with a damaged store: for a person who has to decide which copy to restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// Too short to be a database, or cut off behind its header.
    #[error("it is cut off")]
    Truncated,
    /// The database's own structure or checksums don't hold.
    #[error("its checksums do not hold")]
    Checksum,
    /// The database code gave up on what it read.
    #[error("its pages make no sense")]
    Panicked,
    /// A row that is none of this store's.
    #[error("a row has the wrong form")]
    Row,
    /// A row whose record does not decode, or belongs to another node.
    #[error("a record in it does not decode, or stands under another node's key")]
    Record,
    /// Rows are missing or too many.
    #[error("it does not hold the number of rows it says")]
    Count,
    /// What was acknowledged is not there any more.
    #[error("acknowledged changes are missing")]
    Stale,
}

/// Why a group of changes is not in the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The disk, the quota or the configured cap leaves no room. Try again later; the store recovers by itself.
    #[error("the store is full")]
    Full,
    /// What is on the disk and what is in memory may differ: the process has to end and start again.
    #[error("the store failed and this process can't go on with it: {0}")]
    Fatal(FatalError),
}

/// Why a store is given up by the process that has it open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FatalError {
    /// The operating system reported an error other than a lack of room.
    #[error("{0}")]
    Io(io::ErrorKind),
    /// The store could not be opened again after the disk had been full.
    #[error("{0}")]
    Reopen(Box<OpenError>),
    /// The database refused or gave up.
    #[error("{0}")]
    Damaged(Damage),
    /// A record is larger than any record may be; nobody but a faulty caller does that.
    #[error("a record over the size limit was handed to the store")]
    TooLarge,
    /// An earlier group failed for good.
    #[error("an earlier failure")]
    Earlier,
}

/// A failure of redb, sorted by what this store does about it.
#[derive(Debug)]
pub(super) enum Failure {
    Full,
    ReadOnly,
    Io(io::Error),
    Foreign,
    Newer(u32),
    Damaged(Damage),
}

impl Failure {
    /// As an error of opening.
    pub(super) fn opening(self, directory: PathBuf) -> OpenError {
        match self {
            Self::Full => OpenError::Full,
            Self::ReadOnly => OpenError::ReadOnly { directory },
            Self::Io(error) => OpenError::Io(error),
            Self::Foreign => OpenError::Foreign,
            Self::Newer(found) => OpenError::Newer { found, known: super::row::FORMAT },
            Self::Damaged(damage) => OpenError::Damaged(damage),
        }
    }

    /// As an error of writing.
    pub(super) fn writing(self) -> CommitError {
        CommitError::Fatal(match self {
            Self::Full => return CommitError::Full,
            Self::ReadOnly => FatalError::Io(io::ErrorKind::ReadOnlyFilesystem),
            Self::Io(error) => FatalError::Io(error.kind()),
            Self::Foreign | Self::Newer(_) => FatalError::Damaged(Damage::Stale),
            Self::Damaged(damage) => FatalError::Damaged(damage),
        })
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly,
            io::ErrorKind::UnexpectedEof => Self::Damaged(Damage::Truncated),
            _ => Self::Io(error),
        }
    }
}

impl From<redb::Error> for Failure {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::PreviousIo => Self::Io(io::Error::other("an earlier input or output error")),
            _ => Self::Damaged(Damage::Checksum),
        }
    }
}

/// Every error type of redb, by way of its common one.
macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}
from_redb!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError,
    redb::SetDurabilityError
);

/// Runs `work`, and makes a panic of the database code on damaged pages an error like any other.
///
/// What `work` borrows is given up by every caller when this fails, so nothing half-changed is used afterwards.
pub(super) fn contained<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        forget(panic);
        Err(Failure::Damaged(Damage::Panicked))
    })
}

/// Drops what may panic while it is dropped: a database whose pages make no sense writes its own farewell.
pub(super) fn discard<T>(value: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        forget(panic);
    }
}

/// A panic's message may quote what was read, so it goes nowhere; and its own destructor may panic again.
fn forget(panic: Box<dyn Any + Send>) {
    std::mem::forget(panic);
}
