//! `node.toml`: what a node publishes, and how a node or a reader reaches its introducers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    ConfigError, KeyProblem, beside, deserialize,
    problem::{Bad, parse_head, parse_number, parse_sandbox},
    read,
    tor::{RawTor, TorConfig},
};
use crate::{
    record::{
        Address, AddressKind, AddressKinds, Attributes, ClaimError, GridId, LIFETIME_HOURS_MAX, Lifetime, Nickname,
        Service, ServiceName,
    },
    sandbox::Level,
};

/// The commented file that `anteroom init node` writes: every key, with its default or an example.
pub const NODE_TEMPLATE: &str = include_str!("node.toml");
/// Where Debian's tor puts its SOCKS socket with `SocksPort unix:/run/tor/socks`; a build without Tor inside looks there.
pub const SOCKS_DEFAULT: &str = "/run/tor/socks";
/// Four days: long enough for a weekend without power, short enough that a dead node is soon forgotten, and what a nearly
/// full introducer gives to new nodes.
pub const LIFETIME_HOURS_DEFAULT: u16 = 96;
/// A node publishes to each; more cost circuits and make nobody easier to find.
pub const INTRODUCERS_MAX: usize = 16;
/// A record of 2 KiB does not hold more.
const SERVICES_MAX: usize = 64;

/// Settings of a node, or of somebody who only reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// The grid.
    pub grid: GridId,
    /// File of the node's secret key; a reader has none.
    pub key: Option<PathBuf>,
    /// File of the node's grants, where the grid asks for them.
    pub grant: Option<PathBuf>,
    /// Onion or I2P addresses, in the order in which they are tried.
    pub introducers: Vec<Address>,
    /// AF_UNIX socket of a SOCKS5 proxy; `None`: Tor inside this program, for the time of each command.
    pub socks: Option<PathBuf>,
    /// That Tor's settings.
    pub tor: TorConfig,
    /// What the kernel holds the process to.
    pub sandbox: Level,
    /// A label for people.
    pub nickname: Option<Nickname>,
    /// How long a record holds.
    pub lifetime: Lifetime,
    /// Which kinds of addresses the grid admits.
    pub addresses: AddressKinds,
    /// Show only nodes whose grants hold.
    pub granted: bool,
    /// File of the owner's names for nodes.
    pub petnames: Option<PathBuf>,
    /// Sorted by name, each name once.
    pub services: Vec<Service>,
}

