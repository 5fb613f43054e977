//! Tor within this process: hosts the introducer's onion service and dials others.
//!
//! Towards the introducer it behaves as C tor does with `HiddenServiceExportCircuitID haproxy`, towards clients as C tor's
//! `SocksPort unix:… ExtendedErrors IsolateSOCKSAuth`; so there is one way through everything above. It keeps its own
//! directory and knows no record.
//!
//! The files of an onion service and of a client's keys are laid out as C tor lays them out; arti reads them and never
//! writes them. So one address can move between the two, and no key has two homes.

mod config;
mod egress;
mod error;
mod ingress;
mod onion_stream;
mod progress;
mod reach;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use futures::{FutureExt as _, StreamExt as _};
use tor_rtcompat::PreferredRuntime;

pub use error::TorError;

use super::report::Report;
use crate::{
    ambient,
    net::{Listener, LoopbackTarget},
};

#[expect(clippy::disallowed_types, reason = "the carrier is where Tor is")]
type TorClient = arti_client::TorClient<PreferredRuntime>;

/// Between two attempts at a bootstrap that ended with an error: arti itself goes on for as long as there is hope.
const BOOTSTRAP_PAUSE: Duration = Duration::from_secs(10);
/// What Tor needs to know in either role.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A directory of its own, which nobody else may read.
    pub state: PathBuf,
    /// The keys that introducers with client authorization gave us, laid out as C tor's `ClientOnionAuthDir`.
    pub client_keys: PathBuf,
    /// Bridge lines; empty: relays are connected to directly.
    pub bridges: Vec<String>,
    /// Name of a pluggable transport → its proxy, already running.
    pub transports: BTreeMap<String, LoopbackTarget>,
    /// TOML with a table `tor_network` as arti reads it, in place of the Tor network's authorities.
    pub network: Option<String>,
}

/// What the onion service needs to know.
#[derive(Clone, Debug)]
pub struct OnionSettings {
    /// The service's key, laid out as C tor's `HiddenServiceDir`.
    pub directory: PathBuf,
    /// The address of that key, `<56>.onion`.
    pub host: String,
    /// The introducer's AF_UNIX socket.
    pub introducer: PathBuf,
    /// The port behind the onion address; another one closes the circuit that asked for it.
    pub port: u16,
    /// Relays that introduce clients, 3 to 20.
    pub introduction_points: u8,
    /// A circuit that opens more is closed.
    pub streams_per_circuit_max: u32,
    /// More clients at once are not answered.
    pub circuits_max: usize,
    /// Whether to ask for an effort; takes a build with `pow-lgpl`.
    pub proof_of_work: bool,
    /// Who may find the service.
    pub authorized: Authorized,
}

/// Name and public key (`descriptor:x25519:…`) of each client who may find the service; `None`: everybody may.
pub type Authorized = Option<Vec<(String, String)>>;

/// What this carrier does.
pub struct Roles {
    /// Hosts this service.
    pub onion: Option<OnionSettings>,
    /// Offers SOCKS5 here.
    pub socks: Option<Listener>,
}

/// Asks the system what arti asks once and remembers: whom the files belong to, how much memory there is. To be called
/// before the files that tell it (`/etc/passwd`, `/proc/meminfo`) are out of sight.
pub fn ask_beforehand() {
    // arti makes its default configuration whatever it is given in its place.
    drop(arti_client::TorClientConfig::default());
}

/// Makes what is missing of Tor's directories, and refuses what others could read. To be called before the right to make them
/// is given up.
///
/// # Errors
/// See [`TorError`].
pub fn prepare(settings: &Settings) -> Result<(), TorError> {
    config::prepare(settings)
}

