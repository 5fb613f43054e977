//! A command that another process started to bring its carrier.
#![expect(clippy::disallowed_types, reason = "a shell is the parent")]

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::network::{Network, eventually};

/// Has it ended, or is it about to be asked for?
fn has_ended(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in brackets may hold anything.
    stat.rsplit(')').next().is_none_or(|rest| rest.trim().is_empty() || rest.trim().starts_with('Z'))
}

#[test]
fn a_command_ends_with_its_parent() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    let script = "\"$0\" watch --config node.toml --json --ends-with $$ > out & echo $! > pid; wait";
    let mut parent = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_anteroom")])
        .current_dir(network.node.directory())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it watches", || network.node.read("out").contains("caught_up").then_some(()));
    let pid = network.node.read("pid");
    assert!(!has_ended(pid.trim()));
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("it has ended, too", || has_ended(pid.trim()).then_some(()));
}

#[test]
fn a_command_whose_parent_is_gone_does_not_begin() {
    let network = Network::new(&[1]);
    let ended = network.node.run(&["list", "--config", "node.toml", "--ends-with", "1"]);
    assert_eq!(ended.code, 1);
    assert!(ended.said.contains("the process that started this one has ended"), "{}", ended.said);
    assert!(network.dials.lock().unwrap().is_empty());
}

#[test]
fn a_publisher_takes_another_socket_for_once() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    network.node.configure("storage", &crate::network::introducers(&[1]));
    let text = network.node.read("node.toml").replace("socks = \"socks\"", "socks = \"nobody\"");
    network.node.write("node.toml", &text);
    let arguments = ["node", "publish", "--config", "node.toml"];
    assert_eq!(network.node.run(&arguments).code, 4);
    let ended = network.node.run(&[&arguments[..], &["--socks", "socks"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.said);
    let ended = network.node.run(&["node", "withdraw", "--config", "node.toml", "--socks", "socks"]);
    assert_eq!(ended.code, 0, "{}", ended.said);
}
