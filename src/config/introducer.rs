//! `introducer.toml`: what `anteroom serve` needs to know.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{
    ConfigError, KeyProblem, beside, deserialize,
    limits::{RawLimits, ServerLimits, TICK_SECONDS_DEFAULT},
    problem::{Bad, parse_head, parse_number, parse_sandbox},
    read, roll,
    tor::{OnionConfig, RawTor, TorConfig},
};
use crate::{
    directory::{AdmissionPolicy, Policy, Roll},
    record::{AddressKinds, GridId},
    sandbox::Level,
};

/// The commented file that `anteroom init introducer` writes: every key with its default.
pub const INTRODUCER_TEMPLATE: &str = include_str!("introducer.toml");

/// Owner and group may connect. The group is to be that of the carrier's user, by the directory of the socket: C tor gives up
/// all other groups when it starts.
const SOCKET_MODE_DEFAULT: u32 = 0o660;
/// Length of `sun_path` without its NUL (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// One for each carrier a machine could have, with room to spare.
const CARRIER_UIDS_MAX: usize = 16;
/// An hour between two frames: more and a watcher can't tell a quiet introducer from a dead one.
const TICK_SECONDS_MAX: u16 = 3_600;

/// An introducer's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntroducerConfig {
    /// The AF_UNIX socket that the carrier connects to.
    pub socket: PathBuf,
    /// Its file mode.
    pub socket_mode: u32,
    /// User ids the kernel must report for the process that connects.
    pub carrier_uids: Vec<u32>,
    /// Directory of the database.
    pub state: PathBuf,
    /// What the kernel holds the process to.
    pub sandbox: Level,
    /// The grid, who may publish, which addresses, and the limits of the directory.
    pub policy: Policy,
    /// The file of the nodes that may publish, where the operator lists them; [`IntroducerConfig::read_list`] reads it.
    pub list: Option<PathBuf>,
    /// The operator's copy of the grid's list of revoked keys.
    pub revocations: Option<PathBuf>,
    /// How clients shall ask for a node.
    pub lookup: LookupRule,
    /// How changes are delivered.
    pub watch: WatchRule,
    /// Who brings the streams.
    pub carrier: CarrierKind,
    /// The embedded Tor.
    pub tor: TorConfig,
    /// Its onion service.
    pub onion: OnionConfig,
    /// The limits of the server.
    pub limits: ServerLimits,
}

/// Who brings the streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CarrierKind {
    /// Tor inside this program, in a process of its own.
    #[default]
    Tor,
    /// C tor or another carrier that the operator runs.
    External,
}

/// How clients shall ask for a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LookupRule {
    /// By a prefix that names a crowd; its length follows from the number of records.
    #[default]
    Prefix,
    /// By the whole hash.
    Exact,
}

/// How changes are delivered to who watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchRule {
    /// In frames of equal size, changed or not.
    Tick {
        /// Mean time between two.
        seconds: u16,
    },
    /// At once.
    Immediate,
}

