//! Introducer, supervisor and client commands leave nothing that tells where they ran.

use std::{fs, path::PathBuf};

use anteroom::record::GridSecret;

use crate::{
    canary::CANARIES,
    capture::Capture,
    job::{Job, ONION, Wires},
    leaks::leaks,
    machine::{Machine, Outside},
    stage::Stage,
};

/// A packet from a process that has no business with a network is one too many.
const NOBODY: fn(std::net::SocketAddrV4) -> bool = |_| false;

fn leave_nothing(level: &'static str) {
    let outside = Outside::new();
    let machines = CANARIES.each_ref().map(|canary| Machine::new(canary, &outside));
    for machine in &machines {
        let capture = Capture::start(machine, &outside);
        let stage = Stage::on(machine);
        let between = tempfile::tempdir().expect("a directory");
        let wires = Wires { notes: machine.wire(), between: between.path().to_owned() };
        let mut job = Job::start(&stage, &wires, level, "-vvv");
        job.every_command();
        job.restart();
        job.end();
        misconfigured(&stage);
        let seen = capture.stop(machine, &outside, NOBODY);
        assert_eq!((seen.allowed, seen.others), (0, Vec::new()));
        assert_searched(machine);
    }
    assert_eq!(leaks(&[&machines[0], &machines[1]]), Vec::<String>::new());
}

/// Wrong in each way that a person may get it wrong: what is not understood, and what is not there.
fn misconfigured(stage: &Stage) {
    let grid = GridSecret::from_seed([1; 32]).id();
    let introducer = format!("version = 1\ngrid = \"{grid}\"\n");
    let node = format!("{introducer}introducers = [\"{ONION}\"]\nkey = \"bad.key\"\nsocks = \"absent/socks\"\n");
    let service = format!("[[service]]\nname = \"storage\"\naddresses = [\"{ONION}\"]\n");
    let long = "x".repeat(200);
    let cases: [(&[&[&str]], String); 11] = [
        (READERS, String::new()),
        (READERS, "version = 1\nwhat is this".into()),
        (READERS, "version = 2\n".into()),
        (READERS, "\u{feff}\u{0}".into()),
        (READERS, format!("{introducer}unknown = true\n")),
        (READERS, "version = 1\ngrid = \"grid1nonsense\"\n".into()),
        (&[&["introducer"]], format!("{introducer}socket = \"absent/s\"\nstate = \"bad.state\"\n")),
        (&[&["introducer"]], format!("{introducer}socket = \"{long}\"\nstate = \"bad.state\"\n")),
        (&[&["introducer"], &["confirm-clock"]], format!("{introducer}socket = \"s\"\nstate = \"bad.toml\"\n")),
        (&[&["node", "publish"], &["node", "sign", "--out", "bad.record"]], format!("{node}{service}")),
        (&[&["list"], &["watch"], &["node", "publish"]], format!("{node}grant = \"absent/grant\"\n")),
    ];
    stage.write("bad.key", "no key at all");
    let absent = stage.run(&["-vvv", "introducer", "--config", "absent.toml"]);
    assert!(!absent.status.success());
    for (commands, text) in cases {
        stage.write("bad.toml", &text);
        for command in commands {
            let ended = stage.run(&[&["-vvv"], *command, &["--config", "bad.toml"]].concat());
            assert!(!ended.status.success() && !ended.said.is_empty(), "{command:?} took this:\n{text}");
        }
    }
}

/// There is something to search: words of each command, both directions of both wires, and the store.
fn assert_searched(machine: &Machine) {
    let filled = |directory: PathBuf, beginning: &str, end: &str| {
        let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry"));
        let files = entries.filter(|entry| entry.metadata().expect("a file").len() > 0);
        let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(beginning) && name.ends_with(end)).count()
    };
    for (directory, beginning, end, files_min) in [
        (machine.said(), "", ".err", 20),
        (machine.said(), "", ".out", 10),
        (machine.wire(), "client-", ".asked", 10),
        (machine.wire(), "client-", ".answered", 10),
        (machine.wire(), "introducer-", ".asked", 10),
        (machine.wire(), "introducer-", ".answered", 10),
        (machine.home().join("state"), "", "", 1),
    ] {
        let files = filled(directory, beginning, end);
        assert!(files >= files_min, "{files} files {beginning}…{end} to search");
    }
}

/// Commands that read a configuration.
const READERS: &[&[&str]] = &[&["serve"], &["introducer"], &["node", "publish"], &["list"], &["confirm-clock"]];

#[test]
fn held_by_the_sandbox_a_whole_run_leaves_nothing_that_tells_where_it_was() {
    leave_nothing("strict");
}

/// So that it is the program's own care that is shown, and not the sandbox.
#[test]
fn without_the_sandbox_it_leaves_nothing_either() {
    leave_nothing("off");
}
