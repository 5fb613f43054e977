//! `anteroom serve` with the Tor inside it, and a client that brings its own, on made machines; the private Tor network lies
//! behind their links. Each relay tells a machine its address, as Tor's protocol has it, so that it is there to be leaked.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use crate::{
    canary::CANARIES,
    capture::Capture,
    crashes::{assert_tells_no_place, dumps, make_panic},
    leaks::leaks,
    machine::{Machine, Outside},
    stage::{Running, Stage, signal, until},
    tap::tap,
    tornet::{CLIENT_TORRC, TorNetwork},
    trace::parse,
    verdict::{by_role, carrier_findings, unix_only_findings},
};

/// An onion address to publish; nobody answers there.
const PUBLISHED: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion:3457";
/// What processes are started as; the first that fits counts.
const ROLES: [&str; 6] = ["carrier", "introducer", "serve", "node", "grid", "init"];
/// Trees of processes with a carrier: of the service, and of each try of the node.
const TREES_MIN: usize = 2;
/// A start, a publication and two questions take some hundreds.
const PACKETS_MIN: usize = 100;
/// What leads the embedded Tor to the private network.
const IN_NETWORK: (&str, &str) = ("[tor]\n", "[tor]\nnetwork = \"network.toml\"\n");
/// The state of a socket that listens (`include/net/tcp_states.h`), as `/proc/net/tcp` spells it.
const LISTENS: &str = "0A";

/// Where the network's nodes accept connections.
fn relays(network: &TorNetwork) -> BTreeSet<SocketAddrV4> {
    let pid = network.pids()[0];
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).expect("the authority runs");
    let listening = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, port) = fields[1].split_once(':')?;
        let address = u32::from_str_radix(address, 16).ok()?;
        let address = Ipv4Addr::from(address.to_ne_bytes());
        (fields[3] == LISTENS).then_some(SocketAddrV4::new(address, u16::from_str_radix(port, 16).ok()?))
    });
    listening.collect()
}

/// Runs a command of a client that is on this side, and succeeds in the end: a new service needs a few tries.
fn reader(directory: &Path, arguments: &[&str]) -> String {
    let mut out = String::new();
    until("the service is reached through Tor", || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anteroom"));
        let output = command.args(arguments).current_dir(directory).output().expect("the program starts");
        out = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success()
    });
    out
}

/// Serves, publishes, is read from, crashes and ends. Beside it a capture of each packet.
fn serve_and_publish(machine: &Machine, outside: &Outside, network: &TorNetwork, socks: &Path, level: &str) {
    let relays = relays(network);
    let capture = Capture::start(machine, outside);
    let traces = tempfile::tempdir().expect("a directory");
    let is_traced = level == "off";
    // Without the sandbox a mere attempt counts.
    let stage = if is_traced { Stage::traced_on(machine, traces.path().to_owned()) } else { Stage::on(machine) };
    fs::copy(network.network_file(), machine.home().join("network.toml")).expect("the file of the network");
    let mut service = Service::start(&stage, level);
    publish(&stage, &service, level);
    read(&service, socks, machine);
    if is_traced {
        service.abort_carrier();
    } else {
        service.make_carrier_panic(traces.path());
        assert_tells_no_place(&service.serve.said());
    }
    service.serve.terminate();

    let dumps = dumps(machine);
    if is_traced {
        // Without the sandbox there may be some. They hold the environment by nature; that none is left is its part.
        dumps.iter().for_each(|dump| fs::remove_file(dump).expect("a file"));
        let trees = judge_traces(traces.path(), Path::new(&machine.canary.home_path()));
        assert!(trees >= TREES_MIN, "traces of {trees} trees of processes");
    } else {
        assert_eq!(dumps, Vec::<PathBuf>::new());
    }
    let seen = capture.stop(machine, outside, |other| relays.contains(&other));
    println!("{} packets to and from {} relays, with the sandbox {level}", seen.allowed, relays.len());
    assert!(seen.allowed > PACKETS_MIN, "the capture has seen Tor");
    assert_eq!(seen.others, Vec::<String>::new());
    fs::write(machine.wire().join("link"), seen.payload).expect("a file");
}

/// `anteroom serve` with the Tor inside it, reached through Tor.
struct Service {
    serve: Running,
    grid: String,
    address: String,
}

