//! A real introducer process in a directory of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anteroom::protocol::{Request, Response};
use tempfile::TempDir;

use super::{records::grid, wire::Wire};

/// For a start, a stop, or a condition; generous, since machines are loaded.
pub const DEADLINE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);

/// Memory of a process.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub resident_kib: u64,
    pub peak_kib: u64,
}

/// `anteroom introducer`, killed when dropped.
pub struct Introducer {
    pub directory: TempDir,
    child: Option<Child>,
    wrapper: Vec<String>,
    command: &'static str,
}

impl Introducer {
    /// Limits that no test meets by accident.
    pub fn start() -> Self {
        Self::with_config("")
    }

    /// `extra` is appended to a configuration with generous limits.
    pub fn with_config(extra: &str) -> Self {
        let mut introducer = Self::prepared(extra);
        introducer.launch();
        introducer
    }

    /// Everything but the process.
    pub fn prepared(extra: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("anteroom-").tempdir().expect("a temporary directory");
        let introducer = Self { directory, child: None, wrapper: Vec::new(), command: "introducer" };
        introducer.configure(extra);
        introducer
    }

    /// Writes the configuration; `extra` holds tables, `[limits]` with generous values unless it has one.
    pub fn configure(&self, extra: &str) {
        let limits = "[limits]\nverifications_per_second_max = 1000000\nnew_keys_per_hour_max = 10000000\n\
                      bandwidth_per_circuit_kib_per_second_max = 1000000\nbandwidth_kib_per_second_max = 1000000\n\
                      streams_per_circuit_max = 4096\n";
        let limits = if extra.contains("[limits]") { "" } else { limits };
        let text =
            format!("version = 1\ngrid = \"{}\"\nsocket = \"socket\"\nstate = \"state\"\n{extra}\n{limits}", grid());
        fs::write(self.config(), text).expect("the configuration can be written");
    }

    /// A program in front of the introducer, such as strace or faketime, with its arguments.
    pub fn wrap(&mut self, wrapper: &[impl AsRef<str>]) {
        self.wrapper = wrapper.iter().map(|word| word.as_ref().into()).collect();
        require(&self.wrapper[0]);
    }

    /// To be started by `anteroom serve`. `carrier = "external"` has to be configured.
    pub fn supervise(&mut self) {
        self.command = "serve";
    }

    pub fn config(&self) -> PathBuf {
        self.directory.path().join("introducer.toml")
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    pub fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Changes the configuration by replacing text in it.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.config()).expect("the configuration can be read");
        assert!(text.contains(from), "no {from} in the configuration");
        fs::write(self.config(), text.replace(from, to)).expect("the configuration can be written");
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Starts the process and waits until it answers.
    pub fn launch(&mut self) {
        self.spawn();
        self.wait_ready();
    }

    /// Starts the process only.
    pub fn spawn(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.directory.path().join("log"));
        let log = log.expect("a log file");
        let mut words = self.wrapper.clone();
        words.extend([env!("CARGO_BIN_EXE_anteroom"), self.command, "--config"].map(String::from));
        let mut command = Command::new(words.remove(0));
        command.args(words).arg(self.config()).current_dir("/").stdin(Stdio::null());
        // Cargo's search path for libraries is no part of what is tested.
        command.env_remove("LD_LIBRARY_PATH");
        command.stdout(log.try_clone().expect("a second handle")).stderr(log);
        self.child = Some(command.spawn().expect("the introducer starts (is the wrapper installed? run tests/all)"));
    }

    pub fn wait_ready(&mut self) {
        let socket = self.socket();
        self.wait("the introducer is ready", |_| {
            let ready = |response: Response<'_>| matches!(response, Response::About(_));
            Wire::connect(&socket, 0xffff_ff00).and_then(|mut wire| wire.ask(&Request::About, ready)).unwrap_or(false)
        });
    }

    /// Waits for a condition, as long as the process runs.
    pub fn wait(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().expect("a child")) {
                panic!("the introducer ended ({status}) while waiting: {what}\n{}", self.log());
            }
            assert!(start.elapsed() < DEADLINE, "not in time: {what}\n{}", self.log());
            thread::sleep(POLL);
        }
    }

    pub fn wire(&self, circuit: u32) -> Wire {
        Wire::connect(&self.socket(), circuit).expect("the introducer listens")
    }

    /// Process id of the introducer itself, also below a wrapper or a supervisor.
    pub fn pid(&self) -> u32 {
        let own = self.child.as_ref().expect("a process").id();
        if self.wrapper.is_empty() && self.command == "introducer" { own } else { deepest_child(own) }
    }

    /// Process id of who is told to stop: the supervisor, where there is one.
    pub fn main_pid(&self) -> u32 {
        let pid = self.pid();
        if self.command == "introducer" {
            return pid;
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the introducer runs");
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).expect("a parent");
        parent.trim().parse().expect("a number")
    }

    /// What the process holds.
    pub fn memory(&self) -> Memory {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process runs");
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a size");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        Memory { resident_kib: kib("VmRSS:"), peak_kib: kib("VmHWM:") }
    }

    /// Open files, streams among them.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("the process runs").count()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.main_pid().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("kill runs").success());
    }

    /// SIGTERM, then its exit status.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        self.signal("-TERM");
        self.exit_status()
    }

    pub fn exit_status(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().expect("a process");
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("a child") {
                return status;
            }
            assert!(start.elapsed() < DEADLINE, "the introducer does not end\n{}", self.log());
            thread::sleep(POLL);
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            if !self.wrapper.is_empty() {
                let deepest = deepest_child(child.id()).to_string();
                let _ = Command::new("kill").args(["-KILL", &deepest]).status();
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Introducer {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the introducer's log:\n{}", self.log());
        }
        self.kill();
    }
}

fn deepest_child(pid: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    match children.split_whitespace().next().and_then(|child| child.parse().ok()) {
        Some(child) => deepest_child(child),
        None => pid,
    }
}

/// Is `path` there?
pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Waits for a condition.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < DEADLINE, "not in time: {what}");
        thread::sleep(POLL);
    }
}

/// Tests hold as many files as the introducer does; the usual soft limit is too low for that.
pub fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("the hard limit is allowed");
}

/// Words in front of a command that give it namespaces of its own, also where tests are not run as root.
pub fn unshare(flags: &str) -> Vec<String> {
    let root = if rustix::process::geteuid().is_root() { "" } else { "r" };
    vec!["unshare".into(), format!("-{root}{flags}")]
}

/// Panics with the remedy when a program is missing.
pub fn require(program: &str) {
    let found = Command::new("sh").args(["-c", "command -v \"$1\"", "sh", program]).stdout(Stdio::null()).status();
    assert!(found.is_ok_and(|status| status.success()), "{program} is not installed: run tests/all");
}
