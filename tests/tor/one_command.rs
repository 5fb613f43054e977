//! `anteroom serve` alone, and clients that bring their own Tor: one program and nothing else.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Instant,
};

use tempfile::TempDir;

use crate::{
    grid::{Node, anteroom, edit, in_network, run, text, until},
    locked::assert_held,
    network,
    tornet::CLIENT_TORRC,
};

/// `anteroom serve` in a directory of its own.
struct Serve {
    directory: TempDir,
    grid: String,
    child: Child,
    events: Arc<Mutex<Vec<serde_json::Value>>>,
}

impl Serve {
    /// The first run makes the configuration; it is stopped before Tor could have sent a byte anywhere, told of the private
    /// network, and started again.
    fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("anteroom-serve-").tempdir().expect("a temporary directory");
        let key = directory.path().join("grid.key");
        let made = run(anteroom(&["grid", "keygen", "--json", "--out"]).arg(key));
        let grid = crate::grid::json(&made)["grid"].as_str().expect("a grid id").to_owned();
        run(anteroom(&["init", "introducer"]).arg(directory.path()).args(["--grid", &grid]));
        edit(&directory.path().join("introducer.toml"), &[("[tor]\n", &in_network(network()))]);
        let log = File::options().create(true).append(true).open(directory.path().join("log")).expect("a log file");
        let mut command = anteroom(&["serve", "--json"]);
        let mut child =
            command.current_dir(directory.path()).stdout(Stdio::piped()).stderr(log).spawn().expect("it starts");
        let events = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let received = Arc::clone(&events);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event = serde_json::from_str(&line).expect("an event a line");
                received.lock().expect("no panic with the lock").push(event);
            }
        });
        Self { directory, grid, child, events }
    }

    fn events(&self, kind: &str) -> Vec<serde_json::Value> {
        let events = self.events.lock().expect("no panic with the lock");
        events.iter().filter(|event| event["event"] == kind).cloned().collect()
    }

    fn wait_reachable(&self, times: usize) -> String {
        until("a stream came through Tor", || self.events("reachable").len() >= times);
        self.events("onion")[0]["address"].as_str().expect("an address").to_owned()
    }

    /// The latest process of each name.
    fn pids(&self) -> BTreeMap<String, i64> {
        let started = self.events("started");
        let pid = |event: &serde_json::Value| Some((event["child"].as_str()?.to_owned(), event["pid"].as_i64()?));
        started.iter().filter_map(pid).collect()
    }

    /// A node's configuration without a SOCKS socket: each command brings its own Tor.
    fn node(&self, name: &str, address: &str) -> Node {
        let directory = self.directory.path().join(name);
        run(anteroom(&["init", "node"]).arg(&directory).args(["--grid", &self.grid]));
        let config = directory.join("node.toml");
        edit(
            &config,
            &[
                ("introducers = [\n]", &format!("introducers = [\"{address}\"]")),
                ("[tor]\n", &in_network(network())),
                ("#key = \"node.key\"", "key = \"node.key\""),
            ],
        );
        run(anteroom(&["node", "keygen", "--out"]).arg(directory.join("node.key")));
        Node { config }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.directory.path().join("log")).unwrap_or_default());
            eprintln!("{:#?}", self.events.lock().map(|events| events.clone()).unwrap_or_default());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn kill(signal: &str, pid: i64) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill runs").success());
}

fn runs(pid: i64) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[test]
fn a_killed_carrier_comes_back_and_the_introducer_never_left() {
    let serve = Serve::start();
    let address = serve.wait_reachable(1);
    let client = network().daemon("one-command-client", CLIENT_TORRC);
    let mut node = serve.node("node", &address);
    edit(&node.config, &[("#socks = \"/run/tor/socks\"", &format!("socks = \"{}\"", text(&client.socks_path())))]);
    node.offers_storage("alice");
    node.run_when_reachable(&["about"]);
    node.run(&["node", "publish"]);
    let before = serve.pids();
    assert_held(i64::from(serve.child.id()), false);
    assert_held(before["introducer"], false);
    assert_held(before["carrier"], true);

    // In the middle of traffic: a watch is open.
    let mut watch = node.watch();
    watch.next(|event| event["event"] == "caught_up");
    kill("-KILL", before["carrier"]);
    assert_eq!(serve.wait_reachable(2), address);
    client.newnym();
    let listed = run_until_listed(&mut node);
    assert_eq!(listed[0]["nickname"], "alice", "what was published before is there");
    let after = serve.pids();
    assert_eq!(after["introducer"], before["introducer"]);
    assert_ne!(after["carrier"], before["carrier"]);

    // However the supervisor dies.
    kill("-KILL", i64::from(serve.child.id()));
    until("no process is left", || !after.values().any(|pid| runs(*pid)));
}

fn run_until_listed(node: &mut Node) -> Vec<serde_json::Value> {
    node.run_when_reachable(&["about"]);
    node.objects(&["list", "--json"])
}

#[test]
fn a_command_brings_its_own_tor_and_the_next_one_finds_its_directory() {
    let mut serve = Serve::start();
    let address = serve.wait_reachable(1);
    let node = serve.node("node", &address);
    node.offers_storage("bob");
    let first = Instant::now();
    node.run_when_reachable(&["node", "publish"]);
    let first = first.elapsed();
    let second = Instant::now();
    let listed = node.objects(&["list", "--json"]);
    println!("the first command took {first:?}, the second {:?}", second.elapsed());
    assert_eq!(listed[0]["nickname"], "bob");
    let state = node.config.with_file_name("tor");
    assert!(state.join("cache").exists(), "the directory of the network is kept");
    let left: Vec<PathBuf> =
        fs::read_dir(&state).expect("Tor's state").map(|entry| entry.expect("it").path()).collect();
    assert!(!left.iter().any(|path| text(path).contains("run-")), "sockets were left: {left:?}");

    // A person's way to stop it.
    let pids = serve.pids();
    kill("-TERM", i64::from(serve.child.id()));
    assert!(serve.child.wait().expect("a child").success());
    assert!(!pids.values().any(|pid| runs(*pid)));
}
