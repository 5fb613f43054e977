//! The child's side: what it was given, and its end when its parent's comes.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::{AsFd as _, OwnedFd},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use tokio::sync::watch;

use crate::net::BoundSocket;

/// From the closing of the lifeline to the hard end of a process whose event loop does not get there by itself. An introducer
/// has 5 s for its streams and then needs its disk; the parent kills after 10 s.
const END_GRACE: Duration = Duration::from_secs(8);
/// After a hard end; the parent is gone or has given up.
const EXIT_HARD: i32 = 1;

/// What a service was started with.
#[derive(Debug)]
pub struct Inherited {
    /// The listening AF_UNIX socket on standard input, whoever put it there (the supervisor, or systemd).
    pub socket: Option<BoundSocket>,
    /// Standard output as a lifeline, for who was started by the supervisor. Nobody looks at it yet.
    pub lifeline: Option<Lifeline>,
}

impl Inherited {
    /// To be called once, at the start. `supervised` is what the parent says by a flag: no look at standard output could
    /// tell its lifeline from the socket of systemd's journal, which reads as closed from the first moment. No thread is
    /// started: a sandbox comes first.
    ///
    /// # Errors
    /// Of the system, or when `supervised` was said by somebody else than the supervisor.
    pub fn take(supervised: bool) -> io::Result<Self> {
        show_name()?;
        // First, so that there is no moment in which the parent's end goes unseen.
        let lifeline = supervised.then(Lifeline::hold).transpose()?;
        let socket = BoundSocket::inherited(io::stdin().as_fd().try_clone_to_owned()?)?;
        Ok(Self { socket, lifeline })
    }
}

/// A stream to the parent that closes when the parent ends, or wants this process to.
#[derive(Debug)]
pub struct Lifeline(OwnedFd);

impl Lifeline {
    fn hold() -> io::Result<Self> {
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        if rustix::net::sockopt::socket_domain(&stdout).ok() != Some(rustix::net::AddressFamily::UNIX) {
            let message = "--supervised is what `anteroom serve` says to its own children: leave it out";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        // The second line: also a process that is stopped and can't see its lifeline close ends with its parent.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        Ok(Self(stdout))
    }

    /// Looks at it from now on.
    ///
    /// # Errors
    /// Of the system.
    pub fn watch(self) -> io::Result<WatchedLifeline> {
        let (tell, closed) = watch::channel(false);
        // A thread of its own sees the end also when the event loop is stuck.
        thread::Builder::new().name("lifeline".into()).spawn(move || {
            wait_closed(self.0);
            // The event loop may have ended already; then so does the process.
            let _ = tell.send(true);
            thread::sleep(END_GRACE);
            std::process::exit(EXIT_HARD);
        })?;
        Ok(WatchedLifeline { closed })
    }
}

/// A lifeline with a thread that ends this process when nothing else does.
#[derive(Debug)]
pub struct WatchedLifeline {
    closed: watch::Receiver<bool>,
}

impl WatchedLifeline {
    /// Until this process shall end. It has 8 seconds from then on.
    pub async fn closed(&mut self) {
        // The thread never lets go of its end before it has told.
        let _ = self.closed.wait_for(|closed| *closed).await;
    }
}

/// The parent writes nothing, so whatever is read means nothing.
fn wait_closed(stdout: OwnedFd) {
    let mut stdout = File::from(stdout);
    let mut ignored = [0; 64];
    loop {
        match stdout.read(&mut ignored) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

/// For a command, whose standard output is its own: the kernel ends this process together with its parent, `parent`.
///
/// # Errors
/// Of the system, or when the parent has ended already.
pub fn end_with_parent(parent: i32) -> io::Result<()> {
    show_name()?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid().map(Pid::as_raw_pid) == Some(parent) {
        Ok(())
    } else {
        Err(io::Error::other("the process that started this one has ended"))
    }
}

/// What was started as [`OWN_PROGRAM`](super::OWN_PROGRAM) is `exe` in lists of processes otherwise.
fn show_name() -> io::Result<()> {
    Ok(rustix::thread::set_name(c"anteroom")?)
}
