//! An introducer whose parent is a test: what it is handed, and how it ends.

use std::{
    fs,
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    process::{Child, Command, Stdio},
};

use anteroom::protocol::Request;

use super::process::signal;
use crate::support::{
    introducer::{Introducer, exists, require, until},
    wire::Wire,
};

fn introducer(place: &Introducer, arguments: &[&str], stdin: Stdio, stdout: Stdio) -> Child {
    let log = fs::File::create(place.directory.path().join("log")).expect("a log file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_anteroom"));
    command.args(["introducer", "--config"]).arg(place.config()).args(arguments);
    command.stdin(stdin).stdout(stdout).stderr(log).spawn().expect("the introducer starts")
}

fn code(place: &Introducer, mut child: Child) -> Option<i32> {
    until("the introducer has ended", || child.try_wait().expect("a child").is_some());
    println!("{}", place.log());
    child.wait().expect("a child").code()
}

fn answers(socket: &std::path::Path) {
    let mut wire = Wire::connect(socket, 1).expect("the socket is there");
    wire.ask(&Request::About, |_| ()).expect("an answer");
}

#[test]
fn a_socket_on_standard_input_is_served_and_is_not_the_introducers_to_remove() {
    let place = Introducer::prepared("");
    let socket = place.directory.path().join("of-systemd");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let child = introducer(&place, &[], Stdio::from(OwnedFd::from(listener)), Stdio::null());
    answers(&socket);
    assert!(!exists(&place.socket()), "the one of the configuration is not made");
    signal(child.id(), "-TERM");
    assert_eq!(code(&place, child), Some(0));
    assert!(exists(&socket));
}

#[test]
fn another_kind_of_standard_input_is_no_socket_to_listen_on() {
    let place = Introducer::prepared("");
    let (_ours, theirs) = UnixStream::pair().expect("a pair");
    let child = introducer(&place, &[], Stdio::from(OwnedFd::from(theirs)), Stdio::null());
    until("its own socket is there", || exists(&place.socket()));
    answers(&place.socket());
    signal(child.id(), "-TERM");
    assert_eq!(code(&place, child), Some(0));
}

#[test]
fn it_ends_when_its_lifeline_closes() {
    let place = Introducer::prepared("");
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let child = introducer(&place, &["--supervised"], Stdio::null(), Stdio::from(OwnedFd::from(theirs)));
    until("its socket is there", || exists(&place.socket()));
    answers(&place.socket());
    drop(ours);
    assert_eq!(code(&place, child), Some(0), "by itself");
}

#[test]
fn a_stuck_event_loop_does_not_hold_up_the_end() {
    require("mkfifo");
    let place = Introducer::prepared("");
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let child = introducer(&place, &["--supervised"], Stdio::null(), Stdio::from(OwnedFd::from(theirs)));
    until("its socket is there", || exists(&place.socket()));
    answers(&place.socket());
    // Reading a pipe that nobody writes to takes for ever.
    fs::remove_file(place.config()).expect("the configuration");
    assert!(Command::new("mkfifo").arg(place.config()).status().expect("mkfifo runs").success());
    signal(child.id(), "-HUP");
    until("the event loop waits for the pipe", || {
        let wait = fs::read_to_string(format!("/proc/{}/syscall", child.id())).unwrap_or_default();
        let in_open = |number: &str| wait.split(' ').next() == Some(number);
        // openat(2): 257 on x86-64, 56 on aarch64.
        in_open(if cfg!(target_arch = "x86_64") { "257" } else { "56" })
    });
    drop(ours);
    assert_eq!(code(&place, child), Some(1), "not by a signal: the lifeline's own thread ended it");
}

#[test]
fn a_lifeline_that_is_none_is_refused() {
    let place = Introducer::prepared("");
    let child = introducer(&place, &["--supervised"], Stdio::null(), Stdio::null());
    assert_eq!(code(&place, child), Some(2));
    assert!(place.log().contains("leave it out"));
}
