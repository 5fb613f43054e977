//! Who is asked: from a node's configuration, or from flags.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    failure::{Exit, Failure, system},
    labels::Labels,
    lockdown::{self, SandboxOption},
    output,
    proxy::{Proxy, Reaches},
};
use crate::{
    ambient,
    client::{Client, ClientError, ClientSettings, Freshness, Introducer, LOOKUP_BITS_EXACT},
    config::NodeConfig,
    record::GridId,
};

/// Where a reading command looks.
#[derive(Args)]
pub(super) struct Whom {
    /// A node's or reader's configuration: grid, introducers, SOCKS socket
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of an introducer, `….onion:80`, in place of the configuration's; again for more, asked in this order
    #[arg(long, value_name = "ADDRESS")]
    introducer: Vec<Introducer>,
    /// Id of the grid, in place of the configuration's
    #[arg(long, value_name = "ID")]
    grid: Option<GridId>,
    /// File of your petnames, in place of the configuration's
    #[arg(long, value_name = "FILE")]
    petnames: Option<PathBuf>,
    #[command(flatten)]
    proxy: Proxy,
    /// Directory of the Tor inside this program where no configuration names one: `tor` in the current directory, when not
    /// given
    #[arg(long, value_name = "DIR", hide = cfg!(not(feature = "carrier-tor")))]
    tor_state: Option<PathBuf>,
    #[command(flatten)]
    sandbox: SandboxOption,
}

/// A client and the introducers it asks.
pub(super) struct Asked {
    pub(super) client: Client,
    pub(super) introducers: Vec<Introducer>,
    pub(super) grid: GridId,
}

/// What [`Whom::resolve`] makes ready.
pub(super) struct Ready {
    pub(super) asked: Asked,
    pub(super) labels: Labels,
}

impl Whom {
    /// Locks this process down, too. `exact` allows lookups that name the node.
    pub(super) fn resolve(&self, exact: bool) -> Result<Ready, Failure> {
        let config = self.configured()?;
        let asked = self.asked(config.as_ref(), exact)?;
        let labels = self.labels()?;
        lockdown::reader(&self.sandbox, config.as_ref())?;
        Ok(Ready { asked, labels })
    }

    /// The owner's names, with nobody's claims yet.
    pub(super) fn labels(&self) -> Result<Labels, Failure> {
        let config = self.configured()?;
        Labels::open(self.petnames.as_deref().or(config.as_ref().and_then(|config| config.petnames.as_deref())))
    }

    /// The owner's names for a command that asks nobody.
    #[cfg(any(feature = "audit", feature = "server"))]
    pub(super) fn petnames(&self) -> Option<&Path> {
        self.petnames.as_deref()
    }

    fn configured(&self) -> Result<Option<NodeConfig>, Failure> {
        Ok(self.config.as_deref().map(NodeConfig::load).transpose()?)
    }

    fn asked(&self, config: Option<&NodeConfig>, exact: bool) -> Result<Asked, Failure> {
        let missing = |what: &str, flag: &str| {
            Failure::new(Exit::Usage, format_args!("{what} is missing"))
                .hint(format_args!("name a configuration with --config node.toml, or give {flag}"))
        };
        let grid = self.grid.or(config.map(|config| config.grid));
        let grid = grid.ok_or_else(|| missing("the grid", "--grid grid1…"))?;
        let introducers = match (&self.introducer, config) {
            (given, _) if !given.is_empty() => given.clone(),
            (_, Some(config)) => introducers(config)?,
            (_, None) => return Err(missing("the introducer", "--introducer ….onion:80")),
        };
        let mut settings = ClientSettings::new(self.proxy.socket(config), grid);
        if let Some(config) = config {
            (settings.addresses, settings.granted) = (config.addresses, config.granted);
        }
        if exact {
            settings.lookup_bits_max = LOOKUP_BITS_EXACT;
        }
        let client = client(settings)?;
        Ok(Asked { client, introducers, grid })
    }
}

impl Reaches for Whom {
    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    fn sandbox(&self) -> &SandboxOption {
        &self.sandbox
    }

    fn tor_state(&self) -> Option<&Path> {
        self.tor_state.as_deref()
    }

