//! Our settings as arti wants them.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::Path,
};

use arti_client::config::TorClientConfigBuilder;
use tor_hsservice::config::OnionServiceConfigBuilder;

use super::{CLIENT_KEYS, ONION, OnionSettings, Settings, TorError};

/// What arti calls our one service, in its own files.
const NICKNAME: &str = "introducer";
/// The key by which this carrier finds its own service; no client can have a name like it.
const OWN_NAME: &str = "carrier-itself";
/// Ids of the read-only stores that are laid out as C tor's.
const ONION_STORE: &str = "onion";
const CLIENTS_STORE: &str = "clients";
/// What queued cells may take: many slow clients at once on a small machine. A number here also keeps arti from asking how
/// much memory the machine has.
const MEMORY_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Owner only.
const DIRECTORY_MODE: u32 = 0o700;
/// What group and others may do: nothing.
const MODE_OTHERS: u32 = 0o077;

/// Makes what is missing of Tor's directories, and refuses what others could read.
pub(super) fn prepare(settings: &Settings) -> Result<(), TorError> {
    for path in [settings.state.clone(), settings.state.join(CLIENT_KEYS)] {
        let failed = |error| TorError::State { path: path.clone(), error };
        match fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let mode = fs::metadata(&path).map_err(failed)?.mode() & 0o7777;
        if mode & MODE_OTHERS != 0 {
            return Err(TorError::TooOpen { path, mode });
        }
    }
    Ok(())
}

/// The configuration of the Tor client; `hosts` names the store with the service's key, too.
pub(super) fn client(settings: &Settings, hosts: bool) -> Result<arti_client::TorClientConfig, TorError> {
    let mut table = toml::Table::new();
    if let Some(network) = &settings.network {
        let network: toml::Table = network.parse().map_err(TorError::config)?;
        if let Some(other) = network.keys().find(|key| *key != "tor_network") {
            return Err(TorError::Config(format!("the network's file holds `{other}` beside `tor_network`")));
        }
        table.extend(network);
    }
    table.insert("storage".into(), storage(&settings.state, hosts)?);
    table.insert("system".into(), toml::toml! { memory.max = (MEMORY_BYTES_MAX as i64) }.into());
    // Nothing here ever goes to an exit.
    table.insert("preemptive_circuits".into(), toml::toml! { initial_predicted_ports = [] }.into());
    if !settings.bridges.is_empty() {
        table.insert("bridges".into(), bridges(settings));
    }
    let mut builder: TorClientConfigBuilder = table.try_into().map_err(TorError::config)?;
    let literal = |name: &str| arti_client::config::CfgPath::new_literal(settings.state.join(name));
    builder.storage().cache_dir(literal("cache")).state_dir(literal("state"));
    builder.build().map_err(TorError::config)
}

fn storage(state: &Path, hosts: bool) -> Result<toml::Value, TorError> {
    let text = |path: &Path| match path.to_str() {
        Some(text) => Ok(toml::Value::from(text)),
        None => Err(TorError::Config("the path of its directory is not text".into())),
    };
    let clients =
        toml::Table::from_iter([("id".into(), CLIENTS_STORE.into()), ("path".into(), text(&state.join(CLIENT_KEYS))?)]);
    let mut stores = toml::Table::from_iter([("clients".into(), vec![clients].into())]);
    if hosts {
        let onion =
            toml::Table::from_iter([("id".into(), ONION_STORE.into()), ("path".into(), text(&state.join(ONION))?)]);
        stores.insert("services".into(), toml::Table::from_iter([(NICKNAME.into(), onion.into())]).into());
    }
    let keystore = toml::Table::from_iter([("ctor".into(), stores.into())]);
    Ok(toml::Table::from_iter([("keystore".into(), keystore.into())]).into())
}

fn bridges(settings: &Settings) -> toml::Value {
    let transports: Vec<toml::Value> = settings
        .transports
        .iter()
        .map(|(name, proxy)| {
            let protocols = vec![toml::Value::from(name.as_str())];
            // No path to a program: the carrier executes nothing.
            toml::Table::from_iter([
                ("protocols".into(), protocols.into()),
                ("proxy_addr".into(), proxy.to_string().into()),
            ])
            .into()
        })
        .collect();
    toml::Table::from_iter([
        ("enabled".into(), true.into()),
        ("bridges".into(), settings.bridges.clone().into()),
        ("transports".into(), transports.into()),
    ])
    .into()
}

/// The configuration of the onion service. `own_key` lets this carrier find it when the clients are named.
pub(super) fn service(
    onion: &OnionSettings,
    own_key: Option<&str>,
) -> Result<tor_hsservice::config::OnionServiceConfig, TorError> {
    let mut builder = OnionServiceConfigBuilder::default();
    builder
        .nickname(NICKNAME.parse().map_err(TorError::config)?)
        .num_intro_points(onion.introduction_points)
        .max_concurrent_streams_per_circuit(onion.streams_per_circuit_max);
    if onion.proof_of_work {
        if !cfg!(feature = "pow-lgpl") {
            return Err(TorError::NoProofOfWork);
        }
        builder.enable_pow(true);
    }
    if let Some(authorized) = &onion.authorized {
        let restricted = builder.restricted_discovery();
        restricted.enabled(true);
        let own = own_key.map(|key| (OWN_NAME.to_owned(), key.to_owned()));
        for (name, key) in authorized.iter().cloned().chain(own) {
            let bad = |what: &str| TorError::Config(format!("client `{name}`: {what}"));
            let nickname = name.parse().map_err(|_| bad("its name is not one"))?;
            let key = key.parse().map_err(|_| bad("its key is not one"))?;
            restricted.static_keys().access().push((nickname, key));
        }
    }
    builder.build().map_err(TorError::config)
}
