//! A reader that went away, as behind `| head -0`: no panic, no fault.

use std::process::Output;

use crate::{network::Network, program::Place};

/// Runs a command whose standard output nobody reads, from its first byte on.
fn unread(place: &Place, arguments: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = place.command(arguments).stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
    child.wait_with_output().unwrap()
}

fn assert_quiet(place: &Place, arguments: &[&str]) {
    let output = unread(place, arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    assert!(!said.contains("panicked") && !said.contains("Broken pipe"), "{arguments:?}: {said}");
}

#[test]
fn commands_without_a_network_end_quietly() {
    let place = Place::with_node("");
    let commands: [&[&str]; 11] = [
        &["--help"],
        &["--version"],
        &["node", "publish", "--help"],
        &["completions", "bash"],
        &["completions", "elvish"],
        &["init", "introducer", "lobby"],
        &["grid", "keygen", "--out", "grid.key"],
        &["node", "keygen", "--out", "second.key", "--json"],
        &["node", "sign", "--config", "node.toml", "--out", "record"],
        &["node", "show", "--config", "node.toml"],
        &["node", "show", "--record", "record", "--json"],
    ];
    for arguments in commands {
        assert_quiet(&place, arguments);
    }
    for made in ["lobby/introducer.toml", "grid.key", "second.key", "record"] {
        assert!(place.path(made).exists(), "{made}: what was asked for is done all the same");
    }
}

#[test]
fn commands_that_ask_end_quietly() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    for command in [&["node", "publish", "--json"] as &[&str], &["about"], &["list"], &["watch", "--json"]] {
        assert_quiet(&network.node, &[command, &["--config", "node.toml"]].concat());
    }
}
