//! `anteroom carrier tor` in the private network, and what it tells.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anteroom::carrier::Report;

use crate::grid::anteroom;

/// From the start of a carrier to whatever a test waits for: a bootstrap, a descriptor that spreads, some retries.
const DEADLINE: Duration = Duration::from_secs(300);

/// A running carrier; killed when dropped.
pub struct Carrier {
    child: Child,
    reports: Arc<Mutex<Vec<Report>>>,
    log: PathBuf,
}

impl Carrier {
    /// `arguments` follow `anteroom carrier tor`.
    pub fn start(log: &Path, arguments: &[&str]) -> Self {
        Self::launch(anteroom(&[]), log, arguments)
    }

    /// With a program such as strace in front, whose own words are `wrapper`.
    pub fn start_within(wrapper: &[String], log: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(&wrapper[0]);
        command
            .args(&wrapper[1..])
            .arg(env!("CARGO_BIN_EXE_anteroom"))
            .env_remove("LD_LIBRARY_PATH")
            .stdin(Stdio::null());
        Self::launch(command, log, arguments)
    }

    fn launch(mut command: Command, log: &Path, arguments: &[&str]) -> Self {
        let file = fs::File::options().create(true).append(true).open(log).expect("a log file");
        command.args(["-vv", "carrier", "tor", "--json"]);
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(file).spawn().expect("the carrier starts");
        let reports = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let received = Arc::clone(&reports);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let report = Report::from_line(&line).expect("a line is a report");
                received.lock().expect("no panic with the lock").push(report);
            }
        });
        Self { child, reports, log: log.to_owned() }
    }

    /// What the first report for which `wanted` yields something yields.
    pub fn wait<T>(&mut self, what: &str, wanted: impl Fn(&Report) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            let reports = self.reports.lock().expect("no panic with the lock").clone();
            if let Some(found) = reports.iter().find_map(&wanted) {
                return found;
            }
            let log = || fs::read_to_string(&self.log).unwrap_or_default();
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "the carrier ended while waiting for {what}: {reports:?}\n{}", log());
            assert!(start.elapsed() < DEADLINE, "{what} did not come: {reports:?}\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn wait_online(&mut self) {
        self.wait("online", |report| (*report == Report::Online).then_some(()));
    }

    /// The address, once it was reached through Tor.
    pub fn wait_reachable(&mut self) -> String {
        self.wait("a stream through Tor", |report| matches!(report, Report::Reachable { .. }).then_some(()));
        self.wait("the address", |report| match report {
            Report::Onion { address } => Some(address.clone()),
            _ => None,
        })
    }

    /// The carrier itself, also below a wrapper.
    pub fn pid(&self) -> u32 {
        let children = |pid| fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let mut pid = self.child.id();
        while let Some(child) = children(pid).split_whitespace().next().and_then(|child| child.parse().ok()) {
            pid = child;
        }
        pid
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.pid().to_string()]).status().expect("kill runs").success());
    }

    /// SIGTERM, and its exit status.
    pub fn terminate(&mut self) -> std::process::ExitStatus {
        self.signal("-TERM");
        self.child.wait().expect("a child")
    }

    pub fn kill(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.pid().to_string()]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.kill();
    }
}
