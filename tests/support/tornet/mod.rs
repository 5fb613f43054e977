//! A real Tor network of this machine alone: one directory authority and five relays, all of them Debian's `tor`.
//!
//! The tests of the onion side must meet the software that operators run, not an imitation of it, and must not touch
//! the public network. Every node has a loopback address of its own (`127.x.y.1`), control and SOCKS ports are
//! AF_UNIX sockets, and no node knows an authority but the one of this network.
//!
//! ```no_run
//! let network = TorNetwork::start();
//! let client = network.daemon("client", tornet::CLIENT_TORRC);
//! let service = network.daemon_from_example("introducer", example, &[("/run/anteroom/introducer.sock", socket)]);
//! service.wait_descriptor_uploaded();
//! let stream = socks::connect_eventually(&client.socks_path(), &service.hostname("hs"), 80, None);
//! ```
//!
//! Several tests of one binary share a network in a `static OnceLock<TorNetwork>`. Rust never drops a static, so each
//! tor also watches over itself: it ends as soon as the control connection held by the test process closes
//! (`TAKEOWNERSHIP`) and, should that connection not exist yet, when the process is gone (`__OwningControllerProcess`).
//! Both hold for a test process that was killed as well. The directory of such a run is removed by the next one.

#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "starts programs, waits for them, binds loopback addresses and speaks to a person, for the tests alone"
)]
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on fails")]
#![expect(dead_code, reason = "no test binary uses all of it")]

mod address;
mod clock;
mod consensus;
mod control;
mod daemon;
mod echo;
mod home;
mod keys;
mod process;
mod self_test;
pub mod socks;
mod torrc;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

pub use daemon::TorDaemon;
pub use echo::EchoService;

use clock::poll;
use consensus::Consensus;
use home::Home;
use process::{Failure, Launch, TorProcess};
use torrc::Node;

/// Torrc lines of a plain client: its SOCKS socket is at [`TorDaemon::socks_path`].
pub const CLIENT_TORRC: &str = "SocksPort unix:{dir}/socks ExtendedErrors IsolateSOCKSAuth\n";

/// A key pair for tests of client authorization (x25519, base32 as in tor's files): this half goes into
/// `<HiddenServiceDir>/authorized_clients/<name>.auth` as `descriptor:x25519:<key>`.
pub const CLIENT_AUTH_PUBLIC: &str = "F3ZISDDFEPXSYS6G7GECSZRAVCF2QGQFSHPDEH6WPWESXUHNPN2Q";

/// The other half, for `<ClientOnionAuthDir>/<name>.auth_private` as `<address>:descriptor:x25519:<key>`.
pub const CLIENT_AUTH_SECRET: &str = "QDS4RUUKU7KFJQAYOWOFMZROEKVNVYLQDCGZVPY42A5O5LVPCNFA";

/// Relays besides the authority. With four nodes arti finds no path (it wants Fast and Stable relays for onion
/// circuits, and late starters lack Stable); six nodes were enough for C tor and for arti in every measured run.
const RELAYS: usize = 5;

/// Starts of the whole network before giving up. About one start in six yields an incomplete consensus, so four bad
/// ones in a row mean that something is wrong.
const NETWORK_STARTS_MAX: usize = 4;

/// From the start of the nodes to the first consensus. It is due 20 s after an aligned start; a loaded machine may
/// miss the first vote and take the second or the third.
const CONSENSUS_SECONDS_MAX: u64 = 90;

/// From the consensus to the last relay that has it, and the relays' descriptors: 1 s once they have been told to look.
const DISTRIBUTION_SECONDS_MAX: u64 = 30;

/// Pause between two looks at the same condition: short for a person, long for a processor.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Who hears about the progress of a start, one line at a time.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// What a caller may choose about a network.
pub struct Settings {
    /// Where the nodes' keys are kept from one run to the next, as the authority's RSA key alone can take half a
    /// minute. `None`: new keys for this run only.
    pub key_cache: Option<PathBuf>,
    /// Receives a line per step, for the person who waits.
    pub progress: Progress,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            key_cache: option_env!("CARGO_TARGET_TMPDIR").map(PathBuf::from),
            progress: Arc::new(|line| eprintln!("{line}")),
        }
    }
}

