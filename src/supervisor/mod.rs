//! Processes of this program, started by one that does nothing else: it hands them their sockets, starts them again when they
//! end, stops them, and leaves none behind. It reads no byte from outside.
//!
//! A *service* has two things from its parent, and neither needs the environment or an agreed number of a file:
//!
//! - Its **standard input is the listening socket**, which the parent made once: what waits in the backlog waits for the
//!   next start. systemd hands a socket down the same way (`StandardInput=socket`), so a service under systemd needs no
//!   code of its own.
//! - Its **standard output is the lifeline**, a stream to the parent. What it has to tell it writes there, a line an event;
//!   when the stream closes, it ends. The kernel closes it however the parent dies, so that there is no orphan.
//!
//! A *command* has the streams of its parent, and when it ends, so does everything.

mod child;

use std::{
    ffi::OsString,
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

pub use child::{Inherited, Lifeline, WatchedLifeline, end_with_parent};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::Child as Process,
    signal::unix::{Signal as Signals, SignalKind, signal},
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{ambient, net};

/// The program of this very process, also after an upgrade put another file in its place: parent and children are always of
/// one version.
pub const OWN_PROGRAM: &str = "/proc/self/exe";
/// The exit code for wrong usage or configuration. Starting again would change nothing, so it is the end of everything.
pub const EXIT_FINAL: i32 = 2;
/// Pause before a service is started again; it doubles with each end that follows soon.
const RESTART_PAUSE_MIN: Duration = Duration::from_secs(1);
/// An operator who has repaired what was wrong waits no longer than this.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(60);
/// Who ran for so long was well: the pause is short again.
const RAN_WELL_MILLIS: u64 = 60_000;
/// From the closing of the lifeline to SIGKILL. A service ends itself before that ([`child`]) unless it can't run at all.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// A report has some 100 bytes; what is longer is not one, and is dropped.
const LINE_BYTES_MAX: usize = 4096;
/// Lines that wait for who listens; then the child waits.
const EVENTS_WAITING_MAX: usize = 64;
/// What a child wrote before its end is in the lifeline already, and is read within this.
const LAST_LINES_WAIT: Duration = Duration::from_secs(1);

/// What to start.
#[derive(Debug)]
pub struct Child {
    /// For messages.
    pub name: &'static str,
    /// [`OWN_PROGRAM`]; tests have others.
    pub program: PathBuf,
    /// Without the name of the program.
    pub arguments: Vec<OsString>,
    /// What it is to this process.
    pub role: Role,
}

/// What a child is to its parent.
#[derive(Debug)]
pub enum Role {
    /// Started again when it ends. It has a process group of its own, so that Ctrl-C reaches the parent alone.
    Service {
        /// Its standard input; nothing otherwise.
        socket: Option<OwnedFd>,
    },
    /// Has the streams of its parent. Its end is the end of all.
    Command,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A child runs.
    Started {
        /// Which.
        child: &'static str,
        /// Its process id.
        pid: i32,
    },
    /// A service told something.
    Line {
        /// Which.
        child: &'static str,
        /// Text of the child, at most 4 KiB without its newline. It may hold control characters.
        line: String,
    },
    /// A child has ended, or could not be started.
    Ended {
        /// Which.
        child: &'static str,
        /// How.
        status: io::Result<ExitStatus>,
        /// When it is started again; `None` when it is not, and all is over.
        again_in: Option<Duration>,
    },
    /// SIGTERM or SIGINT came.
    Stop,
}

#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    stop: bool,
    hangups: u64,
}

/// The parent of some children.
#[derive(Debug)]
pub struct Supervisor {
    orders: watch::Sender<Orders>,
    teller: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    children: JoinSet<Option<ExitStatus>>,
    terminate: Signals,
    interrupt: Signals,
    hangup: Signals,
}

