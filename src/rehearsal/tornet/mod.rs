//! A real Tor network of this machine alone: one directory authority and five relays, all of them the installed C tor.
//!
//! A rehearsal must meet the software that operators run, not an imitation of it, and must not touch the public network.
//! Every node has a loopback address of its own (`127.x.y.1`), control and SOCKS ports are AF_UNIX sockets, and no node
//! knows an authority but the one of this network. There is no IP socket in here: the daemons have them.
//!
//! ```no_run
//! # fn main() -> Result<(), anteroom::rehearsal::tornet::TornetError> {
//! use anteroom::rehearsal::tornet::{CLIENT_TORRC, Settings, TorNetwork};
//!
//! let network = TorNetwork::start(Settings::default())?;
//! let client = network.daemon("client", CLIENT_TORRC)?;
//! println!("SOCKS at {}", client.socks_path().display());
//! # Ok(())
//! # }
//! ```
//!
//! Each tor also watches over itself: it ends as soon as the control connection held by this process closes
//! (`TAKEOWNERSHIP`) and, should that connection not exist yet, when the process is gone (`__OwningControllerProcess`).
//! Both hold for a process that was killed as well, or that keeps its network in a `static`. The directory of such a run
//! is removed by the next one.

mod address;
mod consensus;
mod control;
mod daemon;
mod date;
mod error;
mod home;
mod keys;
mod process;
mod torrc;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use consensus::Consensus;
pub use daemon::TorDaemon;
pub use error::TornetError;
use home::Home;
use process::{Launch, TorProcess};
use torrc::Node;

use super::Patience;
use crate::ambient;

/// Torrc lines of a plain client: its SOCKS socket is at [`TorDaemon::socks_path`].
pub const CLIENT_TORRC: &str = "SocksPort unix:{dir}/socks ExtendedErrors IsolateSOCKSAuth\n";

/// Relays besides the authority. With four nodes arti finds no path (it wants Fast and Stable relays for onion
/// circuits, and late starters lack Stable); six nodes were enough for C tor and for arti in every measured run.
const RELAYS: u8 = 5;

/// Starts of the whole network before giving up. About one start in six yields an incomplete consensus, so four bad
/// ones in a row mean that something is wrong.
const NETWORK_STARTS_MAX: usize = 4;

/// From the start of the nodes to the first consensus. It is due 20 s after an aligned start; a loaded machine may
/// miss the first vote and take the second or the third.
const CONSENSUS_SECONDS_MAX: u64 = 90;

/// From the consensus to the last relay that has it, and the relays' descriptors: 1 s once they have been told to look.
const DISTRIBUTION_SECONDS_MAX: u64 = 30;

/// How far into a voting interval a start is still in time for the vote at its end. The vote closes 6 s before the
/// end of the 20 s, and every relay must have uploaded its descriptor by then.
const START_WINDOW_SECONDS: u64 = 5;

/// Who hears about the progress of a start, one line at a time.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// What a caller may choose about a network.
#[derive(Clone)]
pub struct Settings {
    /// Where the nodes' keys are kept from one run to the next, as the authority's RSA key alone can take half a
    /// minute. `None`: new keys for this run only.
    pub key_cache: Option<PathBuf>,
    /// Receives a line per step, for the person who waits.
    pub progress: Progress,
    /// How long to go on: a clone that loses patience ends every wait of the network and of its daemons.
    pub patience: Patience,
}

impl Default for Settings {
    /// New keys, and nobody who listens.
    fn default() -> Self {
        Self { key_cache: None, progress: Arc::new(|_| {}), patience: Patience::default() }
    }
}

/// The authority, for software that is not started by [`TorNetwork::daemon`] and needs to be told about it.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Fingerprint of the identity that signs the consensus, 40 hexadecimal digits.
    pub v3ident: String,
    /// Fingerprint of its RSA identity as a relay, 40 hexadecimal digits.
    pub rsa_identity: String,
    /// Its Ed25519 identity as a relay, base64 without padding.
    pub ed25519_identity: String,
    /// Where it speaks the relay protocol.
    pub or_address: SocketAddr,
    /// Where it serves directory documents over plain HTTP.
    pub dir_address: SocketAddr,
}

/// A running private Tor network. Dropping it stops every node.
pub struct TorNetwork {
    nodes: Mutex<Vec<TorProcess>>, // before `shared`: the nodes end before their directories go
    layout: Vec<Node>,
    authority: Authority,
    starts: usize,
    shared: Arc<Shared>,
}

