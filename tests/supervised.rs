//! What a supervisor may do: start processes that lock themselves down further, and nothing that those may not.
//!
//! Without the usual harness, since a sandbox is for the main thread of a process, before any other, and for good.
#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::panic,
    reason = "a test starts processes, tells what it does, and fails plainly"
)]

use std::process::{Command, Output};

use anteroom::sandbox::{Layer, Level, Needs, Profile, lock};

/// Makes this process the supervisor.
const SUPERVISE: &str = "--supervise";
const CHILDREN: [Profile; 3] = [Profile::UnixAccept, Profile::UnixConnect, Profile::EgressTcp];

fn main() {
    if std::env::args().any(|argument| argument == SUPERVISE) {
        return supervise();
    }
    let program = std::env::current_exe().expect("this program has a name");
    let Output { status, stdout, stderr } = Command::new(program).arg(SUPERVISE).output().expect("it starts");
    let (out, said) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{out}\n{said}");
    for profile in CHILDREN {
        assert!(out.contains(&format!("{} held", profile.name())), "{out}\n{said}");
    }
    println!("a supervisor starts processes that hold themselves to their own profiles ... ok");
}

fn supervise() {
    let report = lock(Profile::Supervisor, Level::Strict, &Needs::default()).expect("a sandbox");
    assert!(report.holds(Layer::Calls) && report.attempts.iter().all(|attempt| attempt.denied), "{report:?}");
    for profile in CHILDREN {
        let mut child = Command::new(env!("CARGO_BIN_EXE_anteroom"));
        let ended = child.args(["sandbox-check", "--profile", profile.name(), "--json"]).output();
        let Output { status, stdout, stderr } = ended.expect("a supervisor may start processes");
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        let report: serde_json::Value = serde_json::from_slice(&stdout).expect("a report");
        let attempts = report["attempts"].as_array().expect("attempts");
        let got_through = attempts.iter().filter(|attempt| attempt["denied"] == false && !attempt["layer"].is_null());
        assert_eq!(got_through.count(), 0, "{report}");
        for layer in report["layers"].as_array().expect("layers") {
            let name = layer["layer"].as_str().expect("a name");
            // Who may not make a user namespace on this machine can't within a supervisor either.
            assert!(layer["state"] == "applied" || name == "namespaces" || name == "files", "{layer}");
        }
        println!("{} held", profile.name());
    }
    match Command::new(env!("CARGO_BIN_EXE_anteroom")).arg("--version").status() {
        Ok(status) => assert!(status.success()),
        Err(error) => panic!("the supervisor lost what it may: {error}"),
    }
}
