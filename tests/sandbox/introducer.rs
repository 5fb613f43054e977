//! A running introducer under the sandbox: what the kernel says of it, and that it does its whole job.

use std::{fs, os::unix::fs::PermissionsExt as _};

use anteroom::{
    protocol::{Request, Response},
    record::HashedNodeId,
};

use crate::{
    check::{ORDINARY_UID, Program, User, as_user},
    support::{
        introducer::Introducer,
        records::{Node, grid},
        wire::{Answer, Wire},
    },
};

fn status(introducer: &Introducer, key: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", introducer.pid())).expect("the process runs");
    let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    value.expect("the kernel tells it").trim().to_owned()
}

#[test]
fn the_kernel_says_what_it_holds() {
    let introducer = Introducer::start();
    assert_eq!(status(&introducer, "Seccomp"), "2", "a filter");
    assert_eq!(status(&introducer, "NoNewPrivs"), "1");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(&introducer, set), "0".repeat(16), "{set}");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", introducer.pid())).expect("the process runs");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
    // Every thread is held, the store's and the helpers', too.
    for thread in fs::read_dir(format!("/proc/{}/task", introducer.pid())).expect("the process runs") {
        let path = thread.expect("a thread").path().join("status");
        // A helper thread may have ended meanwhile.
        let Ok(status) = fs::read_to_string(path) else { continue };
        assert!(status.contains("Seccomp:\t2"), "{status}");
    }
    assert!(introducer.log().contains("sandbox: strict of profile unix-accept holds"), "{}", introducer.log());
}

/// `KILL` ends a process at the first call that is not in its list, so that what is quietly done without is seen, too.
#[test]
fn it_does_its_whole_job_without_a_call_that_is_not_in_the_list() {
    let mut introducer = Introducer::with_config("sandbox = \"kill\"");
    for run in 1..=2 {
        let (node, mut wire) = (Node::new(run), introducer.wire(1));
        let record = node.record(1);
        assert_eq!(wire.publish(record.bytes()).expect("an answer"), Answer::Accepted);
        let hash = *HashedNodeId::new(&grid(), &node.id()).as_bytes();
        assert_eq!(wire.lookup(hash).expect("an answer").as_deref(), Some(record.bytes()));
        assert_eq!(introducer.wire(2).list(None, None).expect("a listing").len() as u64, run);
        let mut watcher = introducer.wire(3);
        watcher.send(&Request::Watch { service: None, since_hours: None }).expect("a stream");
        assert_eq!(watcher.pages().expect("a listing").len() as u64, run);
        introducer.signal("-HUP");
        introducer.wait("it reloads", |introducer| introducer.log().matches("was reloaded").count() as u64 == run);
        // A restart has a store to check.
        assert!(introducer.terminate().success(), "{}", introducer.log());
        introducer.launch();
    }
}

#[test]
fn a_configuration_that_an_editor_put_in_place_by_renaming_is_read() {
    let mut introducer = Introducer::start();
    let admits_clearnet = |introducer: &Introducer| {
        let about = |response: Response<'_>| matches!(response, Response::About(about) if about.clearnet);
        introducer.wire(1).ask(&Request::About, about).expect("an answer")
    };
    assert!(!admits_clearnet(&introducer));
    let (new, old) = (introducer.config().with_extension("toml.new"), introducer.config().with_extension("toml~"));
    let text = fs::read_to_string(introducer.config()).expect("a configuration");
    fs::write(&new, format!("{text}[addresses]\nclearnet = true\n")).expect("a file");
    // As vi does: the old file goes away under another name, the new one takes its place.
    fs::rename(introducer.config(), old).expect("a file of ours");
    fs::rename(new, introducer.config()).expect("a file of ours");
    introducer.signal("-HUP");
    introducer.wait("the new rule holds", |introducer| admits_clearnet(introducer));
}

/// In a user namespace of one's own all other users look alike; so there is none where they must be told apart.
#[test]
fn users_are_told_apart_in_the_sandbox_of_an_ordinary_user() {
    assert!(rustix::process::geteuid().is_root(), "this test runs an introducer as another user: run it as root");
    let program = Program::new();
    let refused = "refused a process of a user that is not in `carrier_uids`";
    for (carriers, namespaces, root_may) in
        [(format!("[{ORDINARY_UID}]"), true, false), (format!("[{ORDINARY_UID}, 0]"), false, true)]
    {
        let mut introducer = Introducer::prepared(&format!("socket_mode = \"0666\"\ncarrier_uids = {carriers}"));
        let home = introducer.directory.path().to_owned();
        std::os::unix::fs::chown(&home, Some(ORDINARY_UID), Some(ORDINARY_UID)).expect("root may");
        fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).expect("root may");
        // The program that cargo built may lie where this user can't go.
        let instead =
            ["sh", "-c", "shift; exec \"$0\" \"$@\"", &program.path().display().to_string()].map(String::from);
        introducer.wrap(&[as_user(User::Ordinary), instead.to_vec()].concat());
        introducer.spawn();
        introducer.wait("it is ready", |introducer| introducer.log().contains("ready"));
        assert_eq!(!introducer.log().contains("sandbox: namespaces: not applied"), namespaces, "{}", introducer.log());
        // This test is root. Who is refused may find the stream closed before a word is said.
        let about = |response: Response<'_>| matches!(response, Response::About(_));
        let answered = Wire::connect(&introducer.socket(), 1).and_then(|mut wire| wire.ask(&Request::About, about));
        assert_eq!(answered.unwrap_or(false), root_may, "{}", introducer.log());
        assert_eq!(introducer.log().contains(refused), !root_may, "{}", introducer.log());
    }
}