impl Supervisor {
    /// Listens to signals from now on. To be called on an event loop that the thread which started the process runs: the
    /// kernel ends children together with the thread they come from.
    ///
    /// # Errors
    /// Of the system.
    pub fn new() -> io::Result<Self> {
        let (teller, events) = mpsc::channel(EVENTS_WAITING_MAX);
        Ok(Self {
            orders: watch::Sender::default(),
            teller,
            events,
            children: JoinSet::new(),
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Starts a child and looks after it.
    pub fn start(&mut self, child: Child) {
        self.children.spawn(keep(child, self.orders.subscribe(), self.teller.clone()));
    }

    /// The next event. SIGHUP is none: it is handed on to all children.
    pub async fn next(&mut self) -> Event {
        loop {
            tokio::select! {
                Some(event) = self.events.recv() => return event,
                _ = self.terminate.recv() => return Event::Stop,
                _ = self.interrupt.recv() => return Event::Stop,
                Some(_) = self.hangup.recv() => self.orders.send_modify(|orders| orders.hangups += 1),
                Some(Err(failed)) = self.children.join_next() => {
                    if let Ok(panic) = failed.try_into_panic() {
                        // Nobody looks after that child any more: this process has to end, and its children with it.
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
    }

    /// Closes the lifelines, asks commands to end (SIGTERM), and returns when all children have ended, at the latest after a
    /// grace and SIGKILL. The exit status is that of a command, unless `next` told it already.
    pub async fn stop(mut self) -> Option<ExitStatus> {
        self.orders.send_modify(|orders| orders.stop = true);
        // Nobody waits for a listener that is gone. A command's end may be waiting to be told.
        self.events.close();
        let mut of_command = None;
        while let Ok(event) = self.events.try_recv() {
            if let Event::Ended { status: Ok(status), again_in: None, .. } = event {
                of_command = Some(status);
            }
        }
        while let Some(ended) = self.children.join_next().await {
            of_command = ended.ok().flatten().or(of_command);
        }
        of_command
    }
}

/// Starts a child again and again, until it is told to stop or the child's end is final.
async fn keep(child: Child, mut orders: watch::Receiver<Orders>, events: mpsc::Sender<Event>) -> Option<ExitStatus> {
    let is_command = matches!(child.role, Role::Command);
    let mut pause = None;
    while !orders.borrow_and_update().stop {
        let started_millis = ambient::steady_millis();
        let status = run(&child, &mut orders, &events).await;
        let of_command = status.as_ref().ok().copied().filter(|_| is_command);
        let is_final = is_command || status.as_ref().is_ok_and(|status| status.code() == Some(EXIT_FINAL));
        if orders.borrow().stop {
            return of_command;
        }
        let ran_millis = ambient::steady_millis().saturating_sub(started_millis);
        pause = (!is_final).then(|| pause_after(pause, ran_millis));
        let _ = events.send(Event::Ended { child: child.name, status, again_in: pause }).await;
        let Some(pause) = pause else { return of_command };
        let _ = tokio::time::timeout(pause, orders.wait_for(|orders| orders.stop)).await;
    }
    None
}

/// `last` is the pause before the start that ended now.
fn pause_after(last: Option<Duration>, ran_millis: u64) -> Duration {
    let last = last.filter(|_| ran_millis < RAN_WELL_MILLIS);
    last.map_or(RESTART_PAUSE_MIN, |last| (2 * last).min(RESTART_PAUSE_MAX))
}

/// From start to end.
async fn run(
    child: &Child,
    orders: &mut watch::Receiver<Orders>,
    events: &mpsc::Sender<Event>,
) -> io::Result<ExitStatus> {
    let (mut process, lifeline) = start(child)?;
    let pid = process.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    let pid = pid.ok_or_else(|| io::Error::other("a child that was just started has no process id"))?;
    let _ = events.send(Event::Started { child: child.name, pid: pid.as_raw_pid() }).await;
    let mut lines = lifeline.map(|lifeline| Box::pin(tell_lines(child.name, lifeline, events.clone())));
    loop {
        tokio::select! {
            status = process.wait() => {
                if let Some(lines) = lines {
                    let _ = tokio::time::timeout(LAST_LINES_WAIT, lines).await;
                }
                return status;
            }
            Some(_) = async { Some(lines.as_mut()?.await) } => lines = None,
            changed = orders.changed() => {
                if changed.is_err() || orders.borrow_and_update().stop {
                    break;
                }
                // It may have ended in this moment: then there is nobody to tell.
                let _ = kill_process(pid, Signal::HUP);
            }
        }
    }
    match lines {
        Some(lifeline) => drop(lifeline),
        None => drop(kill_process(pid, Signal::TERM)),
    }
    if let Ok(status) = tokio::time::timeout(STOP_GRACE, process.wait()).await {
        return status;
    }
    process.start_kill()?;
    process.wait().await
}

#[expect(clippy::disallowed_types, reason = "the one place that starts processes, and they are of this program")]
fn start(child: &Child) -> io::Result<(Process, Option<net::Stream>)> {
    let mut command = tokio::process::Command::new(&child.program);
    command.arg0("anteroom").args(&child.arguments).kill_on_drop(true);
    let Role::Service { socket } = &child.role else {
        return Ok((command.spawn()?, None));
    };
    let (ours, theirs) = net::pair()?;
    let stdin = socket.as_ref().map(OwnedFd::try_clone).transpose()?.map_or_else(Stdio::null, Stdio::from);
    command.stdin(stdin).stdout(Stdio::from(theirs)).process_group(0);
    // The command holds the child's end, and goes with this function.
    Ok((command.spawn()?, Some(ours)))
}

/// Tells line after line until the child closes its end.
async fn tell_lines(child: &'static str, lifeline: net::Stream, events: mpsc::Sender<Event>) -> io::Result<()> {
    let mut lifeline = BufReader::with_capacity(LINE_BYTES_MAX, lifeline);
    let mut too_long = false;
    loop {
        let mut bytes = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        if (&mut lifeline).take(limit).read_until(b'\n', &mut bytes).await? == 0 {
            return Ok(());
        }
        let whole = bytes.pop_if(|last| *last == b'\n').is_some();
        if whole && !too_long {
            let line = String::from_utf8_lossy(&bytes).into_owned();
            let _ = events.send(Event::Line { child, line }).await;
        }
        too_long = !whole;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_start_again_after_a_minute_of_running() {
        let mut pauses = vec![pause_after(None, 0)];
        for _ in 0..7 {
            pauses.push(pause_after(pauses.last().copied(), RAN_WELL_MILLIS - 1));
        }
        assert_eq!(pauses.iter().map(Duration::as_secs).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause_after(pauses.last().copied(), RAN_WELL_MILLIS), RESTART_PAUSE_MIN);
    }
}
