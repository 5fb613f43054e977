//! `anteroom serve` with a real introducer and a carrier of somebody else.

use anteroom::{protocol::Request, record::HashedNodeId};

use super::process::{is_stopped, lives, signal};
use crate::support::{
    introducer::{Introducer, exists, until},
    records::{Node, grid},
    wire::{Answer, Wire},
};

const EXTERNAL: &str = "carrier = \"external\"";

fn served() -> Introducer {
    let mut introducer = Introducer::prepared(EXTERNAL);
    introducer.supervise();
    introducer.launch();
    introducer
}

#[test]
fn who_connects_while_the_introducer_is_down_is_answered_by_the_next() {
    let mut introducer = served();
    let node = Node::new(1);
    assert_eq!(introducer.wire(1).publish(node.record(1).bytes()).expect("an answer"), Answer::Accepted);
    let first = introducer.pid();
    signal(first, "-KILL");
    until("the introducer has ended", || !lives(first));
    // The next one comes after a pause of a second, so that nobody listens now; on a machine so slow that it is there
    // already, this holds as well.
    let mut wire = Wire::connect(&introducer.socket(), 2).expect("the socket takes streams");
    wire.send(&Request::About).expect("the backlog takes a request");
    wire.receive().expect("an answer to who came while nobody was there");
    introducer.wait_ready();
    let hash = *HashedNodeId::new(&grid(), &node.id()).as_bytes();
    let found = introducer.wire(3).lookup(hash).expect("an answer");
    assert_eq!(found.as_deref(), Some(node.record(1).bytes()), "what was acknowledged is there");
    assert_ne!(introducer.pid(), first);
    assert!(introducer.log().contains("The introducer has ended (signal: 9 (SIGKILL)). It is started again in 1 s."));
}

#[test]
fn sigterm_stops_both_and_leaves_nothing() {
    let mut introducer = served();
    let (child, supervisor) = (introducer.pid(), introducer.main_pid());
    assert_ne!(child, supervisor);
    assert!(introducer.terminate().success());
    assert!(!lives(child) && !lives(supervisor));
    assert!(!exists(&introducer.socket()), "the socket is removed");
    assert!(introducer.log().contains("stopped"), "the introducer had the time to end by itself");
    introducer.launch();
    assert!(introducer.terminate().success());
}

#[test]
fn a_killed_supervisor_leaves_no_process() {
    let introducer = served();
    let (child, supervisor) = (introducer.pid(), introducer.main_pid());
    signal(supervisor, "-KILL");
    until("the introducer has ended, too", || !lives(child));
}

#[test]
fn nor_does_it_when_the_child_can_not_see_it() {
    let introducer = served();
    let (child, supervisor) = (introducer.pid(), introducer.main_pid());
    signal(child, "-STOP");
    until("the introducer stands still", || is_stopped(child));
    signal(supervisor, "-KILL");
    until("the kernel has ended the introducer", || !lives(child));
}

#[test]
fn a_child_that_stands_still_is_killed_at_the_stop() {
    let mut introducer = served();
    let (child, supervisor) = (introducer.pid(), introducer.main_pid());
    signal(child, "-STOP");
    until("the introducer stands still", || is_stopped(child));
    signal(supervisor, "-TERM");
    assert!(introducer.exit_status().success());
    assert!(!lives(child));
    assert!(!exists(&introducer.socket()));
}

#[test]
fn sighup_reaches_the_introducer() {
    let mut introducer = served();
    let child = introducer.pid();
    introducer.reconfigure("streams_per_circuit_max = 4096", "streams_per_circuit_max = 1");
    introducer.signal("-HUP");
    introducer.wait("it reloads", |introducer| introducer.log().contains("was reloaded"));
    assert_eq!(introducer.pid(), child, "and goes on");
}

#[test]
fn a_configuration_that_became_wrong_is_the_end_of_everything() {
    let mut introducer = served();
    let child = introducer.pid();
    introducer.reconfigure("version = 1", "version = 2");
    signal(child, "-KILL");
    assert_eq!(introducer.exit_status().code(), Some(2));
    assert!(introducer.log().contains("version 2 of this file is not known here"));
    assert!(!exists(&introducer.socket()));
}

#[test]
fn two_do_not_serve_one_socket() {
    let introducer = served();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_anteroom"))
        .args(["serve", "--config"])
        .arg(introducer.config())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is an introducer running already?"));
    introducer.wire(1).ask(&Request::About, |_| ()).expect("the first goes on");
}
