//! The program in a directory of its own.
#![expect(clippy::disallowed_types, clippy::expect_used, reason = "tests start the program and fail plainly")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use anteroom::record::{GridId, GridSecret};
use tempfile::TempDir;

/// An onion service that no test reaches over Tor.
pub(crate) const ONION: &str = "sgblgwu6s3qplltke246cgan4h4arjxufg7lx3zpjwt3vc3evl7byiid.onion:80";

pub(crate) fn grid() -> GridId {
    GridSecret::from_seed([1; 32]).id()
}

/// A directory, and the program started in it.
pub(crate) struct Place {
    directory: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) said: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::Builder::new().prefix("anteroom-").tempdir().expect("a temporary directory") }
    }

    /// A node with a key and one service; `extra` is put in front of it.
    pub(crate) fn with_node(extra: &str) -> Self {
        let place = Self::new();
        place.configure("storage", extra);
        assert_eq!(place.run(&["node", "keygen", "--out", "node.key"]).code, 0);
        place
    }

    pub(crate) fn configure(&self, service: &str, extra: &str) {
        let text = format!(
            "version = 1\ngrid = \"{}\"\nkey = \"node.key\"\nsocks = \"socks\"\n{extra}\n\
             [[service]]\nname = \"{service}\"\naddresses = [\"{ONION}\"]\n",
            grid()
        );
        self.write("node.toml", &text);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file can be written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Runs to the end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.command(arguments).output().expect("the program starts").into()
    }

    /// Starts and goes on; what is said goes to files.
    pub(crate) fn start(&self, arguments: &[&str], name: &str) -> Child {
        let file = |suffix: &str| fs::File::create(self.path(&format!("{name}.{suffix}"))).expect("a file");
        self.command(arguments).stdout(file("out")).stderr(file("said")).spawn().expect("the program starts")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anteroom"));
        command.args(arguments).current_dir(self.directory()).stdin(Stdio::null());
        command
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ended {
    /// The one JSON document of the output.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).expect("one JSON document")
    }
}
