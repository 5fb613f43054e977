//! Real processes, as the kernel shows them.

use std::{
    io::Read as _,
    process::{Child, Command, Stdio},
};

use anteroom::audit::{Report, Sources, examine};

use crate::{
    fixtures::found,
    made::{PID, proc, table},
    support::introducer::Introducer,
};

/// A shell that has done `script` and then waits until it is dropped.
struct Shell(Child);

impl Shell {
    fn new(script: &str) -> Self {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{script}; echo ready; read")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("bash is there");
        let mut ready = [0; 5];
        child.stdout.as_mut().expect("a pipe").read_exact(&mut ready).expect("bash did what it was asked");
        Self(child)
    }

    fn judged(&self) -> Report {
        examine(&Sources { processes: vec![self.0.id()], ..Sources::default() })
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_socket_with_an_address_is_seen_in_a_real_process() {
    // A UDP socket that is connected and sends nothing.
    let report = Shell::new("exec 3<>/dev/udp/127.0.0.1/9").judged();
    assert!(found(&report).contains(&"process-ip-socket"), "{report:#?}");
    let report = Shell::new(":").judged();
    let found = found(&report);
    assert!(!found.contains(&"process-ip-socket") && !found.contains(&"process-socket-unknown"), "{found:?}");
    assert_eq!(report.unread, []);
}

#[test]
fn a_core_dump_and_a_replaced_program_are_seen_in_a_real_process() {
    let report = Shell::new("ulimit -c 0").judged();
    assert!(!found(&report).contains(&"process-core"));
    // Where the hard limit is 0 nobody can raise it, and nothing has to be seen.
    let raised = Shell::new("ulimit -S -c unlimited 2>/dev/null; [ \"$(ulimit -c)\" = unlimited ] || ulimit -c 0");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", raised.0.id())).expect("the process runs");
    let unlimited = limits.lines().any(|line| line.starts_with("Max core file size        unlimited"));
    assert_eq!(found(&raised.judged()).contains(&"process-core"), unlimited);

    let directory = tempfile::tempdir().expect("a directory");
    let copy = directory.path().join("cat");
    std::fs::copy("/bin/cat", &copy).expect("a program");
    let mut child = Command::new(&copy).stdin(Stdio::piped()).spawn().expect("a copy of cat runs");
    std::fs::remove_file(&copy).expect("it can be removed");
    let report = examine(&Sources { processes: vec![child.id()], ..Sources::default() });
    let _ = child.kill();
    let _ = child.wait();
    assert!(found(&report).contains(&"process-deleted"), "{report:#?}");
}

#[test]
fn an_introducer_is_found_by_its_socket_and_holds_no_other_kind() {
    let introducer = Introducer::start();
    let report = examine(&Sources { sockets: vec![introducer.socket()], ..Sources::default() });
    assert_eq!(report.unread, []);
    let seen = found(&report);
    assert!(!report.findings.is_empty(), "this introducer runs without a unit: something is found");
    assert!(!seen.contains(&"process-ip-socket") && !seen.contains(&"process-socket-unknown"), "{seen:?}");
    let own = format!("/proc/{}/", introducer.pid());
    assert!(report.findings.iter().all(|finding| finding.place.to_string().starts_with(&own)), "{report:#?}");
}

#[test]
fn a_socket_that_systemd_made_belongs_to_the_service() {
    let directory = tempfile::tempdir().expect("a directory");
    let made = proc(directory.path());
    std::fs::create_dir_all(made.join("1/fd")).expect("a folder");
    std::os::unix::fs::symlink("socket:[101]", made.join("1/fd/9")).expect("a link");
    let sockets = vec!["/run/anteroom/introducer.sock".into()];
    let mut sources = Sources { sockets, proc: made, ..Sources::default() };
    assert_eq!(examine(&sources), Report::default(), "process {PID} is well kept, process 1 is not looked at");
    sources.sockets = vec!["/run/anteroom/none.sock".into()];
    assert_eq!(examine(&sources).unread.len(), 1);
}

#[test]
fn a_carrier_may_call_out_and_listen_to_this_machine_alone() {
    let row =
        |local: &str, state: &str| table(7).replace("0100007F:1F90", local).replace(" 0A ", &format!(" {state} "));
    for (name, text, is_carrier, expected) in [
        ("tcp", row("0100007F:1F90", "01"), true, &[][..]),
        ("tcp", row("0100007F:1F90", "0A"), true, &[]),
        ("tcp6", row("00000000000000000000000001000000:1F90", "0A"), true, &[]),
        ("tcp", row("00000000:1F90", "0A"), true, &["process-ip-socket"]),
        ("udp", row("00000000:1F90", "07"), true, &["process-ip-socket"]),
        ("tcp", row("0100007F:1F90", "01"), false, &["process-ip-socket"]),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let made = proc(directory.path());
        let own = made.join(PID.to_string());
        std::os::unix::fs::symlink("socket:[7]", own.join("fd/5")).expect("a link");
        for (file, text) in [(format!("net/{name}"), text.as_str()), ("cmdline".into(), "anteroom\0carrier\0tor\0")] {
            if file != "cmdline" || is_carrier {
                let _ = std::fs::remove_file(own.join(&file));
                std::fs::write(own.join(&file), text).expect("a file");
            }
        }
        let report = examine(&Sources { processes: vec![PID], proc: made, ..Sources::default() });
        assert_eq!(found(&report), expected, "{name} {text}");
    }
}

#[test]
fn a_process_that_is_not_there_is_told() {
    // Above the kernel's highest number of a process (proc_sys_kernel(5)).
    let report = examine(&Sources { processes: vec![4_194_305], ..Sources::default() });
    assert_eq!((report.findings.len(), report.unread.len()), (0, 1));
}
