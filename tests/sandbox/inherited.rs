//! What comes with a process outlives every layer, so it is looked at first.

use std::{
    net::{TcpListener, UdpSocket},
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixListener},
    },
    process::{Command, Stdio},
};

use crate::check::{Checked, Program, User};

/// A check that inherits `descriptor`, and nothing else that starts meanwhile does.
fn with(program: &Program, descriptor: OwnedFd) -> Checked {
    let check = program.command(User::Root, &["sandbox-check", "--json", "--profile", "unix-accept"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" 9<&0 </dev/null", "sh"]).arg(check.get_program()).args(check.get_args());
    shell.stdin(Stdio::from(descriptor)).output().expect("a shell starts").into()
}

#[test]
fn network_sockets_and_nameless_objects_are_refused_and_the_rest_is_not() {
    let program = Program::new();
    let loopback = ("127.0.0.1", 0);
    let event = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).expect("an eventfd");
    let refused: [(OwnedFd, &str); 4] = [
        (UnixDatagram::unbound().expect("a socket").into(), "is an AF_UNIX socket for datagrams"),
        (TcpListener::bind(loopback).expect("a port").into(), "is a network socket"),
        (UdpSocket::bind(loopback).expect("a port").into(), "is a network socket"),
        (event, "is a kernel object without a name"),
    ];
    for (descriptor, what) in refused {
        let checked = with(&program, descriptor);
        assert!(!checked.success && checked.said.contains(what), "{what}: {}", checked.said);
        assert!(checked.said.contains("start anteroom without it"), "{}", checked.said);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let harmless: [OwnedFd; 3] = [
        UnixListener::bind(directory.path().join("socket")).expect("a socket").into(),
        std::fs::File::open(directory.path()).expect("a directory").into(),
        std::fs::File::open("/dev/null").expect("a device").into(),
    ];
    for descriptor in harmless {
        let checked = with(&program, descriptor);
        assert!(checked.success, "{}", checked.said);
    }
    // Standard input may be what it likes, but no network.
    let mut command = program.command(User::Root, &["sandbox-check", "--json", "--profile", "unix-accept"]);
    command.stdin(Stdio::from(OwnedFd::from(TcpListener::bind(loopback).expect("a port"))));
    let checked: Checked = command.output().expect("the program starts").into();
    assert!(!checked.success && checked.said.contains("descriptor 0"), "{}", checked.said);
}
