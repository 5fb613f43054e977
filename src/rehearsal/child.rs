//! Child processes of a rehearsal: all that it starts it ends, by process id, and waits until they are gone.

use std::{
    io,
    os::unix::process::CommandExt as _,
    process::{ChildStdin, ExitStatus},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::ambient;

/// How programs are started here.
#[expect(clippy::disallowed_types, reason = "a rehearsal is made of processes; nothing else here starts a program")]
pub(super) type Command = std::process::Command;

/// What a process gets to end by itself after SIGTERM; it takes milliseconds. One tor in fifty was seen to ignore it, and
/// `anteroom serve` may wait 10 s for its children.
const TERMINATION_MILLIS_MAX: u64 = 12_000;

/// Pause between two looks at a process that was told to end.
const REAP_INTERVAL: Duration = Duration::from_millis(25);

/// A running child. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Child(std::process::Child);

impl Child {
    /// Starts `command`, out of reach of the terminal's Ctrl-C: only this program ends what it started, in its order.
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        command.process_group(0).spawn().map(Self)
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its standard input, once, if it was piped.
    pub(super) const fn stdin(&mut self) -> Option<ChildStdin> {
        self.0.stdin.take()
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// Ends it at once, as a power failure would: nothing is written any more.
    pub(super) fn kill(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait(); // nothing but a second wait can fail, and that one has nothing to wait for
    }

    /// Ends it and returns when it is reaped.
    pub(super) fn stop(&mut self) {
        self.terminate();
        self.reap(termination_deadline());
    }

    /// Sends SIGTERM. The child is not reaped yet, so its id is not another process's.
    pub(super) fn terminate(&mut self) {
        if let (None, Some(pid)) = (self.ended(), i32::try_from(self.id()).ok().and_then(Pid::from_raw)) {
            let _ = kill_process(pid, Signal::TERM); // else it is killed
        }
    }

    /// Waits for its end until a moment of the steady clock, then kills it.
    pub(super) fn reap(&mut self, deadline_millis: u64) {
        while self.ended().is_none() {
            if ambient::steady_millis() >= deadline_millis {
                return self.kill();
            }
            thread::sleep(REAP_INTERVAL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Until when what is told to end now may take its time.
pub(super) fn termination_deadline() -> u64 {
    ambient::steady_millis() + TERMINATION_MILLIS_MAX
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;

    fn shell(script: &str) -> Child {
        Child::spawn(Command::new("sh").args(["-c", script]).stdout(Stdio::null())).unwrap()
    }

    #[test]
    fn a_child_that_ignores_the_signal_is_killed() {
        let directory = tempfile::tempdir().unwrap();
        let ready = directory.path().join("ready");
        let mut child = shell(&format!("trap '' TERM; touch '{}'; while :; do sleep 0.1; done", ready.display()));
        let patience = crate::rehearsal::Patience::default();
        patience.poll(60, || ready.exists().then_some(())).unwrap().expect("the trap is set");
        child.stop();
        use std::os::unix::process::ExitStatusExt as _;
        assert_eq!(child.ended().and_then(|status| status.signal()), Some(9));
    }

    #[test]
    fn a_dropped_child_is_gone() {
        let child = shell("exec sleep 600");
        let proc = std::path::PathBuf::from(format!("/proc/{}", child.id()));
        assert!(proc.exists());
        drop(child);
        assert!(!proc.exists());
    }
}
