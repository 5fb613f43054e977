//! What a program says when it is wrong: a code, and nothing of what it was working on.
#![cfg(feature = "server")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use sha2::{Digest as _, Sha256};

/// What no message may repeat.
const SECRET: &str = "nodesecret1qqqqqqqq at 198.51.100.7";
/// Names the place in which the process that a test starts shall panic.
const PLACE: &str = "ANTEROOM_TEST_PANIC";
/// A user without processes, on every Linux.
const NOBODY: u32 = 65_534;

/// What Rust would print, and whose it would be.
const FORBIDDEN: [&str; 7] = ["panicked", "nodesecret", "198.51", "backtrace", "stack", "/", ".rs"];

/// The codes in what a process said, after everything else in it was found harmless.
fn codes(said: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&said.stderr);
    for forbidden in FORBIDDEN {
        assert!(!said.contains(forbidden), "{forbidden:?} in:\n{said}");
    }
    said.lines().filter_map(|line| line.strip_prefix("anteroom: internal error ")).map(String::from).collect()
}

fn hash(file: &str) -> String {
    Sha256::digest(file).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Panics as `place` says.
fn panic_in(place: &str) {
    anteroom::cli::tell_panics_by_code();
    match place {
        "main" => panic!("a value: {SECRET}"),
        "thread" => {
            let thread = thread::Builder::new().name(SECRET.into()).spawn(|| panic!("a value: {SECRET}"));
            assert!(thread.unwrap().join().is_err());
        }
        "task" => {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            assert!(runtime.block_on(runtime.spawn(async { panic!("a value: {SECRET}") })).is_err());
        }
        "value" => {
            let _: u8 = SECRET.parse().map_err(|_| SECRET).unwrap();
        }
        other => unreachable!("{other}"),
    }
}

/// Starts this very test again for each place, and panics there.
#[test]
fn a_panic_prints_a_code_and_no_message_path_or_backtrace() {
    if let Ok(place) = std::env::var(PLACE) {
        return panic_in(&place);
    }
    for place in ["main", "thread", "task", "value"] {
        let name = "a_panic_prints_a_code_and_no_message_path_or_backtrace";
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", name, "--nocapture"]).env(PLACE, place).env("RUST_BACKTRACE", "full");
        let codes = codes(&again.output().unwrap());
        let source = fs::read_to_string(file!()).unwrap();
        let [code] = &codes[..] else { panic!("{place}: {codes:?}") };
        let (file, line) = code.rsplit_once('-').unwrap();
        assert_eq!(file, format!("E-{}", hash(file!())), "{place}");
        let line = source.lines().nth(line.parse::<usize>().unwrap() - 1).unwrap();
        assert!(line.contains("SECRET"), "{place}: {line}");
    }
}

/// A thread that can't be started is a panic in tokio: the one that can be caused from outside.
#[test]
fn an_introducer_that_panics_says_a_code_that_leads_to_the_line() {
    let directory = tempfile::Builder::new().prefix("anteroom-").tempdir().unwrap();
    let place = directory.path();
    let grid = anteroom::record::GridSecret::from_seed([1; 32]).id();
    fs::copy(env!("CARGO_BIN_EXE_anteroom"), place.join("anteroom")).unwrap();
    let config = format!("version = 1\ngrid = \"{grid}\"\nsocket = \"socket\"\nstate = \"state\"\n");
    fs::write(place.join("introducer.toml"), config).unwrap();
    let said = without_threads(place).stdin(Stdio::null()).env("RUST_BACKTRACE", "full").output().unwrap();
    assert_eq!(said.status.code(), Some(101), "{said:?}");
    let codes = codes(&said);
    let [code] = &codes[..] else { panic!("{said:?}") };
    let found = Command::new("packaging/find-error").arg(code).output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    let (file, line) = found.trim().rsplit_once(':').unwrap_or_else(|| panic!("no place for {code}: {found}"));
    assert_eq!(file, "src/server/mod.rs");
    let line = fs::read_to_string(file).unwrap().lines().nth(line.parse::<usize>().unwrap() - 1).unwrap().to_owned();
    assert!(line.contains("spawn_blocking"), "{line}");
}

/// The introducer as a user that may have no further process or thread. For root there is no such limit.
fn without_threads(place: &Path) -> Command {
    let mut words = vec!["prlimit", "--nproc=0"];
    if rustix::process::geteuid().is_root() {
        words.splice(0..0, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
        chown(place, Some(NOBODY), Some(NOBODY)).unwrap();
        fs::set_permissions(place.join("introducer.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    }
    words.extend(["./anteroom", "introducer", "--config", "introducer.toml"]);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(place);
    command
}

#[test]
fn a_code_that_is_nobodys_is_said_to_be() {
    let find = |code: &str| Command::new("packaging/find-error").arg(code).output().unwrap().status.code();
    assert_eq!(find("E-00000000-1"), Some(1));
    assert_eq!(find("E-src/main.rs-1"), Some(2));
    let tokio = lock_version("tokio");
    assert_eq!(find(&format!("E-{}-5", hash(&format!("tokio-{tokio}/src/lib.rs")))), Some(0), "of a dependency");
}

/// The version of a dependency that this is built with.
fn lock_version(name: &str) -> String {
    let lock: toml::Table = include_str!("../Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"].as_str() == Some(name)).unwrap();
    package["version"].as_str().unwrap().to_owned()
}