/// Runs until `until` is through, or something fails for good. `reload` yields the authorized clients anew each time they
/// changed. The directories are those that [`prepare`] made.
///
/// # Errors
/// See [`TorError`]. What may pass by itself (no network, a wrong clock) is reported and waited for instead.
pub async fn run(
    settings: Settings,
    roles: Roles,
    mut reload: tokio::sync::mpsc::Receiver<Authorized>,
    report: impl Fn(Report) + Send + Sync + 'static,
    until: impl Future<Output = ()>,
) -> Result<(), TorError> {
    let report: Arc<dyn Fn(Report) + Send + Sync> = Arc::new(report);
    let started = ambient::steady_millis();
    let client = start(&settings, roles.onion.as_ref())?;
    let following = progress::follow(&client, Arc::clone(&report));
    let working = async {
        bootstrap(&client, &report).await;
        report(Report::Online);
        let serving = async {
            match roles.socks {
                Some(listener) => egress::serve(listener, &client).await,
                None => std::future::pending().await,
            }
        };
        let hosting = async {
            match roles.onion {
                Some(onion) => host(&client, onion, &mut reload, &report, started).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = serving => Ok(()),
            hosted = hosting => hosted,
        }
    };
    // arti's futures nest deeper than the compiler follows.
    let (following, working) = (following.boxed(), working.boxed());
    tokio::select! {
        () = following => Ok(()),
        worked = working => worked,
        () = until => Ok(()),
    }
}

fn start(settings: &Settings, onion: Option<&OnionSettings>) -> Result<Arc<TorClient>, TorError> {
    // A second call in one process finds it installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = config::client(settings, onion.map(|onion| onion.directory.as_path()))?;
    #[expect(clippy::disallowed_types, reason = "the carrier is where Tor is")]
    let builder = arti_client::TorClient::<PreferredRuntime>::builder();
    builder.config(config).create_unbootstrapped().map_err(TorError::start)
}

/// Returns when streams can leave. There is nothing better to do than to go on trying: the network may come back.
async fn bootstrap(client: &TorClient, report: &Arc<dyn Fn(Report) + Send + Sync>) {
    while let Err(error) = client.bootstrap().boxed().await {
        let (why, hint) = error::in_words(&error);
        report(Report::Blocked { why, hint });
        tokio::time::sleep(BOOTSTRAP_PAUSE).await;
    }
}

async fn host(
    client: &Arc<TorClient>,
    onion: OnionSettings,
    reload: &mut tokio::sync::mpsc::Receiver<Authorized>,
    report: &Arc<dyn Fn(Report) + Send + Sync>,
    started: u64,
) -> Result<(), TorError> {
    let own_key = onion.authorized.as_ref().map(|_| reach::own_key(client, &onion.host)).transpose()?;
    let launched =
        client.launch_onion_service(config::service(&onion, own_key.as_deref())?).map_err(TorError::start)?;
    let (service, requests) = launched.ok_or(TorError::NoIdentity)?;
    report(Report::Onion { address: format!("{}:{}", onion.host, onion.port) });
    let serving = ingress::serve(requests.boxed(), &onion);
    let reaching = reach::until_reached(client, &onion, report, started);
    let publishing = progress::follow_service(&service, report);
    let background = async { tokio::join!(reaching, publishing) };
    let reloading = async {
        let mut changed = onion.clone();
        while let Some(authorized) = reload.recv().await {
            changed.authorized = authorized;
            if let Err(error) = reconfigure(&service, &changed, own_key.as_deref()) {
                tracing::warn!(%error, "the clients stay as they were");
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = serving => Err(TorError::ServiceEnded),
        () = reloading => Ok(()),
        _ = async { background.await; std::future::pending::<()>().await } => Ok(()),
    }
}

fn reconfigure(
    service: &tor_hsservice::RunningOnionService,
    onion: &OnionSettings,
    own_key: Option<&str>,
) -> Result<(), TorError> {
    let config = config::service(onion, own_key)?;
    service.reconfigure(config, tor_keymgr::config::Reconfigure::AllOrNothing).map_err(TorError::config)
}
