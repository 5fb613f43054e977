//! A private Tor network for tests: `anteroom::rehearsal::tornet`, where a failure ends the test, and what only tests
//! need: an echo behind an onion service, a SOCKS client, a proof that the network carries a stream.
//!
//! ```no_run
//! let network = TorNetwork::start();
//! let client = network.daemon("client", tornet::CLIENT_TORRC);
//! let service = network.daemon_from_example("introducer", example, &[("/run/anteroom/introducer.sock", socket)]);
//! service.wait_descriptor_uploaded();
//! let stream = socks::connect_eventually(&client.socks_path(), &service.hostname("hs"), 80, None);
//! ```
//!
//! Several tests of one binary share a network in a `static OnceLock<TorNetwork>`.

#![expect(clippy::disallowed_macros, reason = "speaks to the person who waits for a test")]
#![expect(clippy::panic, reason = "a test that cannot go on fails")]
#![expect(dead_code, reason = "no test binary uses all of it")]

mod daemon;
mod echo;
mod self_test;
pub mod socks;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anteroom::rehearsal::tornet as product;

pub use daemon::TorDaemon;
pub use echo::EchoService;
pub use product::{Authority, CLIENT_TORRC};

/// A key pair for tests of client authorization (x25519, base32 as in tor's files): this half goes into
/// `<HiddenServiceDir>/authorized_clients/<name>.auth` as `descriptor:x25519:<key>`.
pub const CLIENT_AUTH_PUBLIC: &str = "F3ZISDDFEPXSYS6G7GECSZRAVCF2QGQFSHPDEH6WPWESXUHNPN2Q";

/// The other half, for `<ClientOnionAuthDir>/<name>.auth_private` as `<address>:descriptor:x25519:<key>`.
pub const CLIENT_AUTH_SECRET: &str = "QDS4RUUKU7KFJQAYOWOFMZROEKVNVYLQDCGZVPY42A5O5LVPCNFA";

/// Pause between two looks at the same condition.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A running private Tor network. Dropping it stops every node.
pub struct TorNetwork(Arc<product::TorNetwork>);

/// Where the keys of networks are kept from one test run to the next; `None` outside of integration tests.
pub fn key_cache() -> Option<PathBuf> {
    option_env!("CARGO_TARGET_TMPDIR").map(PathBuf::from)
}

impl TorNetwork {
    /// Starts a network that reports its progress on standard error.
    ///
    /// # Panics
    /// When tor is not installed, or when no usable network came up; the message says where the logs are.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let progress = Arc::new(|line: &str| eprintln!("{line}"));
        let settings = product::Settings { key_cache: key_cache(), progress, ..product::Settings::default() };
        Self(Arc::new(product::TorNetwork::start(settings).unwrap_or_else(|error| fail(&error))))
    }

    /// Starts a tor in this network with the given torrc text and waits until it has bootstrapped.
    ///
    /// # Panics
    /// When tor refuses the text, when the name is taken, or when tor does not bootstrap.
    #[must_use]
    #[track_caller]
    pub fn daemon(&self, name: &str, torrc_text: &str) -> TorDaemon {
        let started = self.0.daemon(name, torrc_text);
        TorDaemon::new(started.unwrap_or_else(|error| fail(&error)), &self.0)
    }

    /// Starts a tor with an example file of this repository, as it stands but for the given substitutions of paths.
    /// `{dir}` is expanded in the replacements.
    ///
    /// # Panics
    /// As [`TorNetwork::daemon`], and when a path to be replaced is not in the example.
    #[must_use]
    #[track_caller]
    pub fn daemon_from_example(&self, name: &str, example: &Path, substitutions: &[(&str, &str)]) -> TorDaemon {
        let text = fs::read_to_string(example);
        let text = text.unwrap_or_else(|error| panic!("cannot read {}: {error}", example.display()));
        let text = substitutions.iter().fold(text, |text, (from, to)| {
            assert!(text.contains(from), "{} does not mention {from}", example.display());
            text.replace(from, to)
        });
        self.daemon(name, &text)
    }

    /// Creates, if need be, and names the directory that the daemon `name` has or will have.
    #[must_use]
    #[track_caller]
    pub fn dir(&self, name: &str) -> PathBuf {
        self.0.dir(name).unwrap_or_else(|error| fail(&error))
    }

    /// Proves that the network carries an onion service: starts an echo and a client, and gets an answer.
    ///
    /// # Panics
    /// When it does not.
    pub fn self_test(&self) {
        self_test::run(self);
    }

    /// The file for `[tor] network`.
    #[must_use]
    pub fn network_file(&self) -> &Path {
        self.0.network_file()
    }

    /// See [`tornet::TorNetwork::restart_nodes`].
    ///
    /// # Panics
    /// When a node does not come up again.
    #[track_caller]
    pub fn restart_nodes(&self) {
        self.0.restart_nodes().expect("the nodes come up again");
    }

    /// The network's authority.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        self.0.authority()
    }

    /// How often the nodes had to be started until the consensus was usable: 1 when all went well.
    #[must_use]
    pub fn starts(&self) -> usize {
        self.0.starts()
    }

    /// The process ids of the authority and of the relays.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.0.pids()
    }
}

impl Drop for TorNetwork {
    fn drop(&mut self) {
        keep_if_panicking(&self.0);
    }
}

/// The logs of a test that fails are wanted.
fn keep_if_panicking(network: &product::TorNetwork) {
    if std::thread::panicking() {
        network.keep();
        eprintln!("private Tor network: logs are kept in {}", network.home().display());
    }
}

#[track_caller]
fn fail(error: &product::TornetError) -> ! {
    panic!("{error}\n  → {}", error.hint())
}

/// Asks until there is an answer, for at most `seconds_max`.
fn poll<T>(seconds_max: u64, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + Duration::from_secs(seconds_max);
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}
