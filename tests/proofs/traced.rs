//! What supervisor, introducer and client commands ask the kernel for. Without the sandbox, so that a mere attempt counts,
//! and its own attempts do not.

use std::{fs, path::Path};

use crate::{
    job::{Job, Wires},
    stage::Stage,
    trace::parse,
    verdict::unix_only_findings,
};

#[test]
fn no_command_asks_the_kernel_for_anything_that_knows_an_address() {
    let directory = tempfile::Builder::new().prefix("anteroom-traced-").tempdir().expect("a temporary directory");
    let folder = |name: &str| {
        let path = directory.path().join(name);
        fs::create_dir(&path).expect("a new directory");
        path
    };
    let (home, said, traces, between) = (folder("home"), folder("said"), folder("traces"), folder("between"));
    let wires = Wires { notes: said.clone(), between };
    let stage = Stage::traced(home.clone(), said, traces.clone());
    let mut job = Job::start(&stage, &wires, "off", "-vvv");
    job.every_command();
    job.restart();
    job.end();
    // An audit judges limits by the memory that there is.
    let own = [home.as_path(), Path::new("/proc/meminfo")];
    let (mut findings, mut commands, mut sockets) = (Vec::new(), 0, 0);
    for trace in fs::read_dir(&traces).expect("traces") {
        let calls = parse(&trace.expect("a trace").path());
        commands += calls.iter().filter(|call| call.name == "execve" && call.result == 0).count();
        sockets += calls.iter().filter(|call| call.name == "socket").count();
        findings.extend(unix_only_findings(&calls, &own));
    }
    // A command each, and supervisors start introducers.
    assert!(commands > 20 && sockets > 10, "{commands} commands with {sockets} sockets were seen");
    assert_eq!(findings, Vec::<String>::new());
}
