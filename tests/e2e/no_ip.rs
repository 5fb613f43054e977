//! The introducer needs no network and asks for none: strace shows what it opens, an empty network namespace that it runs.

use std::{fs, process::Command};

use anteroom::record::HashedNodeId;

use crate::support::{
    introducer::{Introducer, unshare},
    records::{Node, grid},
    wire::Answer,
};

/// What an introducer never does, as strace writes it.
const FORBIDDEN: [&str; 12] = [
    "AF_INET",
    "AF_NETLINK",
    "AF_PACKET",
    "uname(",
    "sysinfo(",
    "io_uring_setup(",
    "SIOCG",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/machine-id",
    "/proc/sys/kernel/hostname",
];
const TRACED: &str = "trace=%network,uname,sysinfo,ioctl,openat,open,readlink,io_uring_setup,setns";

/// Lines of a trace that show what is forbidden.
fn forbidden(trace: &str) -> Vec<&str> {
    trace.lines().filter(|line| FORBIDDEN.iter().any(|sign| line.contains(sign))).collect()
}

fn exchange(introducer: &Introducer) {
    let (node, mut wire) = (Node::new(1), introducer.wire(1));
    assert_eq!(wire.publish(node.record(1).bytes()).unwrap(), Answer::Accepted);
    assert!(wire.lookup(*HashedNodeId::new(&grid(), &node.id()).as_bytes()).unwrap().is_some());
    assert_eq!(wire.list(None, None).unwrap().len(), 1);
}

#[test]
fn an_introducer_opens_af_unix_sockets_only() {
    let mut introducer = Introducer::prepared("");
    let trace = introducer.directory.path().join("trace");
    introducer.wrap(&["strace", "-f", "-o", trace.to_str().unwrap(), "-e", TRACED]);
    introducer.launch();
    exchange(&introducer);
    assert!(introducer.terminate().success());
    let trace = fs::read_to_string(trace).unwrap();
    assert_eq!(forbidden(&trace), Vec::<&str>::new());
    assert!(trace.contains("socket(AF_UNIX"), "the trace shows sockets at all");
}

#[test]
fn this_test_sees_an_ip_socket_and_a_look_at_the_host() {
    for (plant, sign) in [
        ("import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "AF_INET"),
        ("import os; os.uname()", "uname("),
        ("open('/etc/hosts').read()", "/etc/hosts"),
    ] {
        let output = Command::new("strace").args(["-f", "-e", TRACED, "python3", "-c", plant]).output();
        let output = output.expect("strace is not installed: run tests/all");
        let trace = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(forbidden(&trace).iter().any(|line| line.contains(sign)), "{plant} was not seen");
    }
}

#[test]
fn an_introducer_runs_in_an_empty_network_namespace() {
    let mut introducer = Introducer::prepared("");
    let words = unshare("n");
    introducer.wrap(&words.iter().map(String::as_str).collect::<Vec<_>>());
    introducer.launch();
    let interfaces = fs::read_to_string(format!("/proc/{}/net/dev", introducer.pid())).unwrap();
    let names: Vec<_> = interfaces.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim).collect();
    assert_eq!(names, ["lo"], "the namespace is empty");
    exchange(&introducer);
    assert!(introducer.terminate().success());
}