impl NodeConfig {
    /// Reads and parses `file`.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        Self::parse(&read(file)?, file)
    }

    /// Parses `text`, which is in `file`.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        deserialize::<RawNode>(text, file)?.parse(file).map_err(|bad| bad.in_file(file))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNode {
    version: Option<i64>,
    grid: Option<String>,
    key: Option<PathBuf>,
    grant: Option<PathBuf>,
    #[serde(default)]
    introducers: Vec<String>,
    socks: Option<PathBuf>,
    sandbox: Option<String>,
    nickname: Option<String>,
    lifetime_hours: Option<i64>,
    granted: Option<bool>,
    petnames: Option<PathBuf>,
    #[serde(default)]
    addresses: RawAddresses,
    #[serde(default)]
    tor: RawTor,
    #[serde(default)]
    service: Vec<RawService>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAddresses {
    clearnet: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawService {
    name: Option<String>,
    version: Option<i64>,
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    public_addresses: Vec<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

impl RawNode {
    fn parse(self, file: &Path) -> Result<NodeConfig, Bad> {
        let grid = parse_head(self.version, self.grid.as_deref())?;
        self.tor.refuse_onion()?;
        let nickname = self.nickname.as_deref().map(str::parse).transpose();
        let hours =
            parse_number("lifetime_hours", self.lifetime_hours, LIFETIME_HOURS_DEFAULT, (1, LIFETIME_HOURS_MAX))?;
        let addresses = AddressKinds {
            clearnet: self.addresses.clearnet.unwrap_or(AddressKinds::default().clearnet),
            ..AddressKinds::default()
        };
        Ok(NodeConfig {
            grid,
            key: self.key.map(|key| beside(file, &key)),
            grant: self.grant.map(|grant| beside(file, &grant)),
            introducers: parse_introducers(&self.introducers)?,
            socks: self.socks.as_deref().map(|socks| beside(file, socks)),
            tor: self.tor.parse(file)?,
            sandbox: parse_sandbox(self.sandbox.as_deref())?,
            nickname: nickname.map_err(|error| Bad::new("nickname", KeyProblem::Claim(error)))?,
            lifetime: Lifetime::from_hours(hours)
                .ok_or_else(|| Bad::new("lifetime_hours", KeyProblem::Claim(ClaimError::Lifetime)))?,
            addresses,
            granted: self.granted.unwrap_or_default(),
            petnames: self.petnames.map(|petnames| beside(file, &petnames)),
            services: parse_services(&self.service, addresses)?,
        })
    }
}

fn parse_introducers(texts: &[String]) -> Result<Vec<Address>, Bad> {
    if texts.len() > INTRODUCERS_MAX {
        return Err(Bad::new("introducers", KeyProblem::TooMany(INTRODUCERS_MAX)));
    }
    let mut introducers: Vec<Address> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let bad = |problem| Bad::new(format!("introducers[{}]", index + 1), problem);
        let address: Address = text.parse().map_err(|error| bad(KeyProblem::Introducer(error)))?;
        if address.kind() == AddressKind::Clearnet {
            return Err(bad(KeyProblem::ClearnetIntroducer));
        }
        if introducers.contains(&address) {
            return Err(bad(KeyProblem::Twice));
        }
        introducers.push(address);
    }
    Ok(introducers)
}

fn parse_services(raw: &[RawService], kinds: AddressKinds) -> Result<Vec<Service>, Bad> {
    if raw.len() > SERVICES_MAX {
        return Err(Bad::new("service", KeyProblem::TooMany(SERVICES_MAX)));
    }
    let mut services: BTreeMap<ServiceName, Service> = BTreeMap::new();
    for (index, raw) in raw.iter().enumerate() {
        let key = format!("service[{}].name", index + 1);
        let add = "name = \"storage\", with the name of the protocol";
        let Some(name) = &raw.name else {
            return Err(Bad::new(key, KeyProblem::Missing { add }));
        };
        let name: ServiceName = match name.parse() {
            Ok(name) => name,
            Err(error) => return Err(Bad::new(key, KeyProblem::Claim(error))),
        };
        let service = raw.parse(&name, kinds)?;
        if services.insert(name, service).is_some() {
            return Err(Bad::new(key, KeyProblem::Twice));
        }
    }
    Ok(services.into_values().collect())
}

impl RawService {
    fn parse(&self, name: &ServiceName, kinds: AddressKinds) -> Result<Service, Bad> {
        let bad = |key: &str, problem| Bad::new(format!("service `{name}`, {key}"), problem);
        let mut addresses = Vec::new();
        for (index, text) in self.addresses.iter().enumerate() {
            let bad = |problem| bad(&format!("addresses[{}]", index + 1), problem);
            let address: Address = text.parse().map_err(|error| bad(KeyProblem::Address(error)))?;
            if address.kind() == AddressKind::Clearnet {
                return Err(bad(KeyProblem::ClearnetAmongAddresses));
            }
            addresses.push(address);
        }
        for (index, text) in self.public_addresses.iter().enumerate() {
            let bad = |problem| bad(&format!("public_addresses[{}]", index + 1), problem);
            let address: Address = text.parse().map_err(|error| bad(KeyProblem::Address(error)))?;
            if address.kind() != AddressKind::Clearnet {
                return Err(bad(KeyProblem::PublicNotClearnet));
            }
            if !kinds.admits(AddressKind::Clearnet) {
                return Err(bad(KeyProblem::ClearnetNotAdmitted));
            }
            addresses.push(address);
        }
        if addresses.is_empty() {
            return Err(bad("addresses", KeyProblem::NoAddress));
        }
        let mut attributes = Attributes::default();
        for (key, value) in &self.attributes {
            attributes
                .insert(key, value)
                .map_err(|error| bad(&format!("attributes.{key}"), KeyProblem::Claim(error)))?;
        }
        let version = parse_number("version", self.version, 1, (0, u32::MAX));
        Ok(Service {
            name: name.clone(),
            version: version.map_err(|inner| inner.within(&format!("service `{name}`")))?,
            addresses,
            attributes,
        })
    }
}