/// What the network and its daemons both need; the directory lives as long as the last of them.
struct Shared {
    home: Home,
    network_torrc: PathBuf,
    network_file: PathBuf,
    progress: Progress,
    patience: Patience,
}

impl Shared {
    fn report(&self, line: &str) {
        (self.progress)(&format!("private Tor network: {line}"));
    }
}

impl TorNetwork {
    /// Starts a network: half a minute, and the making of keys where there is no cache.
    ///
    /// # Errors
    /// When tor is not installed, or when no usable network came up; the logs of that are kept.
    pub fn start(settings: Settings) -> Result<Self, TornetError> {
        let began = ambient::steady_millis();
        let place = address::choose(1 + RELAYS)?;
        let home = Home::create()?;
        let shared = Shared {
            network_torrc: home.path().join("network.torrc"),
            network_file: home.path().join("network.toml"),
            home,
            progress: settings.progress,
            patience: settings.patience,
        };
        let names = (0..=RELAYS).map(torrc::node_name).collect::<Vec<_>>();
        let cache = settings.key_cache.as_deref();
        let generated = keys::prepare(&shared.home, &names, cache, &shared.patience);
        if generated.map_err(|error| shared.network_failed(error))? {
            shared.report(&format!("keys made in {} s", seconds_since(began)));
        }

        let nodes = torrc::write_nodes(&shared.home, &names, &place)?;
        let authority = torrc::authority(&nodes, &place)?;
        torrc::write(&shared.network_torrc, &torrc::network_lines(&authority))?;
        torrc::write(&shared.network_file, &torrc::network_table(&authority))?;

        let (processes, starts) = start_nodes(&shared, &nodes).map_err(|error| shared.network_failed(error))?;
        shared.report(&format!("ready, {} s after the beginning", seconds_since(began)));
        Ok(Self { nodes: Mutex::new(processes), layout: nodes, authority, starts, shared: Arc::new(shared) })
    }

    /// Starts a tor in this network with the given torrc text and waits until it has bootstrapped.
    ///
    /// In the text `{dir}` stands for the daemon's own directory, [`TorDaemon::dir`]. Unless it has a `SocksPort` line
    /// there is no SOCKS port; see [`CLIENT_TORRC`]. The network's lines are given to tor as its `--defaults-torrc`,
    /// control socket and data directory on its command line, so nothing is added to the text.
    ///
    /// # Errors
    /// When tor refuses the text, when the name is taken, or when tor does not bootstrap.
    pub fn daemon(&self, name: &str, torrc_text: &str) -> Result<TorDaemon, TornetError> {
        TorDaemon::start(&self.shared, name, torrc_text)
    }

    /// Creates, if need be, and names the directory that the daemon `name` has or will have, or one for another purpose.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn dir(&self, name: &str) -> Result<PathBuf, TornetError> {
        self.shared.home.subdir(name)
    }

    /// The file that leads the Tor inside this program to this network: `[tor] network` in its configuration.
    #[must_use]
    pub fn network_file(&self) -> &Path {
        &self.shared.network_file
    }

    /// The directory of everything; it goes with the last of network and daemons, unless it is to be kept.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.shared.home.path()
    }

    /// Keeps [`TorNetwork::home`] with all logs, for a day at least.
    pub fn keep(&self) {
        self.shared.home.keep();
    }

    /// The network's authority.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// How often the nodes had to be started until the consensus was usable: 1 when all went well.
    #[must_use]
    pub const fn starts(&self) -> usize {
        self.starts
    }

    /// Ends all nodes and starts them again with what they have on disk, the consensus among it. What they had in memory
    /// alone is gone: the descriptors of onion services, and every circuit.
    ///
    /// # Errors
    /// When a node does not come up again.
    pub fn restart_nodes(&self) -> Result<(), TornetError> {
        let mut nodes = self.nodes();
        process::stop_all(&mut nodes);
        for node in &self.layout {
            nodes.push(TorProcess::spawn(&launch(&self.shared, node))?);
        }
        for node in nodes.iter_mut() {
            node.take_ownership(&self.shared.patience)?;
            node.await_bootstrap(DISTRIBUTION_SECONDS_MAX, &self.shared.patience)?;
        }
        Ok(())
    }

    /// The process ids of the authority and of the relays.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.nodes().iter().map(TorProcess::pid).collect()
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<TorProcess>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TorNetwork {
    fn drop(&mut self) {
        process::stop_all(&mut self.nodes());
    }
}