    fn refuse_unready(&self) -> Result<(), Failure> {
        self.labels()?;
        self.asked(self.configured()?.as_ref(), false).map(drop)
    }
}

impl Asked {
    /// The first answer, asking one after the other.
    pub(super) async fn first<T>(
        &self,
        ask: impl AsyncFn(&Client, &Introducer) -> Result<T, ClientError>,
    ) -> Result<T, Failure> {
        let found = self.find(async |client, introducer| ask(client, introducer).await.map(Some)).await?;
        found.ok_or_else(|| Failure::new(Exit::Usage, "no introducer is configured"))
    }

    /// The first answer that is something, asking one after the other; `None` when who answered had nothing.
    pub(super) async fn find<T>(
        &self,
        ask: impl AsyncFn(&Client, &Introducer) -> Result<Option<T>, ClientError>,
    ) -> Result<Option<T>, Failure> {
        let (mut last, mut answered) = (None, false);
        for introducer in &self.introducers {
            match ask(&self.client, introducer).await {
                Ok(Some(answer)) => return Ok(Some(answer)),
                Ok(None) => answered = true,
                Err(error) => {
                    if self.introducers.len() > 1 {
                        output::say(format_args!("{introducer}: {error}"));
                    }
                    last = Some(error);
                }
            }
        }
        match last {
            Some(error) if !answered => Err(error.into()),
            _ => Ok(None),
        }
    }

    /// Says when the word of the introducers on who is out can't be trusted any more.
    pub(super) fn tell_stale(&self) {
        match self.client.freshness() {
            None | Some(Freshness::Fresh { .. }) => {}
            Some(Freshness::Stale { since }) => output::say(format_args!(
                "This grid is stale: its list of revoked nodes is overdue by {} h. Whoever runs the grid is late, or the\n\
                 introducer withholds a newer one: ask another introducer.",
                ambient::wall().hours_since(since)
            )),
            Some(Freshness::Missing) => output::say(
                "This grid is stale: no introducer that was asked has its list of revoked nodes. Ask whoever runs the grid.",
            ),
        }
    }

    /// Says what was received and not shown, if anything was, and whether the grid is stale.
    pub(super) fn tell_dropped(&self) {
        self.tell_stale();
        let dropped = self.client.dropped();
        let reasons = [
            (dropped.malformed, "malformed"),
            (dropped.wrong_grid, "of another grid"),
            (dropped.not_asked, "not asked for"),
            (dropped.address_kind, "with a kind of address that the configuration does not admit"),
            (dropped.expired, "expired"),
            (dropped.issued_in_future, "from the future (check `date -u`)"),
            (dropped.signature, "with a wrong signature"),
            (dropped.not_newer, "not newer than one already seen"),
            (dropped.grant, "without a grant that allows it"),
            (dropped.revoked, "of a node that was revoked"),
        ];
        let told: Vec<_> =
            reasons.iter().filter(|(count, _)| *count > 0).map(|(count, reason)| format!("{count} {reason}")).collect();
        if !told.is_empty() {
            output::say(format_args!("Received and not shown: {}", told.join(", ")));
        }
    }
}

/// The introducers of a configuration.
pub(super) fn introducers(config: &NodeConfig) -> Result<Vec<Introducer>, Failure> {
    if config.introducers.is_empty() {
        return Err(Failure::new(Exit::Usage, "`introducers` is empty")
            .hint("write the address of at least one introducer of the grid there"));
    }
    let parsed = config.introducers.iter().cloned().map(Introducer::try_from).collect::<Result<_, _>>();
    parsed.map_err(|error| Failure::new(Exit::Usage, error))
}

/// A client for one command.
fn client(settings: ClientSettings) -> Result<Client, Failure> {
    Client::new(settings).map_err(system("no client can be made"))
}

/// A client that publishes, and the introducers of its configuration.
pub(super) fn publisher(config: &NodeConfig, proxy: &Proxy) -> Result<(Client, Vec<Introducer>), Failure> {
    let mut settings = ClientSettings::new(proxy.socket(Some(config)), config.grid);
    settings.addresses = config.addresses;
    Ok((client(settings)?, introducers(config)?))
}

/// Runs a command of a client on an event loop of its own; SIGINT and SIGTERM end it as they end any program.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    runtime.map_err(system("the event loop does not start"))?.block_on(future)
}
