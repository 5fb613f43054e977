//! The directory of one run: everything its tors read and write.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

const PREFIX: &str = "anteroom-tornet-";

/// Marks a directory whose logs somebody may want to read.
const KEEP_MARK: &str = "KEEP";

/// How long the logs of a failed run stay: long enough to look at them the next morning.
const KEPT_LOGS_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest path of ours below a run's directory, `/<name>/control.sock` and the like, with room for names.
const PATH_BELOW_BYTES_MAX: usize = 50;

/// An AF_UNIX address holds 108 bytes, the terminating zero included (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A directory in the system's temporary directory, removed on drop unless it is to be kept.
///
/// Not below `target/`, where a deep checkout would make the paths of AF_UNIX sockets too long.
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// Creates the directory, for this user only, and removes those of runs that ended without doing so.
    pub fn create() -> Self {
        static NETWORKS: AtomicUsize = AtomicUsize::new(0);
        let parent = std::env::temp_dir();
        remove_leftovers(&parent);
        let number = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
        assert!(
            path.as_os_str().len() + PATH_BELOW_BYTES_MAX <= SOCKET_PATH_BYTES_MAX,
            "{} is too long for AF_UNIX sockets: set TMPDIR to a shorter path",
            parent.display()
        );
        private_dir(&path).unwrap_or_else(|error| panic!("cannot create {}: {error}", path.display()));
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates, if need be, and names a directory in it that only this user may enter, as tor demands.
    pub fn subdir(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        match private_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                panic!("cannot create {}: {error}", path.display())
            }
            _ => path,
        }
    }

    /// Keeps the directory, also beyond this process, and says where it is.
    pub fn keep(&self) {
        let mark = self.path.join(KEEP_MARK);
        if !mark.exists() && fs::write(&mark, "").is_ok() {
            eprintln!("private Tor network: logs are kept in {}", self.path.display());
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep();
        }
        if !self.path.join(KEEP_MARK).exists() {
            let _ = fs::remove_dir_all(&self.path); // the next run tries again
        }
    }
}

/// Creates a directory with mode 0700.
pub fn private_dir(path: &Path) -> io::Result<()> {
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
        let age = SystemTime::now().duration_since(since);
        age.is_ok_and(|age| age < KEPT_LOGS_AGE_MAX)
    });
    is_dir && is_abandoned && !is_wanted
}
