//! Tor inside this program, as a process of its own: what `serve` starts, and what a systemd unit can start by itself.

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    sync::Mutex,
};

use clap::{Args, Subcommand};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{
    failure::{Exit, Failure, system},
    lockdown::{self, SandboxOption},
    output,
    progress::Progress,
};
use crate::{
    carrier::{
        Report,
        tor::{self, Authorized, OnionSettings, Roles, Settings, TorError},
    },
    config::TorConfig,
    net::BoundSocket,
    sandbox::Level,
    supervisor::{Inherited, Lifeline, WatchedLifeline},
};

/// The user who runs the carrier, and nobody else: whoever opens the socket uses Tor in that name.
const SOCKS_MODE: u32 = 0o600;
/// A file with a handful of authorities.
const NETWORK_BYTES_MAX: u64 = 64 * 1024;
/// For arti's tasks; one processor is what the smallest machine has.
const THREADS: usize = 2;

#[derive(Subcommand)]
pub(super) enum Carrier {
    /// Run Tor: the onion service of an introducer, or a SOCKS socket for clients
    Tor(Box<Tor>),
}

/// Hosts the onion service of an introducer.toml, or with --client offers a SOCKS socket for the commands of a node.toml. A
/// listening AF_UNIX socket on standard input (`StandardInput=socket` of systemd) is the SOCKS socket.
#[derive(Args)]
#[command(after_long_help = JSON_HELP)]
pub(super) struct Tor {
    /// introducer.toml, or node.toml with --client; SIGHUP reads the keys of authorized clients again
    #[arg(long, value_name = "FILE", required_unless_present = "tor_state")]
    config: Option<PathBuf>,
    /// Host no service
    #[cfg(feature = "client")]
    #[arg(long)]
    client: bool,
    /// Directory of Tor, for --client without a configuration
    #[cfg(feature = "client")]
    #[arg(long, value_name = "DIR", requires = "client", conflicts_with = "config")]
    tor_state: Option<PathBuf>,
    /// Where to offer the SOCKS socket, in place of the configuration's
    #[arg(long, value_name = "PATH")]
    socks: Option<PathBuf>,
    /// Say the progress as JSON, one event a line
    #[arg(long)]
    json: bool,
    /// Standard output is the lifeline of the process that started this one
    #[arg(long, hide = true)]
    supervised: bool,
    #[command(flatten)]
    sandbox: SandboxOption,
}

const JSON_HELP: &str = "JSON events: bootstrap {percent, doing}, blocked {why, hint}, online, onion {address}, published, \
    reachable {seconds}, not_reachable {why, hint}. Events and fields may be added, none will change.";

/// What the configuration asks for.
struct Asked {
    tor: TorConfig,
    onion: Option<OnionSettings>,
    socks: Option<PathBuf>,
    sandbox: Option<Level>,
}

impl Carrier {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Tor(tor) => tor.run(),
        }
    }
}

impl Tor {
    fn run(self) -> Result<(), Failure> {
        let inherited = Inherited::take(self.supervised).map_err(|error| {
            let exit = if error.kind() == ErrorKind::InvalidInput { Exit::Usage } else { Exit::Failed };
            Failure::new(exit, error)
        })?;
        tor::ask_beforehand();
        let asked = self.asked()?;
        let settings = Settings {
            network: asked.tor.network.as_deref().map(read_network).transpose()?,
            client_keys: asked.tor.clients_directory(),
            state: asked.tor.state,
            bridges: asked.tor.bridges,
            transports: asked.tor.transports,
        };
        tor::prepare(&settings)?;
        let own_socket = self.socks.clone().or(asked.socks).filter(|_| inherited.socket.is_none());
        let socks = match (inherited.socket, &own_socket) {
            (Some(inherited), _) => Some(inherited),
            (None, Some(path)) => {
                let bound = BoundSocket::bind(path, SOCKS_MODE);
                Some(bound.map_err(|error| Failure::new(Exit::Failed, error))?)
            }
            (None, None) if asked.onion.is_none() => {
                return Err(Failure::new(
                    Exit::Usage,
                    "without a service and without a SOCKS socket there is nothing to do",
                )
                .hint("name the socket with --socks, or leave --client out"));
            }
            (None, None) => None,
        };
        let files: Vec<&Path> = self.config.as_deref().into_iter().collect();
        lockdown::carrier(&self.sandbox, asked.sandbox, &settings.state, &files, own_socket.as_deref())?;
        let lifeline = inherited.lifeline.map(Lifeline::watch).transpose();
        let lifeline = lifeline.map_err(system("the process that started this one can't be watched"))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
        runtime.map_err(system("the event loop does not start"))?.block_on(async {
            let socks = socks.map(BoundSocket::listen).transpose();
            let roles = Roles { onion: asked.onion, socks: socks.map_err(system("the SOCKS socket does not listen"))? };
            let report = teller(self.json || self.supervised);
            let until = ended(lifeline);
            tor::run(settings, roles, self.reload()?, report, until).await.map_err(Failure::from)
        })
    }