impl Shared {
    /// What failed for a reason that logs tell more about keeps them.
    fn failed(&self, error: TornetError, who: &str, logs: &Path) -> TornetError {
        let error = error.of(who, logs);
        if matches!(error, TornetError::Of { .. }) {
            self.home.keep();
        }
        error
    }

    fn network_failed(&self, error: TornetError) -> TornetError {
        self.failed(error, "no private Tor network", self.home.path())
    }
}

/// Starts the nodes, again when the consensus is unusable.
///
/// With a voting interval of an hour an incomplete first consensus would not be repaired within any run's time.
fn start_nodes(shared: &Shared, nodes: &[Node]) -> Result<(Vec<TorProcess>, usize), TornetError> {
    let mut start = 1;
    loop {
        await_voting_interval(&shared.patience)?;
        let began = ambient::steady_millis();
        let mut processes = Vec::new();
        let brought_up = bring_up(shared, nodes, &mut processes);
        let error = match brought_up {
            Ok(consensus) => {
                shared.report(&format!(
                    "consensus with {} relays after {} s",
                    consensus.relays(),
                    seconds_since(began)
                ));
                return Ok((processes, start));
            }
            Err(error) => error,
        };
        process::stop_all(&mut processes);
        if start == NETWORK_STARTS_MAX || !matches!(error, TornetError::Stalled(_) | TornetError::Ended(_)) {
            return Err(error);
        }
        nodes.iter().for_each(|node| keys::forget_the_rest(&node.data));
        shared.report(&format!("start {start} of {NETWORK_STARTS_MAX} failed: {error}"));
        start += 1;
    }
}

fn launch<'a>(shared: &'a Shared, node: &'a Node) -> Launch<'a> {
    Launch { dir: &node.dir, data: &node.data, torrc: &node.torrc, defaults: &shared.network_torrc }
}

fn bring_up(shared: &Shared, nodes: &[Node], processes: &mut Vec<TorProcess>) -> Result<Consensus, TornetError> {
    let started_seconds = ambient::wall_seconds();
    for node in nodes {
        processes.push(TorProcess::spawn(&launch(shared, node))?);
    }
    for process in processes.iter_mut() {
        process.take_ownership(&shared.patience)?;
    }
    let found = shared.patience.poll(CONSENSUS_SECONDS_MAX, || {
        if let Some(why) = processes.iter_mut().find_map(TorProcess::ended) {
            return Some(Err(why));
        }
        Consensus::read(&nodes.first()?.data, started_seconds).map(Ok)
    })?;
    let stalled = || TornetError::Stalled(format!("no consensus within {CONSENSUS_SECONDS_MAX} s"));
    let consensus = found.unwrap_or_else(|| Err(stalled()))?;
    consensus.refuse_unusable(nodes.len()).map_err(TornetError::Stalled)?;
    distribute(processes, &shared.patience)?;
    Ok(consensus)
}

/// Waits until every node can serve what a client asks for when it starts.
///
/// The relays asked for a consensus before there was one and wait longer each time; a client that met them without it
/// would do the same, and hang at 50 % (`loading_descriptors`) for half a minute. A reload makes them ask at once.
fn distribute(processes: &mut [TorProcess], patience: &Patience) -> Result<(), TornetError> {
    for process in processes.iter_mut() {
        let told = process.command("SIGNAL RELOAD");
        told.map_err(|error| TornetError::Stalled(format!("a relay takes no signal: {error}")))?;
    }
    processes.iter_mut().try_for_each(|process| process.await_bootstrap(DISTRIBUTION_SECONDS_MAX, patience))
}

/// Waits until the wall clock is just past a multiple of the initial voting interval.
fn await_voting_interval(patience: &Patience) -> Result<(), TornetError> {
    let interval = torrc::INITIAL_VOTING_INTERVAL_SECONDS;
    let in_window = || (ambient::wall_seconds() % interval < START_WINDOW_SECONDS).then_some(());
    let stands_still = || TornetError::Stalled("the wall clock of this machine stands still".into());
    patience.poll(2 * interval, in_window)?.ok_or_else(stands_still)
}

fn seconds_since(began_millis: u64) -> u64 {
    ambient::steady_millis().saturating_sub(began_millis) / 1000
}
