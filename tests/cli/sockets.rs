//! What a client asks of the kernel: AF_UNIX sockets and its own files, nothing that names a host.
#![expect(clippy::disallowed_types, reason = "strace tells what a program does")]

use std::{io::ErrorKind, process::Command};

use crate::network::Network;

/// What a resolver reads.
const RESOLVER_FILES: [&str; 7] =
    ["resolv.conf", "/etc/hosts", "nsswitch.conf", "host.conf", "gai.conf", "nscd", "systemd/resolve"];

/// The system calls of a client's run, one a line.
fn traced(network: &Network, arguments: &[&str]) -> String {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-s", "256", "-e", "trace=%network,%file,%process", "-o", "trace"]);
    strace.arg(env!("CARGO_BIN_EXE_anteroom")).args(arguments).args(["--config", "node.toml"]);
    // Without the sandbox, so that a mere attempt counts, and its own attempts do not.
    strace.args(["--sandbox", "off"]);
    let output = match strace.current_dir(network.node.directory()).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => panic!("strace is not installed: run tests/all"),
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    network.node.read("trace")
}

#[test]
fn a_client_has_no_socket_but_the_proxys() {
    let mut network = Network::new(&[1, 2]);
    network.serve(1, "");
    network.serve(2, "");
    let id = network.node.run(&["node", "show", "--config", "node.toml", "--json"]).json()["node"].clone();
    let id = id.as_str().unwrap();
    let commands: [&[&str]; 5] = [&["node", "publish"], &["list"], &["about"], &["lookup", id], &["node", "withdraw"]];
    for command in commands {
        let trace = traced(&network, command);
        let sockets: Vec<_> = trace.lines().filter(|line| line.contains(" socket(")).collect();
        assert!(!sockets.is_empty(), "nothing was traced:\n{trace}");
        for line in &sockets {
            assert!(line.contains(" socket(AF_UNIX, "), "{command:?}: {line}");
        }
        let connects: Vec<_> = trace.lines().filter(|line| line.contains(" connect(")).collect();
        assert!(!connects.is_empty(), "{command:?} reached nobody:\n{trace}");
        for line in &connects {
            assert!(line.contains(" {sa_family=AF_UNIX, sun_path=\"socks\"}"), "{command:?}: {line}");
        }
        for family in ["AF_INET", "AF_NETLINK", "AF_PACKET", " bind(", " listen(", " execve(\"/bin", " execve(\"/usr"] {
            assert!(!trace.contains(family), "{command:?}: {family}:\n{trace}");
        }
        for file in RESOLVER_FILES {
            assert!(!trace.contains(file), "{command:?} opened {file}:\n{trace}");
        }
    }
}

/// `kill` ends a process at the first call that is not in its list, so that what is quietly done without is seen, too;
/// `--stay` is in `keeping.rs`.
#[test]
fn a_client_makes_no_call_that_is_not_in_its_list() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    let node = &network.node;
    let id = node.run(&["node", "show", "--config", "node.toml", "--json"]).json()["node"].clone();
    assert_eq!(node.run(&["node", "sign", "--config", "node.toml", "--out", "record"]).code, 0);
    let commands: [&[&str]; 7] = [
        &["node", "publish"],
        &["node", "publish", "--record", "record"],
        &["list"],
        &["list", "--json"],
        &["about"],
        &["lookup", id.as_str().unwrap(), "--evidence"],
        &["node", "withdraw"],
    ];
    for command in commands {
        let arguments: Vec<_> =
            command.iter().chain(&["--config", "node.toml", "--sandbox", "kill"]).copied().collect();
        let ended = node.run(&arguments);
        // The record that was signed first is not the newest any more: refused, and that is an answer, too.
        let expected = if command.contains(&"--record") { 3 } else { 0 };
        assert_eq!(ended.code, expected, "{command:?}: {}", ended.said);
    }
}
