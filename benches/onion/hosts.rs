//! Introducer and echo behind onion services of one kind: C tor's, or those of the Tor inside this program.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anteroom::{
    carrier::Report,
    rehearsal::tornet::{TorDaemon, TorNetwork},
};

use crate::turns::Place;

/// From the start of a carrier to its being reachable; 5 to 30 s on an idle machine.
const DEADLINE: Duration = Duration::from_secs(300);

/// Where introducer and echo listen.
pub struct Sockets {
    pub introducer: PathBuf,
    pub echo: PathBuf,
}

/// Running onion services; they end when dropped.
pub struct Hosts {
    /// Introducer, echo.
    pub places: [Place; 2],
    /// From the start of the introducer's carrier, without any file of an earlier run, to a client's first stream. The
    /// client begins when the carrier calls itself ready: its descriptor is uploaded, or it has reached itself.
    pub reachable_seconds: f64,
    _tor: Option<TorDaemon>,
    _carriers: Vec<Carrier>,
}

impl Hosts {
    /// One daemon with both.
    pub fn c_tor(network: &TorNetwork, sockets: &Sockets, socks: &Path) -> Self {
        let service = |name: &str, socket: &Path| {
            format!(
                "HiddenServiceDir {{dir}}/{name}\nHiddenServicePort 80 unix:{}\n\
                 HiddenServiceExportCircuitID haproxy\nHiddenServiceNumIntroductionPoints 3\n",
                socket.display()
            )
        };
        let torrc = service("introducer", &sockets.introducer) + &service("echo", &sockets.echo);
        let start = Instant::now();
        let tor = network.daemon("service", &torrc).unwrap_or_else(|error| panic!("{error}"));
        tor.wait_descriptor_uploaded().unwrap_or_else(|error| panic!("{error}"));
        let places = ["introducer", "echo"].map(|name| {
            let host = tor.hostname(name).unwrap_or_else(|error| panic!("{error}"));
            Place::Onion { socks: socks.to_owned(), host }
        });
        places[0].wait_reachable(DEADLINE);
        let reachable_seconds = start.elapsed().as_secs_f64();
        places[1].wait_reachable(DEADLINE);
        Self { places, reachable_seconds, _tor: Some(tor), _carriers: Vec::new() }
    }

    /// A process each.
    pub fn embedded(configurations: [PathBuf; 2], socks: &Path) -> Self {
        let start = Instant::now();
        let (first, introducer) = Carrier::start(&configurations[0], socks);
        let reachable_seconds = start.elapsed().as_secs_f64();
        let (second, echo) = Carrier::start(&configurations[1], socks);
        let (places, carriers) = ([introducer, echo], vec![first, second]);
        Self { places, reachable_seconds, _tor: None, _carriers: carriers }
    }
}

/// `anteroom carrier tor`, killed when dropped.
struct Carrier(Child);

impl Carrier {
    /// Returns when a client has reached it.
    fn start(configuration: &Path, socks: &Path) -> (Self, Place) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_anteroom"));
        command.args(["carrier", "tor", "--json", "--config"]).arg(configuration);
        let start = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the carrier starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let carrier = Self(child);
        let (told, tells) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Nobody wants to know any more: the pipe is read on, so that the carrier never waits for it.
                let _ = told.send(Report::from_line(&line));
            }
        });
        let mut host = String::new();
        loop {
            let left = DEADLINE.saturating_sub(start.elapsed());
            let report = tells.recv_timeout(left).expect("the carrier runs and is reachable in time");
            match report.expect("a line is a report") {
                Report::Onion { address } => address.trim_end_matches(":80").clone_into(&mut host),
                Report::Reachable { .. } => break,
                _ => {}
            }
        }
        let place = Place::Onion { socks: socks.to_owned(), host };
        place.wait_reachable(DEADLINE);
        (carrier, place)
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
