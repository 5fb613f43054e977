//! All that an introducer and the commands of its clients do, once: the real program, and a SOCKS proxy in Tor's place.

use std::{path::PathBuf, sync::mpsc, thread};

use anteroom::record::NodeSecret;

use crate::{
    socks::SocksProxy,
    stage::{Running, Stage},
    tap::tap,
};

/// An onion service that nobody reaches over Tor.
pub(crate) const ONION: &str = "sgblgwu6s3qplltke246cgan4h4arjxufg7lx3zpjwt3vc3evl7byiid.onion:80";
const PORT: u16 = 80;
/// RFC 1928: connection refused.
const REFUSED: u8 = 5;

/// An introducer that runs with its supervisor, and a node that knows it.
pub(crate) struct Job<'a> {
    stage: &'a Stage,
    /// What every command starts with.
    loud: &'static str,
    level: &'static str,
    grid: String,
    node: String,
    pub(crate) serve: Option<Running>,
    _proxy: Proxy,
}

/// Where streams are written down, and what lies between the two ends.
pub(crate) struct Wires {
    pub(crate) notes: PathBuf,
    /// A directory for the proxy's own socket.
    pub(crate) between: PathBuf,
}

/// What an introducer logs when it answers.
pub(crate) const READY: &str = "INFO ready";
const NODE: [&str; 2] = ["--config", "node.toml"];

impl<'a> Job<'a> {
    /// Makes a granted grid, and starts its introducer. `level` is of the sandbox.
    pub(crate) fn start(stage: &'a Stage, wires: &Wires, level: &'static str, loud: &'static str) -> Self {
        let sandbox = format!("sandbox = \"{level}\"");
        let grid = stage.done(&[loud, "grid", "keygen", "--json", "--out", "grid.key"]).json();
        let grid = grid["grid"].as_str().expect("a grid id").to_owned();
        stage.done(&[loud, "init", "introducer", ".", "--grid", &grid]);
        let settings = [
            ("#carrier = \"tor\"", "carrier = \"external\""),
            ("#sandbox = \"strict\"", &sandbox),
            ("#policy = \"open\"", "policy = \"granted\""),
            ("#tick_seconds = 60", "tick_seconds = 1"),
        ];
        stage.edit("introducer.toml", &settings);
        let serve = Some(serve(stage, loud));

        stage.done(&[loud, "init", "node", ".", "--grid", &grid]);
        let introducers = format!("introducers = [\"{ONION}\"]");
        let settings = [
            ("introducers = [\n]", introducers.as_str()),
            ("#socks = \"/run/tor/socks\"", "socks = \"socks\""),
            ("#key = \"node.key\"", "key = \"node.key\""),
            ("#grant = \"node.grant\"", "grant = \"node.grant\""),
            ("#granted = false", "granted = true"),
            ("#sandbox = \"strict\"", &sandbox),
        ];
        stage.edit("node.toml", &settings);
        stage.append("node.toml", &format!("\n[[service]]\nname = \"storage\"\naddresses = [\"{ONION}\"]\n"));
        stage.done(&[loud, "node", "keygen", "--out", "node.key"]);
        let shown = stage.done(&[&[loud, "node", "show", "--json"], &NODE[..]].concat()).json();
        let node = shown["node"].as_str().expect("a node id").to_owned();

        // The client's end and the introducer's are both written down.
        tap(&wires.between.join("service"), stage.directory.join("introducer.sock"), wires.notes.clone(), "introducer");
        let proxy = Proxy::start(wires.between.clone(), wires.between.join("service"));
        tap(&stage.directory.join("socks"), wires.between.join("socks"), wires.notes.clone(), "client");
        Self { stage, loud, level, grid, node, serve, _proxy: proxy }
    }

    fn done(&self, arguments: &[&str]) -> String {
        self.stage.done(&[&[self.loud], arguments].concat()).out
    }

    fn node(&self, arguments: &[&str]) -> String {
        self.done(&[arguments, &NODE].concat())
    }

    fn start_node(&self, arguments: &[&str]) -> Running {
        self.stage.start(&[&[self.loud], arguments, &NODE].concat())
    }

    /// Grants the node, and brings the list of who is out.
    pub(crate) fn let_in(&self) {
        let arguments = ["grid", "grant", "--key", "grid.key", "--out", "node.grant", "--any-service", "--node"];
        self.done(&[&arguments[..], &[&self.node]].concat());
        self.done(&["grid", "revoke", "--key", "grid.key", "--list", "revoked"]);
        self.node(&["grid", "publish", "--list", "revoked"]);
    }

