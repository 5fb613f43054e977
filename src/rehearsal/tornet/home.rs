//! The directory of one run: everything its processes read and write.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, UNIX_EPOCH},
};

use super::TornetError;
use crate::ambient;

const PREFIX: &str = "anteroom-tornet-";

/// Marks a directory whose logs somebody may want to read.
const KEEP_MARK: &str = "KEEP";

/// How long the logs of a failed run stay: long enough to look at them the next morning.
const KEPT_LOGS_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest path of ours below a run's directory, `/<name>/control.sock` and the like, with room for names.
const PATH_BELOW_BYTES_MAX: usize = 50;

/// An AF_UNIX address holds 108 bytes, the terminating zero included (unix(7)).
pub(super) const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A directory in the system's temporary directory, removed on drop unless it is to be kept.
pub(super) struct Home {
    path: PathBuf,
}

impl Home {
    /// Creates the directory, for this user only, and removes those of runs that ended without doing so.
    pub(super) fn create() -> Result<Self, TornetError> {
        static NETWORKS: AtomicUsize = AtomicUsize::new(0);
        let parent = std::env::temp_dir();
        remove_leftovers(&parent);
        let number = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
        if path.as_os_str().len() + PATH_BELOW_BYTES_MAX > SOCKET_PATH_BYTES_MAX {
            return Err(TornetError::PathTooLong(parent));
        }
        private_dir(&path).map_err(TornetError::system(format!("can't make {}", path.display())))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates, if need be, and names a directory in it that only this user may enter, as tor demands.
    pub(super) fn subdir(&self, name: &str) -> Result<PathBuf, TornetError> {
        let path = self.path.join(name);
        match private_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(TornetError::system(format!("can't make {}", path.display()))(error))
            }
            _ => Ok(path),
        }
    }

    /// Keeps the directory, also beyond this process.
    pub(super) fn keep(&self) {
        let _ = fs::write(self.path.join(KEEP_MARK), ""); // where nothing can be written there is nothing to read
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.path.join(KEEP_MARK).exists() {
            let _ = fs::remove_dir_all(&self.path); // the next run tries again
        }
    }
}

/// Creates a directory with mode 0700.
pub(super) fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

fn remove_leftovers(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if is_leftover(&entry) {
            let _ = fs::remove_dir_all(entry.path()); // it may belong to another user
        }
    }
}

fn is_leftover(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse::<u32>().ok());
    let is_abandoned = owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists());
    let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
    let marked = fs::metadata(entry.path().join(KEEP_MARK)).and_then(|mark| mark.modified());
    let is_wanted = marked.is_ok_and(|since| {
        let since = since.duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_secs() + KEPT_LOGS_AGE_MAX.as_secs() > ambient::wall_seconds()
    });
    is_dir && is_abandoned && !is_wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_goes_unless_it_is_kept() {
        let home = Home::create().unwrap();
        let path = home.path().to_owned();
        assert_eq!(home.subdir("x").unwrap(), home.subdir("x").unwrap());
        drop(home);
        assert!(!path.exists());
        let home = Home::create().unwrap();
        home.keep();
        let path = home.path().to_owned();
        drop(home);
        assert!(path.exists());
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn what_an_ended_run_left_is_removed_and_what_a_running_one_has_stays() {
        let parent = tempfile::tempdir().unwrap();
        let dir = |name: &str| {
            let path = parent.path().join(name);
            private_dir(&path).unwrap();
            path
        };
        let nobody = i32::MAX; // beyond the largest process id (pid_max is 2^22 at most)
        let dead = dir(&format!("{PREFIX}{nobody}-0"));
        let alive = dir(&format!("{PREFIX}{}-7", std::process::id()));
        let kept = dir(&format!("{PREFIX}{nobody}-1"));
        fs::write(kept.join(KEEP_MARK), "").unwrap();
        let foreign = dir("anteroom-other");
        remove_leftovers(parent.path());
        assert_eq!([&dead, &alive, &kept, &foreign].map(|path| path.exists()), [false, true, true, true]);
    }
}
