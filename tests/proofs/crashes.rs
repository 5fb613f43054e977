//! How it dies: a panic, an abort. What is written then tells neither where it ran nor where it was built, and no dump is
//! left.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    canary::CANARIES,
    job::{Job, READY, Wires},
    leaks::leaks,
    machine::{Machine, Outside},
    stage::{Running, Stage, signal},
};

const ABORTED: i32 = 6;
/// Exit status of a Rust program whose main thread panicked.
const PANICKED: i32 = 101;

/// Makes the running process `pid` panic, without a line for that in the program: the kernel refuses to tell its event loop
/// what happened, which the loop takes for impossible.
pub(crate) fn make_panic(pid: u32, scratch: &Path) -> std::process::Child {
    let said = scratch.join(format!("tracer-{pid}"));
    let file = fs::File::create(&said).expect("a file");
    let mut tracer = Command::new("strace");
    tracer.args(["-f", "-o", "/dev/null", "-e", "trace=?epoll_wait,epoll_pwait"]);
    tracer.args(["-e", "inject=?epoll_wait,epoll_pwait:error=EBADF", "-p", &pid.to_string()]);
    let mut child =
        tracer.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().expect("strace (run tests/all)");
    crate::stage::until("the tracer is attached", || {
        let words = fs::read_to_string(&said).unwrap_or_default();
        let ended = child.try_wait().expect("a child");
        assert!(ended.is_none() || words.contains("attached"), "this machine does not let root trace: {words}");
        words.contains("attached")
    });
    child
}

/// Ends what a test has broken, and looks at what it said.
fn assert_crashed(running: Running, how: impl Fn(std::process::ExitStatus) -> bool) {
    let ended = running.end();
    assert!(how(ended.status), "{}: {}", ended.status, ended.said);
    assert!(!ended.status.core_dumped(), "a dump was written");
    assert_tells_no_place(&ended.said);
}

/// No path of the source, nor of whoever built it, and no trace of calls.
pub(crate) fn assert_tells_no_place(said: &str) {
    let registry = "registry/src";
    for told in [env!("CARGO_MANIFEST_DIR"), registry, "rustc/", ".rs", "src/", "stack backtrace", "RUST_BACKTRACE"] {
        assert!(!said.contains(told), "a crash tells `{told}`: {said}");
    }
}

/// Dumps in the home directory, as the kernel names them.
pub(crate) fn dumps(machine: &Machine) -> Vec<PathBuf> {
    let entries = fs::read_dir(machine.home()).expect("a directory").map(|entry| entry.expect("an entry"));
    entries
        .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"core"))
        .map(|entry| entry.path())
        .collect()
}

fn crash_all(machine: &Machine) {
    let stage = Stage::on(machine);
    let between = tempfile::tempdir().expect("a directory");
    let wires = Wires { notes: machine.wire(), between: between.path().to_owned() };
    let mut job = Job::start(&stage, &wires, "strict", "-vvv");
    job.let_in();
    let panicked = |status: std::process::ExitStatus| status.code() == Some(PANICKED);
    let aborted = |status: std::process::ExitStatus| status.signal() == Some(ABORTED);

    let watching = || {
        let mut watch = stage.start(&["-vvv", "watch", "--json", "--config", "node.toml"]);
        watch.until("it has seen the list", |watch| watch.out().contains("\"caught_up\""));
        watch
    };
    let watch = watching();
    // The next tick wakes it.
    let mut tracer = make_panic(watch.pid(), between.path());
    assert_crashed(watch, panicked);
    tracer.wait().expect("a child");
    let watch = watching();
    watch.signal("-ABRT");
    assert_crashed(watch, aborted);

    // An introducer comes back, however it went.
    let serve = job.serve.as_mut().expect("it runs");
    for (times, kill) in [(1, true), (2, false)] {
        let introducer = serve.children()[0];
        let tracer = if kill {
            signal("-ABRT", introducer);
            None
        } else {
            Some(make_panic(introducer, between.path()))
        };
        if tracer.is_some() {
            // A stream wakes it.
            let _ = std::os::unix::net::UnixStream::connect(stage.directory.join("introducer.sock"));
        }
        serve.until("the introducer is back", |serve| serve.said().matches(READY).count() > times);
        if let Some(mut tracer) = tracer {
            tracer.wait().expect("a child");
        }
    }
    assert_tells_no_place(&serve.said());
    let serve = job.serve.take().expect("it runs");
    let mut tracer = make_panic(serve.pid(), between.path());
    serve.signal("-HUP");
    assert_crashed(serve, panicked);
    tracer.wait().expect("a child");
    let serve = crate::job::serve(&stage, "-vvv");
    serve.signal("-ABRT");
    assert_crashed(serve, aborted);
    crate::job::leave_out_torrc(&stage);
    assert_eq!(dumps(machine), Vec::<PathBuf>::new());
}

#[test]
fn a_crash_tells_no_place_and_leaves_no_dump() {
    let outside = Outside::new();
    let machines = CANARIES.each_ref().map(|canary| Machine::new(canary, &outside));
    machines.iter().for_each(crash_all);
    assert_eq!(leaks(&[&machines[0], &machines[1]]), Vec::<String>::new());
}