    /// Every command that reaches an introducer, and what has to be done before.
    pub(crate) fn every_command(&mut self) {
        self.let_in();
        let (stage, node, grid) = (self.stage, self.node.clone(), self.grid.clone());
        self.node(&["grid", "show", "--json", "--out", "revoked.shown"]);
        assert!(self.node(&["about"]).contains("whoever has a grant"));
        self.node(&["node", "publish"]);
        let mut watch = self.start_node(&["watch", "--json"]);
        watch.until("it has seen the list", |watch| watch.out().contains("\"caught_up\""));
        self.node(&["node", "sign", "--out", "record"]);
        self.node(&["node", "publish", "--record", "record"]);
        watch.until("it is told of the new record", |watch| watch.out().matches("\"record\"").count() > 2);
        watch.until("a tick", |watch| watch.out().contains("\"tick\""));
        watch.signal("-TERM");
        watch.end();
        assert!(self.node(&["list"]).contains(&node));
        assert!(self.node(&["list", "--json"]).contains(&node));
        assert!(self.node(&["lookup", &node]).contains(&node));
        assert!(self.node(&["lookup", &node, "--exact", "--evidence", "--json"]).contains(&node));
        self.done(&["petname", "set", "--petnames", "names", &node, "cellar"]);
        assert!(self.node(&["members", "--petnames", "names", "--json"]).contains("cellar"));
        let remote = ["audit", "--json", "--remote", ONION, "--grid", &grid, "--socks", "socks", "--ports", "22,80"];
        assert!(self.done(&[&remote[..], &["--sandbox", self.level]].concat()).contains("\"findings\""));

        let mut stay = self.start_node(&["node", "publish", "--stay"]);
        stay.until("it waits for the next round", |stay| stay.said().contains("Next record in about"));
        stay.signal("-HUP");
        stay.until("it has published again", |stay| stay.said().matches("Next record in about").count() == 2);
        stay.terminate();

        self.done(&["confirm-clock", "--config", "introducer.toml"]);
        let serve = self.serve.as_mut().expect("it runs");
        serve.signal("-HUP");
        serve.until("it reloads", |serve| serve.said().contains("was reloaded"));
        self.node(&["node", "withdraw"]);
        self.done(&["client-auth", "keygen", "--introducer", ONION, "--config", "node.toml"]);
        // What fails has something to say, too.
        let stranger = NodeSecret::from_seed([77; 32]).id().to_string();
        let ended = stage.run(&[&[self.loud, "lookup", &stranger], &NODE[..]].concat());
        assert!(!ended.status.success() && ended.said.contains("no introducer"), "{}", ended.said);
    }

    /// A restart has a store to check.
    pub(crate) fn restart(&mut self) {
        self.serve.take().expect("it runs").terminate();
        self.serve = Some(serve(self.stage, self.loud));
    }

    /// Ends the introducer.
    pub(crate) fn end(mut self) {
        self.serve.take().expect("it runs").terminate();
        leave_out_torrc(self.stage);
    }
}

/// Starts introducer and supervisor where both are configured.
pub(crate) fn serve(stage: &Stage, loud: &str) -> Running {
    let mut serve = stage.start(&[loud, "serve", "--config", "introducer.toml"]);
    serve.until("the introducer is ready", |serve| serve.said().contains(READY));
    serve
}

/// A torrc has to name the whole path of the introducer's socket, so `serve` tells it on its standard output, to whoever
/// started it. This line, and nothing else, is taken out of what is searched.
pub(crate) fn leave_out_torrc(stage: &Stage) {
    assert!(stage.leave_out("HiddenServicePort 80 unix:/") > 0, "there is such a line");
}

/// The proxy, on an event loop of its own.
struct Proxy {
    // It ends when this is dropped.
    _end: mpsc::Sender<()>,
}

impl Proxy {
    /// Its socket is `socks` in `directory`; whatever host is asked for is behind `service`.
    fn start(directory: PathBuf, service: PathBuf) -> Self {
        let (end, ended) = mpsc::channel::<()>();
        let (started, start) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let route = move |_: &str, port| if port == PORT { Ok(service.clone()) } else { Err(REFUSED) };
                let proxy = SocksProxy::start_by_port(&directory, route).expect("a proxy");
                started.send(()).expect("the test waits");
                let _ = tokio::task::spawn_blocking(move || ended.recv()).await;
                drop(proxy);
            });
        });
        start.recv().expect("the proxy starts");
        Self { _end: end }
    }
}
