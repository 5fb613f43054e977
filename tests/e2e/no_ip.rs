//! The introducer opens no IP socket, asks nothing about the machine, and needs no network.

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
};

use anteroom::{protocol::Request, record::HashedNodeId};

use crate::{
    support::{
        introducer::{Introducer, require, unshare},
        records::{Node, grid},
        wire::Answer,
    },
    trace::{parse, strace},
    verdict::{TRACED, unix_only_findings},
};

/// Without the sandbox, so that a mere attempt counts, and its own attempts do not.
const UNLOCKED: &str = "sandbox = \"off\"";
fn exercise(introducer: &Introducer) {
    let (node, mut wire) = (Node::new(1), introducer.wire(1));
    let record = node.record(1);
    assert_eq!(wire.publish(record.bytes()).expect("an answer"), Answer::Accepted);
    let hash = *HashedNodeId::new(&grid(), &node.id()).as_bytes();
    assert_eq!(wire.lookup(hash).expect("an answer").as_deref(), Some(record.bytes()));
    assert_eq!(introducer.wire(2).list(Some("storage"), None).expect("a listing"), [record.bytes()]);
    let mut watcher = introducer.wire(3);
    watcher.send(&Request::Watch { service: None, since_hours: None }).expect("a stream");
    assert_eq!(watcher.pages().expect("a listing").len(), 1);
}

#[test]
fn an_introducer_asks_the_kernel_for_nothing_that_knows_an_address() {
    ask_for_nothing(Introducer::prepared(UNLOCKED));
}

#[test]
fn neither_does_it_with_its_supervisor() {
    let mut introducer = Introducer::prepared(&format!("carrier = \"external\"\n{UNLOCKED}"));
    introducer.supervise();
    ask_for_nothing(introducer);
}

fn ask_for_nothing(mut introducer: Introducer) {
    let own = introducer.directory.path().to_path_buf();
    let mut calls = Vec::new();
    // Twice: a restart has a store to check.
    for run in 0..2 {
        let trace = own.join(format!("trace-{run}"));
        introducer.wrap(&strace(TRACED, &trace));
        introducer.launch();
        exercise(&introducer);
        introducer.signal("-HUP");
        introducer.wait("it reloads", |introducer| introducer.log().matches("was reloaded").count() > run);
        assert!(introducer.terminate().success());
        calls.extend(parse(&trace));
    }
    let opened: BTreeSet<_> = calls
        .iter()
        .filter(|call| call.name.starts_with("open") && call.result >= 0)
        .filter_map(|call| call.text().map(|path| path.replace(&own.display().to_string(), "…")))
        .collect();
    println!("opened: {opened:#?}");
    assert!(calls.iter().any(|call| call.name == "accept4"), "the trace is the one of an introducer");
    assert!(calls.iter().any(|call| call.name == "socket"), "the trace has its sockets");
    assert_eq!(unix_only_findings(&calls, &[&own]), Vec::<String>::new());
}

#[test]
fn the_same_eyes_see_a_socket_where_there_is_one() {
    require("strace");
    let directory = tempfile::tempdir().expect("a directory");
    let trace = directory.path().join("trace");
    let words = strace(TRACED, &trace);
    // Nothing is sent: a UDP socket is connected, the way to learn one's own address.
    let script = "exec 3<>/dev/udp/127.0.0.1/9; read -r name < /etc/hostname; uname -n";
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["bash", "-c", script]).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().is_ok(), "bash runs");
    let found = unix_only_findings(&parse(&trace), &[directory.path()]);
    for what in ["socket(AF_INET", "connect(", "/etc/hostname", "uname("] {
        assert!(found.iter().any(|finding| finding.contains(what)), "{what} was not seen in {found:#?}");
    }
}

#[test]
fn an_introducer_needs_no_network() {
    let mut introducer = Introducer::prepared("");
    introducer.wrap(&unshare("n"));
    introducer.launch();
    let interfaces = std::fs::read_to_string(format!("/proc/{}/net/dev", introducer.pid())).expect("the process runs");
    let interfaces: Vec<_> = interfaces.lines().skip(2).filter_map(|line| line.split(':').next()).collect();
    assert!(interfaces.iter().all(|name| name.trim() == "lo"), "{interfaces:?}");
    exercise(&introducer);
    assert!(introducer.terminate().success());
}
