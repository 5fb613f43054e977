//! A grid for a test: an introducer behind an onion service, clients with tor daemons of their own.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::tornet::{TorDaemon, TorNetwork};

/// For an onion service to be found by a client after its descriptor was uploaded; a new network needs a few tries.
const REACHABLE: Duration = Duration::from_secs(300);

/// The program under test.
pub fn anteroom(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anteroom"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A directory with a grid key, an introducer's configuration, and a running introducer.
pub struct Grid {
    pub directory: TempDir,
    pub id: String,
    introducer: Option<Child>,
}

impl Grid {
    /// `settings` replaces lines of the configuration that `init` wrote: `(from, to)`.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::Builder::new().prefix("anteroom-grid-").tempdir().expect("a temporary directory");
        let mut grid = Self { directory, id: String::new(), introducer: None };
        let key = grid.path("grid.key");
        let made = run(anteroom(&["grid", "keygen", "--json", "--out"]).arg(key));
        grid.id = json(&made)["grid"].as_str().expect("a grid id").to_owned();
        run(anteroom(&["init", "introducer"]).arg(grid.directory.path()).args(["--grid", &grid.id]));
        edit(&grid.path("introducer.toml"), settings);
        grid.serve();
        grid
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.path("introducer.sock")
    }

    /// Starts the introducer and waits for its socket.
    pub fn serve(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("introducer.log")).expect("a log file");
        let mut command = anteroom(&["introducer", "--config"]);
        command.arg(self.path("introducer.toml")).stderr(log);
        self.introducer = Some(command.spawn().expect("the introducer starts"));
        let socket = self.socket();
        until("the introducer's socket is there", || socket.exists());
    }

    /// A C tor as the example has it, in front of the introducer; returns the onion address and port.
    pub fn onion(&self, network: &TorNetwork, name: &str, example: &str) -> (TorDaemon, String) {
        let service = self.path("onion");
        let (socket, service) = (self.socket(), service.as_path());
        let tor = network.daemon_from_example(
            name,
            &example_path(example),
            &[("/run/anteroom/introducer.sock", text(&socket)), ("/var/lib/tor/anteroom", text(service))],
        );
        tor.wait_descriptor_uploaded();
        let host = fs::read_to_string(service.join("hostname")).expect("tor writes the address");
        (tor, format!("{}:80", host.trim()))
    }

    /// A directory with a node's configuration and key.
    pub fn node(&self, name: &str, introducer: &str, socks: &Path) -> Node {
        let directory = self.path(name);
        run(anteroom(&["init", "node"]).arg(&directory).args(["--grid", &self.id]));
        let node = Node { config: directory.join("node.toml") };
        edit(
            &node.config,
            &[
                ("introducers = [\n]", &format!("introducers = [\"{introducer}\"]")),
                ("#socks = \"/run/tor/socks\"", &format!("socks = \"{}\"", text(socks))),
                ("#key = \"node.key\"", "key = \"node.key\""),
            ],
        );
        run(anteroom(&["node", "keygen", "--out"]).arg(directory.join("node.key")));
        node
    }
}

impl Drop for Grid {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.path("introducer.log")).unwrap_or_default());
        }
        if let Some(mut child) = self.introducer.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A node's side: its configuration names introducer, SOCKS socket and key.
pub struct Node {
    pub config: PathBuf,
}

impl Node {
    /// For an embedded Tor: the private network, and no other.
    pub fn enter(&self, network: &TorNetwork) {
        edit(&self.config, &[("[tor]\n", &in_network(network))]);
    }

    /// Adds the one service that every test node offers.
    pub fn offers_storage(&self, nickname: &str) {
        edit(&self.config, &[("#nickname = \"cellar\"", &format!("nickname = \"{nickname}\""))]);
        let mut text = fs::read_to_string(&self.config).expect("the configuration can be read");
        text.push_str(&format!("\n[[service]]\nname = \"storage\"\nversion = 1\naddresses = [\"{}\"]\n", onion()));
        fs::write(&self.config, text).expect("the configuration can be written");
    }

    /// A command with this node's configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = anteroom(arguments);
        command.arg("--config").arg(&self.config);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        run(&mut self.command(arguments))
    }

    /// The command's objects, one a line or all in one array.
    pub fn objects(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        lines_of_json(&self.run(arguments))
    }

    /// Tries until the onion service is found: right after its start that may take some tries.
    pub fn run_when_reachable(&self, arguments: &[&str]) -> Output {
        let start = Instant::now();
        loop {
            let output = self.command(arguments).output().expect("the program starts");
            if output.status.success() {
                return output;
            }
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(start.elapsed() < REACHABLE, "{arguments:?} did not succeed in time: {error}");
        }
    }

    /// A watch that runs until dropped.
    pub fn watch(&self) -> Watch {
        let mut child = self.command(&["watch", "--json"]).stdout(Stdio::piped()).spawn().expect("a watch starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Watch { child, lines }
    }
}

/// A running `anteroom watch --json`.
pub struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    /// The next object for which `wanted` holds.
    pub fn next(&mut self, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        for line in &mut self.lines {
            let object = serde_json::from_str(&line.expect("a line")).expect("JSON");
            if wanted(&object) {
                return object;
            }
        }
        panic!("the watch ended");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{error}", output.status);
    output
}

pub fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

pub fn lines_of_json(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
}

/// An onion address that a test publishes; nobody answers there.
pub fn onion() -> &'static str {
    "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion:3457"
}

pub fn example_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("torrc-examples").join(name)
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path of this test is text")
}

/// The line `[tor]` of a configuration, and one that leads the embedded Tor to the private network.
pub fn in_network(network: &TorNetwork) -> String {
    format!("[tor]\nnetwork = \"{}\"\n", text(network.network_file()))
}

/// Waits for a condition.
pub fn until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < REACHABLE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn edit(file: &Path, replacements: &[(&str, &str)]) {
    let mut text = fs::read_to_string(file).expect("init wrote it");
    for (from, to) in replacements {
        assert!(text.contains(from), "{} has no line `{from}`:\n{text}", file.display());
        text = text.replace(from, to);
    }
    fs::write(file, text).expect("it can be written");
}
