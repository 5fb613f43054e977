//! Man pages and completions, judged by who reads them.
#![expect(clippy::disallowed_types, reason = "man and bash judge what is written for them")]

use std::{
    collections::BTreeSet,
    fs,
    io::{ErrorKind, Write as _},
    process::{Command, Stdio},
};

use crate::program::Place;

#[cfg(feature = "carrier-tor")]
const HELP: &str = include_str!("help.trycmd");

fn man_pages(place: &Place) -> BTreeSet<String> {
    assert_eq!(place.run(&["man", "--out", "man"]).code, 0);
    let names = fs::read_dir(place.path("man")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.strip_suffix(".1").unwrap().to_owned()).collect()
}

/// As in the texts of what ships: Tor inside has commands of its own.
#[cfg(feature = "carrier-tor")]
#[test]
fn every_command_has_a_man_page_and_a_pinned_help() {
    let pinned = HELP.lines().filter_map(|line| line.strip_prefix("$ ")?.strip_suffix(" --help"));
    let pinned: BTreeSet<_> = pinned.map(|command| command.replace(' ', "-")).collect();
    assert!(pinned.contains("anteroom-node-publish"), "the pinned texts were not read: {pinned:?}");
    assert_eq!(man_pages(&Place::new()), pinned);
}

#[test]
fn man_renders_every_page_without_a_warning() {
    let place = Place::new();
    for page in man_pages(&place) {
        let mut man = Command::new("man");
        man.args(["--warnings", "-P", "cat", "-l"]).arg(place.path(&format!("man/{page}.1")));
        let output = match man.env("LC_ALL", "C.UTF-8").env("MANWIDTH", "100").output() {
            Err(error) if error.kind() == ErrorKind::NotFound => panic!("man is not installed: run tests/all"),
            output => output.unwrap(),
        };
        let (text, warned) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        // man stretches lines with blanks.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(output.status.success() && warned.is_empty(), "{page}: {warned}");
        for part in ["NAME", "SYNOPSIS", "OPTIONS", "Exit codes"] {
            assert!(text.contains(part), "{page} has no {part}:\n{text}");
        }
    }
}

#[test]
fn bash_can_read_its_completions() {
    let script = Place::new().run(&["completions", "bash"]).out;
    for word in ["socks-bridge", "--introducer", "withdraw"] {
        assert!(script.contains(word), "{word}");
    }
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
