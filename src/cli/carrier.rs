//! Tor inside this program, as a process of its own: what `serve` starts, and what a systemd unit can start by itself.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::{
    failure::{Exit, Failure, system},
    output,
};
use crate::{
    carrier::{
        Report,
        tor::{self, Authorized, OnionSettings, Roles, Settings, TorError},
    },
    config::TorConfig,
    net::Listener,
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
    Tor(Tor),
}

#[derive(Args)]
pub(super) struct Tor {
    /// introducer.toml, or node.toml with --client; SIGHUP reads the keys of authorized clients again
    #[arg(long, value_name = "FILE", default_value = "introducer.toml")]
    config: PathBuf,
    /// Host no service: offer a SOCKS socket for the clients of a node.toml
    #[cfg(feature = "client")]
    #[arg(long)]
    client: bool,
    /// Where to offer the SOCKS socket, in place of the configuration's
    #[arg(long, value_name = "PATH")]
    socks: Option<PathBuf>,
    /// Say the progress as JSON, one event a line
    #[arg(long)]
    json: bool,
}

/// What the configuration asks for.
struct Asked {
    tor: TorConfig,
    onion: Option<OnionSettings>,
    socks: Option<PathBuf>,
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
        tor::ask_beforehand();
        let asked = self.asked()?;
        let settings = Settings {
            network: asked.tor.network.as_deref().map(read_network).transpose()?,
            state: asked.tor.state,
            bridges: asked.tor.bridges,
            transports: asked.tor.transports,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
        runtime.map_err(system("the event loop does not start"))?.block_on(async {
            let socks = self.socks.clone().or(asked.socks);
            let socks = socks.map(|path| Listener::bind(&path, SOCKS_MODE)).transpose();
            let socks = socks.map_err(|error| Failure::new(Exit::Failed, error))?;
            let roles = Roles { onion: asked.onion, socks };
            let json = self.json;
            let report = move |report| show(&report, json);
            tor::run(settings, roles, self.reload()?, report, output::stop_signal()).await.map_err(Failure::from)
        })
    }

    fn asked(&self) -> Result<Asked, Failure> {
        #[cfg(feature = "client")]
        if self.client {
            let config = crate::config::NodeConfig::load(&self.config)?;
            return Ok(Asked { tor: config.tor, onion: None, socks: config.socks });
        }
        self.hosted()
    }

    #[cfg(feature = "server")]
    fn hosted(&self) -> Result<Asked, Failure> {
        let config = crate::config::IntroducerConfig::load(&self.config)?;
        let onion = OnionSettings {
            introducer: config.socket,
            port: config.onion.port,
            introduction_points: config.onion.introduction_points,
            streams_per_circuit_max: config.limits.streams_per_circuit_max,
            circuits_max: usize::try_from(config.limits.circuits_max).unwrap_or(usize::MAX),
            proof_of_work: config.onion.proof_of_work,
            authorized: None,
        };
        Ok(Asked { tor: config.tor, onion: Some(onion), socks: config.onion.socks })
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
                    Err(failure) => tracing::warn!(%failure, "the configuration stays as it was"),
                }
            }
        });
        Ok(reload)
    }
}

fn show(report: &Report, json: bool) {
    if json {
        // Nobody reads any more: there is nothing to do about it.
        let _ = output::data(report.to_line());
    } else {
        output::say(format_args!("{report:?}"));
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
