//! One tor process: started, owned, stopped.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::POLL_INTERVAL;
use super::clock::poll;
use super::control::ControlConnection;

/// From the start of a process to its control socket; usually a fraction of a second.
const CONTROL_SOCKET_SECONDS_MAX: u64 = 30;

/// What a tor gets to end by itself after SIGTERM; it takes milliseconds. One in fifty was seen to ignore the signal.
const TERMINATION_SECONDS_MAX: u64 = 3;

/// How much of a log goes into a message about a failure.
const LOG_TAIL_LINES: usize = 15;

const NOT_INSTALLED: &str = "tor is not installed: run tests/all, or apt-get install tor";

/// Where a tor finds its files.
pub struct Launch<'a> {
    /// Holds the control socket and the logs.
    pub dir: &'a Path,
    pub data: &'a Path,
    pub torrc: &'a Path,
    pub defaults: &'a Path,
}

/// Why a tor did not come up.
#[derive(Debug)]
pub enum Failure {
    /// It ended: its configuration or its surroundings are wrong, and another start would end the same way.
    Exited(String),
    /// It runs but gets nowhere, as happens now and then; another start may do better.
    Stalled(String),
}

impl Failure {
    pub fn into_message(self) -> String {
        match self {
            Self::Exited(why) | Self::Stalled(why) => why,
        }
    }
}

/// A tor that ends with this process at the latest.
pub struct TorProcess {
    child: Child,
    dir: PathBuf,
    owner: Option<ControlConnection>,
}

impl TorProcess {
    /// Starts tor. It watches this process until [`TorProcess::take_ownership`] ties it to a connection.
    pub fn spawn(launch: &Launch) -> Self {
        let console = File::create(launch.dir.join("console.log")).expect("the run's directory is writable");
        let console_copy = console.try_clone().expect("a file can be shared");
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
        Self { child: spawn(&mut command), dir: launch.dir.to_owned(), owner: None }
    }

    /// Makes tor end when this process, or this value, does: it watches a connection that only we hold.
    pub fn take_ownership(&mut self) -> Result<(), Failure> {
        let socket = control_socket(&self.dir);
        let opened = poll(CONTROL_SOCKET_SECONDS_MAX, || match self.exited() {
            Some(why) => Some(Err(Failure::Exited(why))),
            None => ControlConnection::open(&socket).ok().map(Ok),
        });
        let stalled = |what: &str| Failure::Stalled(format!("{what}, see {}", self.dir.display()));
        let mut owner = opened.unwrap_or_else(|| Err(stalled("no control socket")))?;
        owner.command("TAKEOWNERSHIP").map_err(|error| stalled(&error.to_string()))?;
        self.owner = Some(owner);
        Ok(())
    }

    /// Waits until tor can build circuits.
    pub fn await_bootstrap(&mut self, seconds_max: u64) -> Result<(), Failure> {
        let mut phase = String::from("no answer");
        let done = poll(seconds_max, || {
            if let Some(why) = self.exited() {
                return Some(Err(Failure::Exited(why)));
            }
            phase = self.command("GETINFO status/bootstrap-phase").ok()?.swap_remove(0);
            phase.contains("PROGRESS=100 ").then_some(Ok(()))
        });
        let dir = self.dir.display();
        done.unwrap_or_else(|| {
            let why = format!("tor in {dir} has not bootstrapped within {seconds_max} s: {phase}");
            Err(Failure::Stalled(why))
        })
    }

    /// Sends a control command over the owning connection.
    pub fn command(&mut self, command: &str) -> io::Result<Vec<String>> {
        let owner = self.owner.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        owner.command(command)
    }

    /// Opens another control connection, for events.
    pub fn second_connection(&self) -> io::Result<ControlConnection> {
        ControlConnection::open(&control_socket(&self.dir))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Says how tor ended, with the end of its logs, if it has.
    pub fn exited(&mut self) -> Option<String> {
        let status = self.child.try_wait().expect("a child can be waited for")?;
        Some(format!(
            "tor in {} ended ({status}):\n{}{}",
            self.dir.display(),
            tail(&self.dir.join("console.log")),
            tail(&log_file(&self.dir))
        ))
    }

    /// Ends it at once, as a power failure would: nothing is written any more.
    pub fn kill(&mut self) {
        let _ = self.child.kill(); // it may have ended
        self.child.wait().expect("a killed child can be reaped");
    }

    /// Ends it and returns when it is reaped.
    pub fn stop(&mut self) {
        self.terminate();
        self.reap(deadline());
    }

    /// Sends SIGTERM. Std can only send SIGKILL, the shell any signal. The child is not reaped yet, so its id is not
    /// another process's.
    fn terminate(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let script = format!("kill -TERM {}", self.child.id());
            let _ = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status(); // else it is killed
        }
    }

    fn reap(&mut self, deadline: Instant) {
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() >= deadline {
                eprintln!("private Tor network: tor {} ignored SIGTERM and is killed", self.child.id());
                return self.kill();
            }
            thread::sleep(POLL_INTERVAL / 4);
        }
    }
}

impl Drop for TorProcess {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Stops many at once: each gets its signal before any is waited for.
pub fn stop_all(processes: &mut Vec<TorProcess>) {
    processes.iter_mut().for_each(TorProcess::terminate);
    let deadline = deadline();
    for process in processes.iter_mut() {
        process.reap(deadline);
    }
    processes.clear();
}

/// Panics with a remedy when a program of Debian's package `tor` is missing: a test that cannot run is no success.
pub fn assert_installed() {
    for program in ["tor", "tor-gencert"] {
        let found = std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()));
        assert!(found, "{NOT_INSTALLED}");
    }
}

/// Starts a program of Debian's package `tor`.
pub fn spawn(command: &mut Command) -> Child {
    match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => panic!("{NOT_INSTALLED}"),
        Err(error) => panic!("cannot start {}: {error}", command.get_program().display()),
    }
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(TERMINATION_SECONDS_MAX)
}

fn control_socket(dir: &Path) -> PathBuf {
    dir.join("control")
}

fn log_file(dir: &Path) -> PathBuf {
    dir.join("notice.log")
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines = text.lines().collect::<Vec<_>>();
    let shown = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
    shown.join("\n") + "\n"
}