/// The authority, for software that is not started by [`TorNetwork::daemon`] and needs to be told about it.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Fingerprint of the identity that signs the consensus, 40 hexadecimal digits.
    pub v3ident: String,
    /// Fingerprint of its RSA identity as a relay, 40 hexadecimal digits.
    pub rsa_identity: String,
    /// Its Ed25519 identity as a relay, base64.
    pub ed25519_identity: String,
    /// Where it speaks the relay protocol.
    pub or_address: SocketAddr,
    /// Where it serves directory documents over plain HTTP.
    pub dir_address: SocketAddr,
}

/// A running private Tor network. Dropping it stops every node.
pub struct TorNetwork {
    nodes: Vec<TorProcess>, // before `home`: the nodes end before their directories go
    authority: Authority,
    starts: usize,
    shared: Arc<Shared>,
}

/// What the network and its daemons both need; the directory lives as long as the last of them.
pub(crate) struct Shared {
    home: Home,
    network_torrc: PathBuf,
    progress: Progress,
}

impl Shared {
    fn report(&self, line: &str) {
        (self.progress)(&format!("private Tor network: {line}"));
    }
}

impl TorNetwork {
    /// Starts a network that reports its progress on standard error.
    ///
    /// # Panics
    /// When tor is not installed, or when no usable network came up; the message says where the logs are.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(Settings::default())
    }

    /// Starts a network; see [`TorNetwork::start`].
    ///
    /// # Panics
    /// As [`TorNetwork::start`].
    #[must_use]
    pub fn start_with(settings: Settings) -> Self {
        process::assert_installed();
        let began = Instant::now();
        let addresses = address::choose(1 + RELAYS);
        let mut shared = Shared { home: Home::create(), network_torrc: PathBuf::new(), progress: settings.progress };
        let names = (0..=RELAYS).map(torrc::node_name).collect::<Vec<_>>();
        let generated = keys::prepare(&shared.home, &names, settings.key_cache.as_deref());
        if generated {
            shared.report(&format!("keys made in {} s", began.elapsed().as_secs()));
        }

        let nodes = torrc::write_nodes(&shared.home, &names, &addresses);
        let authority = torrc::authority(&nodes[0]);
        shared.network_torrc = shared.home.path().join("network.torrc");
        fs::write(&shared.network_torrc, torrc::network_lines(&authority)).expect("the run's directory is writable");

        let (processes, starts) = start_nodes(&shared, &nodes, authority.dir_address);
        shared.report(&format!("ready, {} s after the beginning", began.elapsed().as_secs()));
        Self { nodes: processes, authority, starts, shared: Arc::new(shared) }
    }

    /// Starts a tor in this network with the given torrc text and waits until it has bootstrapped.
    ///
    /// In the text `{dir}` stands for the daemon's own directory, [`TorDaemon::dir`]. Unless it has a `SocksPort` line
    /// there is no SOCKS port; see [`CLIENT_TORRC`].
    ///
    /// # Panics
    /// When tor refuses the text, when the name is taken, or when tor does not bootstrap.
    #[must_use]
    #[track_caller]
    pub fn daemon(&self, name: &str, torrc_text: &str) -> TorDaemon {
        TorDaemon::start(&self.shared, name, torrc_text)
    }

    /// Starts a tor with an example file of this repository, as it stands but for the given substitutions of paths.
    ///
    /// The network's lines are given to tor as its `--defaults-torrc`, control socket and data directory on its
    /// command line, so nothing is added to the example. `{dir}` is expanded in the replacements.
    ///
    /// # Panics
    /// As [`TorNetwork::daemon`], and when a path to be replaced is not in the example.
    #[must_use]
    #[track_caller]
    pub fn daemon_from_example(&self, name: &str, example: &Path, substitutions: &[(&str, &str)]) -> TorDaemon {
        TorDaemon::start(&self.shared, name, &torrc::from_example(example, substitutions))
    }

    /// Creates, if need be, and names the directory that the daemon `name` has or will have.
    #[must_use]
    pub fn dir(&self, name: &str) -> PathBuf {
        self.shared.home.subdir(name)
    }

    /// Proves that the network carries an onion service: starts an echo and a client, and gets an answer.
    ///
    /// # Panics
    /// When it does not.
    pub fn self_test(&self) {
        self_test::run(self);
    }

    /// The network's authority.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// How often the nodes had to be started until the consensus was usable: 1 when all went well.
    #[must_use]
    pub fn starts(&self) -> usize {
        self.starts
    }

    /// The process ids of the authority and of the relays.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.nodes.iter().map(TorProcess::pid).collect()
    }

    /// Stops every node and returns when none is left. The same happens on drop.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for TorNetwork {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.home.keep();
        }
        process::stop_all(&mut self.nodes);
    }
}

