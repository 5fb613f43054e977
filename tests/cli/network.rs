//! Introducers, each a real process behind an onion address of its own, and a SOCKS proxy in the place of Tor.
#![expect(clippy::disallowed_methods, clippy::expect_used, reason = "tests wait, have threads, and fail plainly")]

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::Child,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use anteroom::record::{NodeSecret, OnionAddress};

use crate::{
    program::{Place, grid},
    socks::{Dial, SocksProxy},
};

/// Generous, since machines are loaded.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);

/// Waits until `done` gives something.
pub(crate) fn eventually<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "not in time: {what}");
        thread::sleep(POLL);
    }
}

/// An onion address with a port; there is one for each number.
pub(crate) fn onion(number: u8) -> String {
    let key = NodeSecret::from_seed([number; 32]).id();
    OnionAddress::new(*key.as_bytes(), 80).expect("port 80").to_string()
}

/// `introducers = […]`.
pub(crate) fn introducers(numbers: &[u8]) -> String {
    let addresses: Vec<_> = numbers.iter().map(|number| format!("\"{}\"", onion(*number))).collect();
    format!("introducers = [{}]", addresses.join(", "))
}

/// The proxy's socket is `socks` in the place of `node`.
pub(crate) struct Network {
    pub(crate) node: Place,
    pub(crate) dials: Arc<Mutex<Vec<Dial>>>,
    servers: BTreeMap<u8, Server>,
    routes: Arc<Mutex<BTreeMap<String, PathBuf>>>,
    // The proxy ends with it.
    _end: mpsc::Sender<()>,
}

struct Server {
    place: Place,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Network {
    /// A node that knows introducers `known`; none of them runs yet.
    pub(crate) fn new(known: &[u8]) -> Self {
        let node = Place::with_node(&introducers(known));
        let routes = Arc::new(Mutex::new(BTreeMap::<String, PathBuf>::new()));
        let (directory, hosts) = (node.directory().to_owned(), Arc::clone(&routes));
        let (end, ended) = mpsc::channel::<()>();
        let (started, start) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let route = move |host: &str| hosts.lock().expect("routes").get(host).cloned().ok_or(0xf0);
                let proxy = SocksProxy::start(&directory, route).expect("a proxy");
                assert_eq!(proxy.path, directory.join("socks"), "what the configuration of the node says");
                started.send(Arc::clone(&proxy.log)).expect("the test waits");
                let gone = tokio::task::spawn_blocking(move || ended.recv());
                let _ = gone.await;
            });
        });
        let dials = start.recv().expect("the proxy starts");
        Self { node, dials, servers: BTreeMap::new(), routes, _end: end }
    }

    /// Runs an introducer of this grid; `extra` holds tables of its configuration.
    pub(crate) fn serve(&mut self, number: u8, extra: &str) -> &Place {
        self.serve_grid(number, &grid().to_string(), extra)
    }

    pub(crate) fn serve_grid(&mut self, number: u8, grid: &str, extra: &str) -> &Place {
        let place = Place::new();
        let text = format!("version = 1\ngrid = \"{grid}\"\nsocket = \"socket\"\nstate = \"state\"\n{extra}\n");
        place.write("introducer.toml", &text);
        let child = place.start(&["introducer", "--config", "introducer.toml"], "serve");
        self.route(number, place.path("socket"));
        eventually("the introducer is ready", || place.read("serve.said").contains("ready").then_some(()));
        self.servers.insert(number, Server { place, child });
        &self.servers.get(&number).expect("just put there").place
    }

    /// Whatever answers on `socket` is behind the address of this number.
    pub(crate) fn route(&self, number: u8, socket: PathBuf) {
        let host = onion(number).trim_end_matches(":80").to_owned();
        self.routes.lock().expect("routes").insert(host, socket);
    }

    /// The introducer's process id.
    pub(crate) fn pid(&self, number: u8) -> String {
        self.servers.get(&number).expect("it runs").child.id().to_string()
    }

    /// The introducer's process ends, its address stays.
    pub(crate) fn end(&mut self, number: u8) {
        self.servers.remove(&number);
    }

    /// One introducer's records, as JSON.
    pub(crate) fn listed(&self, number: u8) -> Vec<serde_json::Value> {
        let grid = grid().to_string();
        let arguments = [
            "list",
            "--introducer",
            &onion(number),
            "--grid",
            &grid,
            "--socks",
            "socks",
            "--since-hours",
            "0",
            "--json",
        ];
        let ended = self.node.run(&arguments);
        assert_eq!(ended.code, 0, "{}", ended.said);
        ended.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Forgets the node's counter, as a restored backup does.
    pub(crate) fn lose_counter(&self) {
        fs::remove_file(self.node.path("node.key.seq")).expect("a counter");
    }
}
