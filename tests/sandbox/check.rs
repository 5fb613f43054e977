//! `anteroom sandbox-check`, started as one user or another.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::introducer::require;

/// No account of any system has it.
pub(crate) const ORDINARY_UID: u32 = 54_321;
pub(crate) const PROFILES: [&str; 4] = ["unix-accept", "unix-connect", "egress-tcp", "supervisor"];

/// Who runs a process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum User {
    /// With every capability, at least within a user namespace.
    Root,
    /// With none.
    Ordinary,
}

/// The program where every user can start it.
pub(crate) struct Program {
    directory: TempDir,
}

/// How a check ended.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) success: bool,
    pub(crate) said: String,
    report: Value,
}

/// One line of the attack.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) layer: Option<String>,
    pub(crate) denied: bool,
}

impl Program {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("anteroom-").tempdir().expect("a temporary directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("a directory of ours");
        let program = Self { directory };
        // Not written by this process: another test that starts a program at that moment would hold the file open for
        // writing, and what is open for writing can't be started.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_anteroom")).arg(program.path()).status();
        assert!(copied.is_ok_and(|status| status.success()), "no room for the program");
        program
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("anteroom")
    }

    /// The program as run by `user`.
    pub(crate) fn command(&self, user: User, arguments: &[&str]) -> Command {
        let mut words = as_user(user);
        words.push(self.path().display().to_string());
        let mut command = Command::new(words.remove(0));
        command.args(words).args(arguments).current_dir("/").stdin(Stdio::null()).env_remove("LD_LIBRARY_PATH");
        command
    }

    pub(crate) fn check(&self, user: User, arguments: &[&str]) -> Checked {
        let arguments: Vec<_> = ["sandbox-check", "--json"].iter().chain(arguments).copied().collect();
        self.command(user, &arguments).output().expect("the program starts").into()
    }
}

/// Words in front of a command that make it run as `user`.
pub(crate) fn as_user(user: User) -> Vec<String> {
    let words: &[&str] = match (user, rustix::process::geteuid().is_root()) {
        (User::Root, true) | (User::Ordinary, false) => &["env"],
        (User::Root, false) => &["unshare", "-r"],
        (User::Ordinary, true) => {
            let (user, group) = (format!("--reuid={ORDINARY_UID}"), format!("--regid={ORDINARY_UID}"));
            require("setpriv");
            return ["setpriv", &user, &group, "--clear-groups", "--"].map(String::from).to_vec();
        }
    };
    require(words.first().expect("a word"));
    words.iter().map(|word| (*word).into()).collect()
}

impl From<Output> for Checked {
    fn from(output: Output) -> Self {
        Self {
            success: output.status.success(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
            report: serde_json::from_slice(&output.stdout).unwrap_or_default(),
        }
    }
}

impl Checked {
    /// `applied`, `partly` or `not-applied`, and why.
    pub(crate) fn layer(&self, name: &str) -> (String, String) {
        let layers = self.report["layers"].as_array().expect("layers");
        let line = layers.iter().find(|line| line["layer"] == name).expect("every layer is told of");
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        (text("state"), text("why"))
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        let attempts = self.report["attempts"].as_array().expect("attempts");
        let line = |attempt: &Value| Line {
            name: attempt["name"].as_str().expect("a name").into(),
            layer: attempt["layer"].as_str().map(str::to_owned),
            denied: attempt["denied"].as_bool().expect("denied or not"),
        };
        attempts.iter().map(line).collect()
    }
}
