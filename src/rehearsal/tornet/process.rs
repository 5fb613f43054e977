//! One tor process: started, owned, stopped.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use super::{TornetError, control::ControlConnection};
use crate::rehearsal::{
    Patience,
    child::{self, Child, Command},
};

/// From the start of a process to its control socket; usually a fraction of a second.
const CONTROL_SOCKET_SECONDS_MAX: u64 = 30;

/// How much of a log goes into a message about a failure.
const LOG_TAIL_LINES: usize = 15;

/// Where a tor finds its files.
pub(super) struct Launch<'a> {
    /// Holds the control socket and the logs.
    pub(super) dir: &'a Path,
    pub(super) data: &'a Path,
    pub(super) torrc: &'a Path,
    pub(super) defaults: &'a Path,
}

/// A tor that ends with this process at the latest.
pub(super) struct TorProcess {
    child: Child,
    dir: PathBuf,
    owner: Option<ControlConnection>,
}

impl TorProcess {
    /// Starts tor. It watches this process until [`TorProcess::take_ownership`] ties it to a connection.
    pub(super) fn spawn(launch: &Launch) -> Result<Self, TornetError> {
        let (console, console_copy) = log_pair(&launch.dir.join("console.log"))?;
        let control = control_socket(launch.dir);
        let _ = fs::remove_file(&control); // left by a tor that was killed; tells a new one apart
        let mut command = Command::new("tor");
        command
            .arg("--hush")
            .arg("-f")
            .arg(launch.torrc)
            .arg("--defaults-torrc")
            .arg(launch.defaults)
            .arg("--DataDirectory")
            .arg(launch.data)
            .arg("--ControlSocket")
            .arg(control)
            .arg("--Log")
            .arg(format!("notice file {}", log_file(launch.dir).display()))
            .arg("--__OwningControllerProcess")
            .arg(std::process::id().to_string())
            .stdin(Stdio::null())
            .stdout(console)
            .stderr(console_copy);
        Ok(Self { child: spawn(&mut command, "tor")?, dir: launch.dir.to_owned(), owner: None })
    }

    /// Makes tor end when this process, or this value, does: it watches a connection that only we hold.
    pub(super) fn take_ownership(&mut self, patience: &Patience) -> Result<(), TornetError> {
        let socket = control_socket(&self.dir);
        let opened = patience.poll(CONTROL_SOCKET_SECONDS_MAX, || match self.ended() {
            Some(why) => Some(Err(why)),
            None => ControlConnection::open(&socket).ok().map(Ok),
        })?;
        let stalled = |what: &str| TornetError::Stalled(format!("{what}, see {}", self.dir.display()));
        let mut owner = opened.unwrap_or_else(|| Err(stalled("no control socket")))?;
        owner.command("TAKEOWNERSHIP").map_err(|error| stalled(&error.to_string()))?;
        self.owner = Some(owner);
        Ok(())
    }

    /// Waits until tor can build circuits.
    pub(super) fn await_bootstrap(&mut self, seconds_max: u64, patience: &Patience) -> Result<(), TornetError> {
        let mut phase = String::from("no answer");
        let done = patience.poll(seconds_max, || {
            if let Some(why) = self.ended() {
                return Some(Err(why));
            }
            phase = self.command("GETINFO status/bootstrap-phase").ok()?.into_iter().next()?;
            phase.contains("PROGRESS=100 ").then_some(Ok(()))
        })?;
        let dir = self.dir.display();
        done.unwrap_or_else(|| {
            let why = format!("tor in {dir} has not bootstrapped within {seconds_max} s: {phase}");
            Err(TornetError::Stalled(why))
        })
    }

    /// Sends a control command over the owning connection.
    pub(super) fn command(&mut self, command: &str) -> io::Result<Vec<String>> {
        let owner = self.owner.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        owner.command(command)
    }

    /// Opens another control connection, for events.
    pub(super) fn second_connection(&self) -> io::Result<ControlConnection> {
        ControlConnection::open(&control_socket(&self.dir))
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Says how tor ended, with the end of its logs, if it has.
    pub(super) fn ended(&mut self) -> Option<TornetError> {
        self.child.ended().map(|status| self.epitaph(status))
    }

    /// Ends it at once, as a power failure would.
    pub(super) fn kill(&mut self) {
        self.child.kill();
    }

    fn epitaph(&self, status: ExitStatus) -> TornetError {
        TornetError::Ended(format!(
            "tor in {} ended ({status}):\n{}{}",
            self.dir.display(),
            tail(&self.dir.join("console.log")),
            tail(&log_file(&self.dir))
        ))
    }
}

/// Stops many at once: each gets its signal before any is waited for.
pub(super) fn stop_all(processes: &mut Vec<TorProcess>) {
    processes.iter_mut().for_each(|process| process.child.terminate());
    let deadline = child::termination_deadline();
    processes.iter_mut().for_each(|process| process.child.reap(deadline));
    processes.clear();
}

/// Starts a program of Debian's package `tor`.
pub(super) fn spawn(command: &mut Command, name: &'static str) -> Result<Child, TornetError> {
    Child::spawn(command).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => TornetError::NotInstalled(name),
        _ => TornetError::system(format!("can't start {name}"))(error),
    })
}

/// A new log file, for standard output and standard error.
pub(super) fn log_pair(path: &Path) -> Result<(File, File), TornetError> {
    let pair = File::create(path).and_then(|file| Ok((file.try_clone()?, file)));
    pair.map_err(TornetError::system(format!("can't write {}", path.display())))
}

fn control_socket(dir: &Path) -> PathBuf {
    dir.join("control")
}

pub(super) fn log_file(dir: &Path) -> PathBuf {
    dir.join("notice.log")
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines = text.lines().collect::<Vec<_>>();
    let shown = lines.into_iter().rev().take(LOG_TAIL_LINES).collect::<Vec<_>>();
    shown.into_iter().rev().collect::<Vec<_>>().join("\n") + "\n"
}