impl IntroducerConfig {
    /// Reads and parses `file`.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        Self::parse(&read(file)?, file)?.read_list(file)
    }

    /// Reads the list of nodes that `file` names, if it names one.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn read_list(mut self, file: &Path) -> Result<Self, ConfigError> {
        if let (AdmissionPolicy::Listed(nodes), Some(list)) = (&mut self.policy.admission, &self.list) {
            *nodes = roll::load(list).map_err(|bad| bad.in_file(file))?;
        }
        Ok(self)
    }

    /// Parses `text`, which is in `file`. Where the operator lists nodes, nobody may publish before
    /// [`IntroducerConfig::read_list`].
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        deserialize::<RawIntroducer>(text, file)?.parse(file).map_err(|bad| bad.in_file(file))
    }

    /// The one grid served.
    pub const fn grid(&self) -> GridId {
        self.policy.grid
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIntroducer {
    version: Option<i64>,
    grid: Option<String>,
    socket: Option<PathBuf>,
    socket_mode: Option<String>,
    carrier_uids: Option<Vec<u32>>,
    state: Option<PathBuf>,
    carrier: Option<String>,
    sandbox: Option<String>,
    sealed: Option<bool>,
    #[serde(default)]
    admission: RawAdmission,
    #[serde(default)]
    addresses: RawAddresses,
    #[serde(default)]
    lookup: RawLookup,
    #[serde(default)]
    watch: RawWatch,
    #[serde(default)]
    tor: RawTor,
    #[serde(default)]
    limits: RawLimits,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAdmission {
    policy: Option<String>,
    list: Option<PathBuf>,
    revocations: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAddresses {
    onion: Option<bool>,
    i2p: Option<bool>,
    clearnet: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLookup {
    mode: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWatch {
    delivery: Option<String>,
    tick_seconds: Option<i64>,
}

impl RawIntroducer {
    fn parse(self, file: &Path) -> Result<IntroducerConfig, Bad> {
        let grid = parse_head(self.version, self.grid.as_deref())?;
        let mut policy = Policy::new(grid);
        policy.admission = self.admission.parse()?;
        policy.addresses = self.addresses.parse();
        policy.sealed = self.sealed.unwrap_or_default();
        self.limits.parse_policy(&mut policy)?;
        let add = "state = \"state\"";
        let state = self.state.ok_or_else(|| Bad::new("state", KeyProblem::Missing { add }))?;
        Ok(IntroducerConfig {
            socket: parse_socket(self.socket, file)?,
            socket_mode: parse_mode(self.socket_mode.as_deref())?,
            carrier_uids: parse_uids(self.carrier_uids)?,
            state: beside(file, &state),
            sandbox: parse_sandbox(self.sandbox.as_deref())?,
            policy,
            list: self.admission.list.map(|path| beside(file, &path)),
            revocations: self.admission.revocations.map(|path| beside(file, &path)),
            lookup: self.lookup.parse()?,
            watch: self.watch.parse()?,
            carrier: parse_carrier(self.carrier.as_deref())?,
            tor: self.tor.parse(file)?,
            onion: self.tor.parse_onion(file)?,
            limits: self.limits.parse_server()?,
        })
    }
}

impl RawAdmission {
    fn parse(&self) -> Result<AdmissionPolicy, Bad> {
        match (self.policy.as_deref(), &self.list) {
            (None | Some("open"), _) => Ok(AdmissionPolicy::Open),
            (Some("granted"), _) => Ok(AdmissionPolicy::Granted),
            (Some("listed"), Some(_)) => Ok(AdmissionPolicy::Listed(Roll::default())),
            (Some("listed"), None) => {
                let add = "list = \"members.list\", with the file that names the nodes";
                Err(Bad::new("admission.list", KeyProblem::Missing { add }))
            }
            (Some(_), _) => {
                let words = &["\"open\"", "\"granted\"", "\"listed\""];
                Err(Bad::new("admission.policy", KeyProblem::Choice(words)))
            }
        }
    }
}

impl RawAddresses {
    fn parse(&self) -> AddressKinds {
        let defaults = AddressKinds::default();
        AddressKinds {
            onion: self.onion.unwrap_or(defaults.onion),
            i2p: self.i2p.unwrap_or(defaults.i2p),
            clearnet: self.clearnet.unwrap_or(defaults.clearnet),
        }
    }
}

impl RawLookup {
    fn parse(&self) -> Result<LookupRule, Bad> {
        match self.mode.as_deref() {
            None | Some("prefix") => Ok(LookupRule::Prefix),
            Some("exact") => Ok(LookupRule::Exact),
            Some(_) => Err(Bad::new("lookup.mode", KeyProblem::Choice(&["\"prefix\"", "\"exact\""]))),
        }
    }
}

impl RawWatch {
    fn parse(&self) -> Result<WatchRule, Bad> {
        let seconds =
            parse_number("watch.tick_seconds", self.tick_seconds, TICK_SECONDS_DEFAULT, (1, TICK_SECONDS_MAX))?;
        match self.delivery.as_deref() {
            None | Some("tick") => Ok(WatchRule::Tick { seconds }),
            Some("immediate") => Ok(WatchRule::Immediate),
            Some(_) => Err(Bad::new("watch.delivery", KeyProblem::Choice(&["\"tick\"", "\"immediate\""]))),
        }
    }
}

fn parse_carrier(carrier: Option<&str>) -> Result<CarrierKind, Bad> {
    match carrier {
        None | Some("tor") => Ok(CarrierKind::Tor),
        Some("external") => Ok(CarrierKind::External),
        Some(_) => Err(Bad::new("carrier", KeyProblem::Choice(&["\"tor\"", "\"external\""]))),
    }
}

fn parse_socket(socket: Option<PathBuf>, file: &Path) -> Result<PathBuf, Bad> {
    let add = "socket = \"introducer.sock\"";
    let socket = socket.ok_or_else(|| Bad::new("socket", KeyProblem::Missing { add }))?;
    let socket = beside(file, &socket);
    if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        return Err(Bad::new("socket", KeyProblem::SocketPathTooLong));
    }
    Ok(socket)
}

fn parse_mode(mode: Option<&str>) -> Result<u32, Bad> {
    let Some(text) = mode else {
        return Ok(SOCKET_MODE_DEFAULT);
    };
    let digits = matches!(text.len(), 3 | 4) && text.bytes().all(|byte| byte.is_ascii_digit());
    match u32::from_str_radix(text, 8) {
        Ok(mode) if digits && mode <= 0o777 => Ok(mode),
        _ => Err(Bad::new("socket_mode", KeyProblem::Mode)),
    }
}

/// Without the key: whoever runs this process, since a carrier of the same user is what a first try has.
fn parse_uids(uids: Option<Vec<u32>>) -> Result<Vec<u32>, Bad> {
    let uids = uids.unwrap_or_else(|| vec![rustix::process::geteuid().as_raw()]);
    match uids.len() {
        0 => Err(Bad::new("carrier_uids", KeyProblem::NoCarrier)),
        1..=CARRIER_UIDS_MAX => Ok(uids),
        _ => Err(Bad::new("carrier_uids", KeyProblem::TooMany(CARRIER_UIDS_MAX))),
    }
}
