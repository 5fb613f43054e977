//! Our settings as arti wants them.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::Path,
};

use arti_client::config::TorClientConfigBuilder;
use tor_hsservice::config::OnionServiceConfigBuilder;

use super::{OnionSettings, Settings, TorError};
use crate::net::LoopbackTarget;

/// What arti calls our one service, in its own files.
const NICKNAME: &str = "introducer";
/// The key by which this carrier finds its own service; no client can have a name like it.
const OWN_NAME: &str = "carrier-itself";
/// Ids of the read-only stores that are laid out as C tor's.
const ONION_STORE: &str = "onion";
const CLIENTS_STORE: &str = "clients";
/// What queued cells may take: many slow clients at once on a small machine. A number here also keeps arti from asking how
/// much memory the machine has.
const MEMORY_BYTES_MAX: i64 = 256 * 1024 * 1024;
/// Owner only.
const DIRECTORY_MODE: u32 = 0o700;
/// What group and others may do: nothing.
const MODE_OTHERS: u32 = 0o077;

/// Makes what is missing of Tor's directories, and refuses what others could read.
pub(super) fn prepare(settings: &Settings) -> Result<(), TorError> {
    for path in [settings.state.clone(), settings.client_keys.clone()] {
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

/// The configuration of the Tor client; `onion` is where the service's key is.
pub(super) fn client(settings: &Settings, onion: Option<&Path>) -> Result<arti_client::TorClientConfig, TorError> {
    let mut table = toml::Table::new();
    if let Some(network) = &settings.network {
        let network: toml::Table = network.parse().map_err(TorError::config)?;
        if let Some(other) = network.keys().find(|key| *key != "tor_network") {
            return Err(TorError::Config(format!("the network's file holds `{other}` beside `tor_network`")));
        }
        table.extend(network);
    }
    table.insert("storage".into(), storage(&settings.client_keys, onion)?);
    let memory = table_of([("max", MEMORY_BYTES_MAX.into())]);
    table.insert("system".into(), table_of([("memory", memory)]));
    // Nothing here ever goes to an exit.
    let ports = toml::Value::Array(Vec::new());
    table.insert("preemptive_circuits".into(), table_of([("initial_predicted_ports", ports)]));
    if !settings.bridges.is_empty() {
        table.insert("bridges".into(), bridges(settings));
    }
    let mut builder: TorClientConfigBuilder = table.try_into().map_err(TorError::config)?;
    let literal = |name: &str| arti_client::config::CfgPath::new_literal(settings.state.join(name));
    builder.storage().cache_dir(literal("cache")).state_dir(literal("state"));
    builder.build().map_err(TorError::config)
}

fn table_of<const N: usize>(entries: [(&str, toml::Value); N]) -> toml::Value {
    toml::Table::from_iter(entries.map(|(key, value)| (key.to_owned(), value))).into()
}

fn storage(client_keys: &Path, onion: Option<&Path>) -> Result<toml::Value, TorError> {
    let store = |id: &str, directory: &Path| match directory.to_str() {
        Some(path) => Ok(table_of([("id", id.into()), ("path", path.into())])),
        None => Err(TorError::Config(format!("the path {} is not text", directory.display()))),
    };
    let mut stores = toml::Table::new();
    stores.insert("clients".into(), vec![store(CLIENTS_STORE, client_keys)?].into());
    if let Some(onion) = onion {
        stores.insert("services".into(), table_of([(NICKNAME, store(ONION_STORE, onion)?)]));
    }
    // By number and without a group: otherwise names are looked up in /etc/passwd.
    let own = i64::from(rustix::process::geteuid().as_raw());
    let permissions = table_of([("trust_user", own.into()), ("trust_group", false.into())]);
    Ok(table_of([("keystore", table_of([("ctor", stores.into())])), ("permissions", permissions)]))
}

fn bridges(settings: &Settings) -> toml::Value {
    let transport = |(name, proxy): (&String, &LoopbackTarget)| {
        // No path to a program: the carrier executes nothing.
        table_of([("protocols", vec![name.as_str()].into()), ("proxy_addr", proxy.to_string().into())])
    };
    let transports: Vec<toml::Value> = settings.transports.iter().map(transport).collect();
    table_of([
        ("enabled", true.into()),
        ("bridges", settings.bridges.clone().into()),
        ("transports", transports.into()),
    ])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arti_takes_every_setting() {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings {
            state: directory.path().join("tor"),
            client_keys: directory.path().join("tor/clients"),
            bridges: vec!["obfs4 192.0.2.1:443 0123456789ABCDEF0123456789ABCDEF01234567 cert=abc iat-mode=0".into()],
            transports: [("obfs4".to_owned(), "127.0.0.1:47000".parse().unwrap())].into(),
            network: None,
        };
        prepare(&settings).unwrap();
        let config = client(&settings, Some(&directory.path().join("onion"))).unwrap();
        let shown = format!("{config:?}");
        for expected in ["Qty(268435456)", "proxy_addr: Some(127.0.0.1:47000)", "initial_predicted_ports: []"] {
            assert!(shown.contains(expected), "{expected} is not in {shown}");
        }
    }

    #[test]
    fn a_directory_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("tor");
        let settings = Settings {
            state: state.clone(),
            client_keys: state.join("clients"),
            bridges: Vec::new(),
            transports: Default::default(),
            network: None,
        };
        prepare(&settings).unwrap();
        fs::set_permissions(&state, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(matches!(prepare(&settings), Err(TorError::TooOpen { mode: 0o750, .. })));
    }

    #[test]
    fn what_arti_does_not_take_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            state: directory.path().into(),
            client_keys: directory.path().join("clients"),
            bridges: vec!["not a bridge".into()],
            transports: Default::default(),
            network: None,
        };
        assert!(matches!(client(&settings, None), Err(TorError::Config(_))));
        settings.bridges.clear();
        settings.network = Some("[storage]\n".into());
        assert!(matches!(client(&settings, None), Err(TorError::Config(why)) if why.contains("storage")));
    }
}