    fn asked(&self) -> Result<Asked, Failure> {
        #[cfg(feature = "client")]
        match (&self.tor_state, &self.config) {
            (Some(state), _) => {
                let tor = TorConfig::new(state.clone());
                return Ok(Asked { tor, onion: None, socks: None, sandbox: None });
            }
            (None, Some(file)) if self.client => {
                let config = crate::config::NodeConfig::load(file)?;
                return Ok(Asked { tor: config.tor, onion: None, socks: config.socks, sandbox: Some(config.sandbox) });
            }
            _ => {}
        }
        self.hosted()
    }

    #[cfg(feature = "server")]
    fn hosted(&self) -> Result<Asked, Failure> {
        let file = self.config.as_deref().unwrap_or(Path::new("introducer.toml"));
        let config = crate::config::IntroducerConfig::load(file)?;
        let directory = config.tor.onion_directory();
        let seed = super::keygen::seed()?;
        let host = crate::keys::OnionService::open_or_create(&directory, &seed)?.host();
        let authorized = if config.onion.client_auth {
            let clients = crate::keys::authorized_clients::list(&directory)?;
            Some(clients.iter().map(|(name, key)| (name.to_string(), key.to_string())).collect())
        } else {
            None
        };
        let onion = OnionSettings {
            directory,
            host,
            introducer: config.socket,
            port: config.onion.port,
            introduction_points: config.onion.introduction_points,
            streams_per_circuit_max: config.limits.streams_per_circuit_max,
            circuits_max: usize::try_from(config.limits.circuits_max).unwrap_or(usize::MAX),
            proof_of_work: config.onion.proof_of_work,
            authorized,
        };
        let sandbox = Some(config.sandbox);
        Ok(Asked { tor: config.tor, onion: Some(onion), socks: config.onion.socks, sandbox })
    }

    #[cfg(not(feature = "server"))]
    fn hosted(&self) -> Result<Asked, Failure> {
        Err(Failure::new(Exit::Usage, "this build hosts no service").hint("give --client"))
    }

    /// The clients anew, each time SIGHUP comes.
    fn reload(self) -> Result<mpsc::Receiver<Authorized>, Failure> {
        let mut hangup = signal(SignalKind::hangup()).map_err(system("SIGHUP can't be listened to"))?;
        let (reloaded, reload) = mpsc::channel(1);
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                match self.asked() {
                    Ok(asked) => {
                        if reloaded.send(asked.onion.and_then(|onion| onion.authorized)).await.is_err() {
                            return;
                        }
                    }
                    Err(failure) => tracing::warn!(%failure, "the clients stay as they were"),
                }
            }
        });
        Ok(reload)
    }
}

/// Until a signal, or until the parent lets go.
async fn ended(lifeline: Option<WatchedLifeline>) {
    match lifeline {
        Some(mut lifeline) => {
            tokio::select! {
                () = lifeline.closed() => {}
                () = output::stop_signal() => {}
            }
        }
        None => output::stop_signal().await,
    }
}

/// Lines for a program, or words and a bar for a person.
fn teller(json: bool) -> impl Fn(Report) + Send + Sync {
    let progress = Mutex::new(Progress::new());
    move |report| {
        if json {
            // Nobody reads any more: there is nothing to do about it.
            let _ = output::data(report.to_line());
        } else if let Ok(mut progress) = progress.lock() {
            if let Report::Onion { address } = &report {
                let _ = progress.aside(|| output::data(address));
            } else {
                progress.show(&report);
            }
        }
    }
}

fn read_network(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(NETWORK_BYTES_MAX).read_to_string(&mut text));
    read.map_err(|error| system(format_args!("can't read {}", path.display()))(error))?;
    Ok(text)
}

impl From<TorError> for Failure {
    fn from(error: TorError) -> Self {
        let exit = match &error {
            TorError::Config(_) | TorError::TooOpen { .. } | TorError::NoProofOfWork => Exit::Usage,
            _ => Exit::Failed,
        };
        Self::new(exit, &error).hint(error.hint())
    }
}