impl Service {
    fn start(stage: &Stage, level: &str) -> Self {
        let grid = stage.done(&["grid", "keygen", "--json", "--out", "grid.key"]).json();
        let grid = grid["grid"].as_str().expect("a grid id").to_owned();
        stage.done(&["init", "introducer", ".", "--grid", &grid]);
        stage.edit("introducer.toml", &[IN_NETWORK, ("#sandbox = \"strict\"", &format!("sandbox = \"{level}\""))]);
        let mut serve = stage.start(&["-vvv", "serve", "--json", "--config", "introducer.toml"]);
        serve.until("a stream came through Tor", |serve| serve.out().contains("\"reachable\""));
        let address = serve.out().lines().find_map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).expect("an event a line");
            (event["event"] == "onion").then(|| event["address"].as_str().expect("an address").to_owned())
        });
        Self { serve, grid, address: address.expect("it was told") }
    }

    /// How often a process was started.
    fn started(serve: &Running) -> usize {
        serve.out().matches("\"started\"").count()
    }

    /// The supervisor starts it again.
    fn abort_carrier(&mut self) {
        let (before, carrier) = (Self::started(&self.serve), carrier_below(&self.serve));
        signal("-ABRT", carrier);
        self.serve.until("the carrier is back", |serve| Self::started(serve) > before);
    }

    /// A thread of many may panic without an end of the process, so that is made.
    fn make_carrier_panic(&mut self, scratch: &Path) {
        let (before, carrier) = (Self::started(&self.serve), carrier_below(&self.serve));
        let mut tracer = make_panic(carrier, scratch);
        self.serve.until("it has said so", |serve| serve.said().contains("internal error E-"));
        if self.serve.children().contains(&carrier) {
            signal("-ABRT", carrier);
        }
        tracer.wait().expect("a child");
        self.serve.until("the carrier is back", |serve| Self::started(serve) > before);
    }
}

/// From a node with a Tor of its own, on the same machine.
fn publish(stage: &Stage, service: &Service, level: &str) {
    stage.done(&["init", "node", ".", "--grid", &service.grid]);
    let settings = [
        ("introducers = [\n]", format!("introducers = [\"{}\"]", service.address)),
        ("#key = \"node.key\"", "key = \"node.key\"".into()),
        ("#sandbox = \"strict\"", format!("sandbox = \"{level}\"")),
        ("#state = \"tor\"", "state = \"tor-of-node\"".into()),
    ];
    stage.edit("node.toml", &settings.each_ref().map(|(from, to)| (*from, to.as_str())));
    stage.edit("node.toml", &[IN_NETWORK]);
    stage.append("node.toml", &format!("\n[[service]]\nname = \"storage\"\naddresses = [\"{PUBLISHED}\"]\n"));
    stage.done(&["node", "keygen", "--out", "node.key"]);
    // A new service needs a few tries.
    until("it is published", || stage.run(&["-vvv", "node", "publish", "--config", "node.toml"]).status.success());
}

/// By somebody on the other side of the network; all that comes is written down.
fn read(service: &Service, socks: &Path, machine: &Machine) {
    let here = tempfile::tempdir().expect("a directory");
    tap(&here.path().join("socks"), socks.to_owned(), machine.wire(), "reader");
    let whom = ["--introducer", &service.address, "--grid", &service.grid, "--socks", "socks"];
    let listed = reader(here.path(), &[&["list", "--json", "--since-hours", "0"], &whom[..]].concat());
    assert!(listed.contains(PUBLISHED), "{listed}");
    reader(here.path(), &[&["about", "--json"], &whom[..]].concat());
}

fn carrier_below(serve: &Running) -> u32 {
    let is_carrier = |pid: &u32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|word| word == b"carrier")
    };
    serve.children().into_iter().find(is_carrier).expect("the supervisor has a carrier")
}

/// Judges each process by what it is for; returns how many trees had a carrier.
fn judge_traces(traces: &Path, home: &Path) -> usize {
    let (mut trees, mut findings) = (0, Vec::new());
    for trace in fs::read_dir(traces).expect("traces") {
        let calls = parse(&trace.expect("a trace").path());
        for (role, calls) in by_role(&calls, &ROLES) {
            if role == "carrier" {
                trees += 1;
                assert!(
                    calls.iter().any(|call| call.name == "connect" && call.arguments.contains("127.")),
                    "it uses Tor"
                );
                findings.extend(carrier_findings(&calls, &[home]));
            } else {
                findings.extend(unix_only_findings(&calls, &[home]));
            }
        }
    }
    assert_eq!(findings, Vec::<String>::new());
    trees
}

#[test]
fn embedded_tor_speaks_to_relays_alone_and_leaves_nothing_that_tells_where_it_was() {
    let outside = Outside::new();
    let machines = CANARIES.each_ref().map(|canary| Machine::new(canary, &outside));
    let network = outside.within(TorNetwork::start);
    let client = outside.within(|| network.daemon("reader", CLIENT_TORRC));
    thread::scope(|scope| {
        let runs = machines.each_ref().map(|machine| {
            let level = if machine.canary.host == CANARIES[0].host { "off" } else { "strict" };
            let (outside, network, socks) = (&outside, &network, client.socks_path());
            scope.spawn(move || serve_and_publish(machine, outside, network, &socks, level))
        });
        for run in runs {
            run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    assert_eq!(leaks(&[&machines[0], &machines[1]]), Vec::<String>::new());
}