/// Starts a network, proves it by [`TorNetwork::self_test`], and stops it.
///
/// # Panics
/// When any of this fails.
pub fn self_test() {
    let network = TorNetwork::start();
    network.self_test();
    network.stop();
}

/// Starts the nodes, again when the consensus is unusable.
///
/// With a voting interval of an hour an incomplete first consensus would not be repaired within any test's time.
fn start_nodes(shared: &Shared, nodes: &[Node], directory: SocketAddr) -> (Vec<TorProcess>, usize) {
    let mut complaint = String::new();
    for start in 1..=NETWORK_STARTS_MAX {
        clock::wait_for_voting_interval(torrc::INITIAL_VOTING_INTERVAL_SECONDS);
        let began = Instant::now();
        let mut processes = Vec::new();
        match bring_up(shared, nodes, directory, &mut processes) {
            Ok(consensus) => {
                shared.report(&format!(
                    "consensus with {} relays after {} s",
                    consensus.relays(),
                    began.elapsed().as_secs()
                ));
                return (processes, start);
            }
            Err(why) => complaint = why,
        }
        process::stop_all(&mut processes);
        nodes.iter().for_each(|node| keys::forget_the_rest(&node.data));
        shared.report(&format!("start {start} of {NETWORK_STARTS_MAX} failed: {complaint}"));
    }
    shared.home.keep();
    panic!("no private Tor network: {complaint}; logs are in {}", shared.home.path().display());
}

fn bring_up(
    shared: &Shared,
    nodes: &[Node],
    directory: SocketAddr,
    processes: &mut Vec<TorProcess>,
) -> Result<Consensus, String> {
    let started_at = SystemTime::now();
    for node in nodes {
        processes.push(TorProcess::spawn(&Launch {
            dir: &node.dir,
            data: &node.data,
            torrc: &node.torrc,
            defaults: &shared.network_torrc,
        }));
    }
    for process in processes.iter_mut() {
        process.take_ownership().map_err(Failure::into_message)?;
    }
    let found = poll(CONSENSUS_SECONDS_MAX, || {
        if let Some(why) = processes.iter_mut().find_map(TorProcess::exited) {
            return Some(Err(why));
        }
        Consensus::fetch(directory, started_at).map(Ok)
    });
    let consensus = found.unwrap_or_else(|| Err(format!("no consensus within {CONSENSUS_SECONDS_MAX} s")))?;
    consensus.require_usable(nodes.len())?;
    distribute(processes)?;
    Ok(consensus)
}

/// Waits until every node can serve what a client asks for when it starts.
///
/// The relays asked for a consensus before there was one and wait longer each time; a client that met them without it
/// would do the same, and hang at 50 % (`loading_descriptors`) for half a minute. A reload makes them ask at once.
fn distribute(processes: &mut [TorProcess]) -> Result<(), String> {
    for process in processes.iter_mut() {
        process.command("SIGNAL RELOAD").map_err(|error| error.to_string())?;
    }
    let mut waits = processes.iter_mut().map(|process| process.await_bootstrap(DISTRIBUTION_SECONDS_MAX));
    waits.try_for_each(|waited| waited.map_err(Failure::into_message))
}
