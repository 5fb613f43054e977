//! A test of the tests: a program that leaks each kind of canary in each place, and in many forms, is caught at each. It
//! runs where anteroom runs otherwise, and learns what it leaks from the machine.

use std::{collections::BTreeSet, fs, os::unix::process::ExitStatusExt as _, path::Path};

use crate::{
    canary::CANARIES,
    capture::Capture,
    job::{Job, Wires},
    leaks::{Hit, hits, leaks},
    machine::{Machine, Outside},
    stage::{Ended, Stage},
    tap::tap,
    trace::parse,
    verdict::{carrier_findings, unix_only_findings},
};

const LEAKER: &str = include_str!("leaker.py");
/// Every kind of canary there is.
const KINDS: [&str; 8] = [
    "IPv4 address",
    "IPv6 address",
    "MAC address",
    "host name",
    "user name",
    "machine or boot id",
    "time zone",
    "home directory",
];
/// Forms in which the leaker writes.
const FORMS: usize = 9;

/// A machine on which the leaker is ready.
fn leaky(machine: &Machine) -> Stage {
    // Beside what is searched.
    fs::write(machine.left().with_file_name("leaker.py"), LEAKER).expect("a file");
    Stage::on(machine)
}

fn leak(stage: &Stage, machine: &Machine, arguments: &[&str]) -> Ended {
    let script = machine.left().with_file_name("leaker.py").display().to_string();
    stage.start_other(&[&["python3", "-I", "-B", &script], arguments].concat()).end()
}

/// The kinds that were found in files whose names begin with `beginning`.
fn kinds(found: &BTreeSet<Hit>, beginning: &str) -> BTreeSet<String> {
    let here = found.iter().filter(|hit| hit.file.starts_with(beginning));
    // What a machine's address is made of counts as the address.
    here.map(|hit| hit.kind().replace("interface part of an ", "").replace(" in an IPv6 address", "")).collect()
}

fn all_kinds() -> BTreeSet<String> {
    KINDS.map(String::from).into()
}

#[test]
fn every_kind_is_found_in_every_place_and_in_every_form() {
    let outside = Outside::new();
    let machines = CANARIES.each_ref().map(|canary| Machine::new(canary, &outside));
    for machine in &machines {
        let stage = leaky(machine);
        let between = tempfile::tempdir().expect("a directory");
        // A client that leaks, and an introducer that does.
        tap(&machine.home().join("leaky.socks"), between.path().join("nobody"), machine.wire(), "client");
        tap(&between.path().join("tap"), machine.home().join("leaky.sock"), machine.wire(), "introducer");
        assert_eq!(hits(machine.canary, &machine.left()), BTreeSet::new(), "before anything has leaked");
        let mut shift = 0;
        let mut next = || {
            shift += 1;
            shift.to_string()
        };
        for place in ["state", "name", "asked"] {
            let ended = leak(&stage, machine, &[place, &next()]);
            assert!(ended.status.success(), "{place}: {}", ended.said);
        }
        let script = machine.left().with_file_name("leaker.py").display().to_string();
        let mut introducer = stage.start_other(&["python3", "-I", "-B", &script, "answered", &next()]);
        introducer.until("it listens", |leaker| leaker.out().contains("ready"));
        let mut stream = std::os::unix::net::UnixStream::connect(between.path().join("tap")).expect("the tap listens");
        std::io::Read::read_to_end(&mut stream, &mut Vec::new()).expect("it answers");
        assert!(introducer.end().status.success());
        let found = hits(machine.canary, &machine.left());
        for place in ["home/leaked.state", "home/names/", "wire/client-0.asked", "wire/introducer-0.answered"] {
            assert_eq!(kinds(&found, place), all_kinds(), "{place}");
        }
        assert_eq!(kinds(&found, "said/"), BTreeSet::new());
        // Each form of each kind once in the logs.
        for shift in 0..FORMS {
            let before = stage.runs();
            for place in ["out", "log", "crash"] {
                leak(&stage, machine, &[place, &shift.to_string()]);
            }
            let found = hits(machine.canary, &machine.left());
            for (run, suffix) in [(before, "out"), (before + 1, "err"), (before + 2, "err")] {
                let file = format!("said/{run:03}.{suffix}");
                assert_eq!(kinds(&found, &file), all_kinds(), "{file} with {shift}");
            }
        }
    }
    let both = leaks(&[&machines[0], &machines[1]]);
    let left_out = KINDS.iter().find(|kind| !both.iter().any(|leak| leak.starts_with(**kind)));
    assert_eq!(left_out, None);
}

