//! The supervisor itself, with shells for children.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anteroom::supervisor::{Child, Event, Role, Supervisor};

use super::process::lives;
use crate::support::introducer::{DEADLINE, until};

fn shell(role: Role, script: &str, place: &Path) -> Child {
    let arguments = vec!["-c".into(), script.into(), place.into()];
    Child { name: "shell", program: "/bin/sh".into(), arguments, role }
}

fn service(script: &str, place: &Path) -> Child {
    shell(Role::Service { socket: None }, script, place)
}

/// Ends when its lifeline closes.
const OBEDIENT: &str = "cat <&1 > /dev/null";

fn run(test: impl AsyncFnOnce(&Path)) {
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test(directory.path()));
}

async fn next(supervisor: &mut Supervisor) -> Event {
    tokio::time::timeout(DEADLINE, supervisor.next()).await.expect("an event")
}

async fn pid(supervisor: &mut Supervisor) -> u32 {
    match next(supervisor).await {
        Event::Started { pid, .. } => pid.cast_unsigned(),
        other => panic!("{other:?} in the place of a start"),
    }
}

async fn line(supervisor: &mut Supervisor) -> String {
    match next(supervisor).await {
        Event::Line { line, .. } => line,
        other => panic!("{other:?} in the place of a line"),
    }
}

async fn end(supervisor: &mut Supervisor) -> (Option<i32>, Option<Duration>) {
    match next(supervisor).await {
        Event::Ended { status, again_in, .. } => (status.expect("it was started").code(), again_in),
        other => panic!("{other:?} in the place of an end"),
    }
}

#[test]
fn who_ends_at_once_is_started_again_after_longer_and_longer_pauses() {
    run(async |place| {
        let mut supervisor = Supervisor::new().expect("signals");
        supervisor.start(service("exit 1", place));
        for seconds in [1, 2, 4] {
            pid(&mut supervisor).await;
            let ended = Instant::now();
            assert_eq!(end(&mut supervisor).await, (Some(1), Some(Duration::from_secs(seconds))));
            if seconds < 4 {
                continue;
            }
            // A stop does not wait for the pause to be over.
            assert_eq!(supervisor.stop().await, None);
            assert!(ended.elapsed() < Duration::from_secs(4), "{:?}", ended.elapsed());
            break;
        }
    });
}

#[test]
fn a_program_that_is_not_there_is_tried_again() {
    run(async |place| {
        let mut supervisor = Supervisor::new().expect("signals");
        supervisor.start(Child { program: place.join("none"), ..service("", place) });
        for _ in 0..2 {
            let ended = next(&mut supervisor).await;
            assert!(matches!(ended, Event::Ended { status: Err(_), again_in: Some(_), .. }), "{ended:?}");
        }
        supervisor.stop().await;
    });
}

#[test]
fn wrong_usage_is_final() {
    run(async |place| {
        let mut supervisor = Supervisor::new().expect("signals");
        supervisor.start(service("exit 2", place));
        pid(&mut supervisor).await;
        assert_eq!(end(&mut supervisor).await, (Some(2), None));
    });
}

#[test]
fn lines_are_told_as_long_as_they_are_lines() {
    run(async |place| {
        let mut supervisor = Supervisor::new().expect("signals");
        let script = "echo first; head -c 4097 /dev/zero; echo; head -c 20000 /dev/zero | tr '\\0' x; echo; \
                      head -c 4096 /dev/zero | tr '\\0' y; echo; echo last; printf unfinished; exit 3";
        supervisor.start(service(script, place));
        pid(&mut supervisor).await;
        assert_eq!(line(&mut supervisor).await, "first");
        assert_eq!(line(&mut supervisor).await, "y".repeat(4096), "the longest");
        assert_eq!(line(&mut supervisor).await, "last");
        assert_eq!(end(&mut supervisor).await.0, Some(3), "what was written before the end comes before the end");
        supervisor.stop().await;
    });
}

#[test]
fn a_stop_closes_every_lifeline_and_nobody_holds_that_of_another() {
    run(async |place| {
        let mut supervisor = Supervisor::new().expect("signals");
        let mut pids = Vec::new();
        for name in ["a", "b", "c"] {
            supervisor.start(service(&format!("{OBEDIENT}; : > \"$0/{name}\""), place));
            pids.push(pid(&mut supervisor).await);
        }
        supervisor.stop().await;
        assert!(pids.into_iter().all(|pid| !lives(pid)));
        for name in ["a", "b", "c"] {
            assert!(place.join(name).exists(), "{name} ended by itself");
        }
    });
}

#[test]
fn who_chatters_and_is_not_listened_to_can_be_stopped() {
    run(async |place| {
        let mut supervisor = Supervisor::new().expect("signals");
        supervisor.start(service("while echo again; do :; done 2> /dev/null", place));
        let pid = pid(&mut supervisor).await;
        supervisor.stop().await;
        assert!(!lives(pid));
    });
}

#[test]
fn a_command_that_is_stopped_says_how_it_ended() {
    run(async |place| {
        let mut supervisor = Supervisor::new().expect("signals");
        supervisor.start(service(OBEDIENT, place));
        pid(&mut supervisor).await;
        let script = "trap 'exit 5' TERM; : > \"$0/ready\"; while :; do sleep 0.05; done";
        supervisor.start(shell(Role::Command, script, place));
        pid(&mut supervisor).await;
        until("the command waits", || place.join("ready").exists());
        assert_eq!(supervisor.stop().await.and_then(|status| status.code()), Some(5));
    });
}

#[test]
fn a_command_that_ended_before_the_stop_says_it_as_well() {
    run(async |place| {
        let mut supervisor = Supervisor::new().expect("signals");
        supervisor.start(shell(Role::Command, "exit 6", place));
        let pid = pid(&mut supervisor).await;
        // Its end waits in the queue, and nobody asks for it.
        let start = Instant::now();
        while lives(pid) {
            assert!(start.elapsed() < DEADLINE, "the command does not end");
            tokio::task::yield_now().await;
        }
        assert_eq!(supervisor.stop().await.and_then(|status| status.code()), Some(6));
    });
}

#[test]
fn the_end_of_a_command_is_final() {
    run(async |place| {
        let mut supervisor = Supervisor::new().expect("signals");
        supervisor.start(shell(Role::Command, "exit 0", place));
        pid(&mut supervisor).await;
        assert_eq!(end(&mut supervisor).await, (Some(0), None));
    });
}

#[test]
fn a_supervisor_that_fails_takes_its_children_along() {
    run(async |place| {
        let mut supervisor = Supervisor::new().expect("signals");
        supervisor.start(service("trap '' TERM; while :; do sleep 0.05; done", place));
        let pid = pid(&mut supervisor).await;
        // As when a panic unwinds.
        drop(supervisor);
        tokio::task::yield_now().await;
        until("the child has ended", || !lives(pid));
    });
}
