//! `[tor]`: Tor inside this program. The same table in both files; what only a service needs is refused in node.toml.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

#[cfg(any(feature = "audit", feature = "server"))]
use super::problem::parse_number;
use super::{KeyProblem, beside, problem::Bad};
use crate::net::LoopbackTarget;

/// Where Tor keeps its cache, its guards and, for an introducer, the key of its address.
const STATE_DEFAULT: &str = "tor";
/// What clients write behind the onion address.
#[cfg(any(feature = "audit", feature = "server"))]
const PORT_DEFAULT: u16 = 80;
/// Tor's own bounds (rend-spec-v3); three is its default.
#[cfg(any(feature = "audit", feature = "server"))]
const INTRODUCTION_POINTS: (u16, u16) = (3, 20);
#[cfg(any(feature = "audit", feature = "server"))]
const INTRODUCTION_POINTS_DEFAULT: u16 = 3;
/// More than a person collects; each costs a connection attempt.
const BRIDGES_MAX: usize = 32;
/// One for each kind of transport there is, and more.
const TRANSPORTS_MAX: usize = 16;

/// Settings of the embedded Tor, for a node or reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TorConfig {
    /// Directory of its own, mode 0700.
    pub state: PathBuf,
    /// Lines as bridge operators hand them out; checked by the carrier. Empty: relays are connected to directly.
    pub bridges: Vec<String>,
    /// Name of a pluggable transport → its proxy, which is somebody else's to start.
    pub transports: BTreeMap<String, LoopbackTarget>,
    /// File with the authorities of another Tor network, for rehearsals. `None`: the Tor network.
    pub network: Option<PathBuf>,
}

impl TorConfig {
    /// The defaults, with everything in `state`.
    pub const fn new(state: PathBuf) -> Self {
        Self { state, bridges: Vec::new(), transports: BTreeMap::new(), network: None }
    }

    /// The key of the introducer's address and its clients, laid out as C tor's `HiddenServiceDir`.
    pub fn onion_directory(&self) -> PathBuf {
        self.state.join("onion")
    }

    /// Keys for other introducers that ask for one, laid out as C tor's `ClientOnionAuthDir`.
    pub fn clients_directory(&self) -> PathBuf {
        self.state.join("clients")
    }
}

/// Settings of the onion service.
#[cfg(any(feature = "audit", feature = "server"))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnionConfig {
    /// The port behind the onion address.
    pub port: u16,
    /// How many relays introduce clients.
    pub introduction_points: u8,
    /// Does the descriptor open to clients with a key only?
    pub client_auth: bool,
    /// Is an effort asked of clients when many come at once?
    pub proof_of_work: bool,
    /// A SOCKS socket for clients on the same machine.
    pub socks: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTor {
    state: Option<PathBuf>,
    #[serde(default)]
    bridges: Vec<String>,
    #[serde(default)]
    transports: BTreeMap<String, String>,
    network: Option<PathBuf>,
    port: Option<i64>,
    introduction_points: Option<i64>,
    client_auth: Option<bool>,
    proof_of_work: Option<bool>,
    socks: Option<PathBuf>,
}

impl RawTor {
    pub(super) fn parse(&self, file: &Path) -> Result<TorConfig, Bad> {
        if self.bridges.len() > BRIDGES_MAX {
            return Err(Bad::new("tor.bridges", KeyProblem::TooMany(BRIDGES_MAX)));
        }
        if self.transports.len() > TRANSPORTS_MAX {
            return Err(Bad::new("tor.transports", KeyProblem::TooMany(TRANSPORTS_MAX)));
        }
        let transport = |(name, proxy): (&String, &String)| match proxy.parse() {
            Ok(target) => Ok((name.clone(), target)),
            Err(error) => Err(Bad::new(format!("tor.transports.{name}"), KeyProblem::Loopback(error))),
        };
        Ok(TorConfig {
            state: beside(file, self.state.as_deref().unwrap_or(Path::new(STATE_DEFAULT))),
            bridges: self.bridges.clone(),
            transports: self.transports.iter().map(transport).collect::<Result<_, _>>()?,
            network: self.network.as_deref().map(|network| beside(file, network)),
        })
    }

    #[cfg(any(feature = "audit", feature = "server"))]
    pub(super) fn parse_onion(&self, file: &Path) -> Result<OnionConfig, Bad> {
        let points = parse_number(
            "tor.introduction_points",
            self.introduction_points,
            INTRODUCTION_POINTS_DEFAULT,
            INTRODUCTION_POINTS,
        )?;
        Ok(OnionConfig {
            port: parse_number("tor.port", self.port, PORT_DEFAULT, (1, u16::MAX))?,
            introduction_points: u8::try_from(points).unwrap_or(u8::MAX),
            client_auth: self.client_auth.unwrap_or(false),
            proof_of_work: self.proof_of_work.unwrap_or(false),
            socks: self.socks.as_deref().map(|socks| beside(file, socks)),
        })
    }

    /// A key that means nothing without an onion service is a misunderstanding, and told as one.
    #[cfg(any(feature = "audit", feature = "client"))]
    pub(super) fn refuse_onion(&self) -> Result<(), Bad> {
        let given = [
            ("tor.port", self.port.is_some()),
            ("tor.introduction_points", self.introduction_points.is_some()),
            ("tor.client_auth", self.client_auth.is_some()),
            ("tor.proof_of_work", self.proof_of_work.is_some()),
            ("tor.socks", self.socks.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(Bad::new(key, KeyProblem::ServiceOnly)),
            None => Ok(()),
        }
    }
}