/// The program itself sends, keeps and prints what a person typed: the one way for a name to get out, and proof that it is
/// recognised in the forms that records, store and frames give it.
#[test]
fn what_a_person_typed_is_found_wherever_it_went() {
    let outside = Outside::new();
    let machine = Machine::new(&CANARIES[0], &outside);
    let (stage, between) = (Stage::on(&machine), tempfile::tempdir().expect("a directory"));
    let wires = Wires { notes: machine.wire(), between: between.path().to_owned() };
    let mut job = Job::start(&stage, &wires, "strict", "-vvv");
    let nickname = format!("nickname = \"{}\"", machine.canary.host);
    stage.edit("node.toml", &[("#nickname = \"cellar\"", &nickname)]);
    job.every_command();
    job.end();
    let found = hits(machine.canary, &machine.left());
    let is_one = |hit: &&Hit, part: &str, end: &str| hit.file.starts_with(part) && hit.file.ends_with(end);
    for (part, end) in [
        ("wire/client-", ".asked"),
        ("wire/client-", ".answered"),
        ("wire/introducer-", ".asked"),
        ("wire/introducer-", ".answered"),
        ("home/state/", ""),
        ("home/record", ""),
        ("said/", ".out"),
    ] {
        assert!(
            found.iter().any(|hit| is_one(&hit, part, end) && hit.kind() == "host name"),
            "{part}…{end}: {found:#?}"
        );
    }
    let logs: Vec<_> = found.iter().filter(|hit| is_one(hit, "said/", ".err")).collect();
    assert!(logs.is_empty(), "a log names a node: {logs:#?}");
}

#[test]
fn a_dump_is_found_with_what_it_holds() {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").expect("a kernel has it");
    assert!(
        !pattern.starts_with(['|', '/']),
        "this machine hands dumps to {pattern}: set kernel.core_pattern=core, so that this test can look into one"
    );
    let outside = Outside::new();
    let machine = Machine::new(&CANARIES[0], &outside);
    let ended = leak(&leaky(&machine), &machine, &["dump", "0"]);
    assert!(ended.status.core_dumped(), "{}: {}", ended.status, ended.said);
    assert_eq!(kinds(&hits(machine.canary, &machine.left()), "home/core"), all_kinds());
}

#[test]
fn every_packet_that_should_not_be_is_seen() {
    let outside = Outside::new();
    let machine = Machine::new(&CANARIES[0], &outside);
    let capture = Capture::start(&machine, &outside);
    let gateway = machine.canary.gateway.to_string();
    let ended = leak(&leaky(&machine), &machine, &["packets", "0", &gateway]);
    assert!(ended.status.success(), "{}", ended.said);
    let seen = capture.stop(&machine, &outside, |_| false);
    // UDP, ICMP, IPv6, and TCP to whom it is not allowed; a question for a name is UDP to port 53.
    let port = |number: u16| format!("{:02x}, {:02x}", number >> 8, number & 255);
    for what in [format!("{}, ", port(33434)), format!("{}, ", port(53)), "kind Some(86dd)".into(), "TCP from".into()] {
        assert!(seen.others.iter().any(|other| other.contains(&what)), "{what} is not in {:#?}", seen.others);
    }
    // Protocol 1 of the tenth byte of the header.
    let is_icmp =
        |other: &String| other.split(['[', ']']).nth(1).and_then(|bytes| bytes.split(", ").nth(9)) == Some("01");
    assert!(seen.others.iter().any(is_icmp), "{:#?}", seen.others);
    fs::write(machine.wire().join("payload"), &seen.payload).expect("a file");
    assert_eq!(kinds(&hits(machine.canary, &machine.left()), "wire/payload"), all_kinds());
}

/// The ways in which it learns what it leaks are seen in a trace, whatever kind of process it is taken for.
#[test]
fn every_call_that_should_not_be_is_seen() {
    let outside = Outside::new();
    let machine = Machine::new(&CANARIES[0], &outside);
    leaky(&machine);
    let traces = tempfile::tempdir().expect("a directory");
    let ended = leak(&Stage::traced_on(&machine, traces.path().to_owned()), &machine, &["out", "0"]);
    assert!(ended.status.success(), "{}", ended.said);
    let calls = parse(&traces.path().join("000"));
    let home = machine.canary.home_path();
    let own = [Path::new(&home)];
    for (found, more) in [
        (unix_only_findings(&calls, &own), ["socket(AF_INET, SOCK_STREAM", "/etc/passwd"].as_slice()),
        (carrier_findings(&calls, &own), [].as_slice()),
    ] {
        let always = ["socket(AF_INET, SOCK_DGRAM", "getsockname(", "SIOCGIFHWADDR", "uname(", "connect("];
        let files = ["/proc/net/if_inet6", "/sys/class/net", "/etc/machine-id", "/proc/sys/kernel/random/boot_id"];
        for what in always.iter().chain(&files).chain(more) {
            assert!(found.iter().any(|finding| finding.contains(what)), "{what} is not in {found:#?}");
        }
    }
}

/// A match by chance is met on one machine and not on the other.
#[test]
fn what_does_not_follow_the_canary_is_no_leak() {
    let outside = Outside::new();
    let machines = CANARIES.each_ref().map(|canary| Machine::new(canary, &outside));
    let [one, other] = &machines;
    let four = one.canary.v4.octets();
    fs::write(one.said().join("noise"), [b"x".as_slice(), &four, b"y"].concat()).expect("a file");
    assert_eq!(hits(one.canary, &one.left()).len(), 1, "four bytes that may be anything");
    assert_eq!(leaks(&[one, other]), Vec::<String>::new());
    let four = other.canary.v4.octets();
    fs::write(other.said().join("noise"), [b"z".as_slice(), &four].concat()).expect("a file");
    assert_eq!(leaks(&[one, other]).len(), 2, "they follow");
    fs::write(one.said().join("noise"), one.canary.host).expect("a file");
    fs::remove_file(other.said().join("noise")).expect("a file");
    assert_eq!(leaks(&[one, other]).len(), 1, "nobody is called like that by chance");
}
