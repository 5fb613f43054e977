//! Debian's tor without any network: it reads and makes keys, and that is all.
#![expect(clippy::disallowed_types, reason = "starts a program, for the tests alone")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// It takes tor a fraction of a second to read its keys; a machine may be busy.
const KEYS_READ_SECONDS_MAX: u64 = 60;
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The first line after every key was read or made.
const KEYS_READ: &str = "Bootstrapped 0%";
/// What tor says of how it is started here.
const EXPECTED: [&str; 3] = [
    "You are running Tor as root",
    "Your log may contain sensitive information",
    "ORPort are all undefined, and there aren't any hidden services configured",
];

/// A running tor. It ends with this value, or with this process.
pub(crate) struct OfflineTor {
    child: Child,
    log: PathBuf,
}

impl OfflineTor {
    /// Starts tor with `torrc` in `dir`, and returns when it has read its keys.
    pub(crate) fn start(dir: &Path, torrc: &str) -> Self {
        let (file, log) = (dir.join("torrc"), dir.join("log"));
        // An earlier tor's says nothing of this one.
        let _ = fs::remove_file(&log);
        let torrc = format!(
            "DisableNetwork 1\nSocksPort 0\nControlPort 0\nDataDirectory {data}\nLog info file {log}\n{torrc}\n",
            data = dir.join("data").display(),
            log = log.display(),
        );
        fs::write(&file, torrc).unwrap();
        let started = Command::new("tor")
            .args(["--hush", "--defaults-torrc", "/nonexistent", "--__OwningControllerProcess"])
            .arg(std::process::id().to_string())
            .arg("-f")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = started.unwrap_or_else(|error| panic!("{error}: run tests/all, or apt-get install tor"));
        let mut tor = Self { child, log };
        let deadline = Instant::now() + Duration::from_secs(KEYS_READ_SECONDS_MAX);
        while !tor.log().contains(KEYS_READ) {
            let ended = tor.child.try_wait().unwrap();
            assert!(ended.is_none(), "tor ended ({ended:?}):\n{}", tor.log());
            assert!(Instant::now() < deadline, "tor did not read its keys:\n{}", tor.log());
            thread::sleep(POLL_INTERVAL);
        }
        tor
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What tor found fault with in files of keys.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.log();
        let complaint = |line: &&str| line.contains("[warn]") || line.contains("[err]");
        let lines =
            log.lines().filter(complaint).filter(|line| !EXPECTED.iter().any(|expected| line.contains(expected)));
        lines.map(str::to_owned).collect()
    }
}

impl Drop for OfflineTor {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
