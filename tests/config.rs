//! The example files hold every key, parse, and tell the truth about the defaults; what is wrong is named.
#![cfg(all(feature = "server", feature = "client"))]
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that fails panics")]

#[cfg(test)]
#[path = "config/problems.rs"]
mod problems;

use std::path::Path;

use anteroom::{
    config::{
        self, ConfigError, GRID_PLACEHOLDER, INTRODUCER_TEMPLATE, IntroducerConfig, KeyProblem, LIFETIME_HOURS_DEFAULT,
        LookupRule, NODE_TEMPLATE, NodeConfig, OnionConfig, SOCKS_DEFAULT, TorConfig, WatchRule,
    },
    record::{AddressKinds, GridSecret},
};

const ONION: &str = "sgblgwu6s3qplltke246cgan4h4arjxufg7lx3zpjwt3vc3evl7byiid.onion:80";

fn grid() -> String {
    GridSecret::from_seed([1; 32]).id().to_string()
}

/// The template with every commented key in force. Prose has a space behind its `#`.
fn uncommented(template: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    let lines: Vec<String> = template.lines().map(line).collect();
    lines.join("\n").replace(GRID_PLACEHOLDER, &grid())
}

fn introducer(text: &str) -> Result<IntroducerConfig, ConfigError> {
    IntroducerConfig::parse(text, Path::new("etc/introducer.toml"))
}

fn node(text: &str) -> Result<NodeConfig, ConfigError> {
    NodeConfig::parse(text, Path::new("etc/node.toml"))
}

fn problem<T>(parsed: Result<T, ConfigError>) -> (String, KeyProblem) {
    match parsed.err().expect("this must not parse") {
        ConfigError::Key { file, key, problem } => {
            assert!(file.starts_with("etc"));
            assert!(!problem.hint().is_empty());
            (key, problem)
        }
        other => panic!("another error: {other}"),
    }
}

fn introducer_with(line: &str) -> Result<IntroducerConfig, ConfigError> {
    let head = format!("version = 1\ngrid = \"{}\"\nsocket = \"s\"\nstate = \"d\"\n", grid());
    introducer(&format!("{head}{line}\n"))
}

fn node_with(lines: &str) -> Result<NodeConfig, ConfigError> {
    node(&format!("version = 1\ngrid = \"{}\"\n{lines}\n", grid()))
}

fn service_with(lines: &str) -> Result<NodeConfig, ConfigError> {
    node_with(&format!("[[service]]\nname = \"storage\"\n{lines}"))
}

/// The keys a table knows, by its own word: the error for an unknown one lists them.
fn schema(table: &str, parse: &dyn Fn(&str) -> String) -> Vec<String> {
    let error = parse(&format!("{table}\nno-such-key = 1\n"));
    let list = error.split("expected").nth(1).expect("an error that lists the keys").to_owned();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn has_every_key(template: &str, tables: &[&str], parse: &dyn Fn(&str) -> String) {
    let text = uncommented(template);
    for table in tables {
        let keys = schema(table, parse);
        assert!(!keys.is_empty(), "{table}");
        let start = text.find(table).expect("the table is in the template") + table.len();
        let section = text[start..].split("\n[").next().unwrap();
        for key in keys {
            let as_key = section.lines().any(|line| line.starts_with(&format!("{key} = ")));
            let as_table = text.contains(&format!("[{key}]")) || text.contains(&format!("[service.{key}]"));
            assert!(as_key || as_table, "{table} {key} is not in the template");
        }
    }
}

#[test]
fn the_introducer_template_has_every_key() {
    let tables = ["", "[admission]", "[addresses]", "[lookup]", "[watch]", "[tor]", "[limits]"];
    let parse = |text: &str| introducer(text).err().unwrap().to_string();
    has_every_key(INTRODUCER_TEMPLATE, &tables, &parse);
}

#[test]
fn the_node_template_has_every_key() {
    let parse = |text: &str| node(text).err().unwrap().to_string();
    has_every_key(NODE_TEMPLATE, &["", "[addresses]", "[[service]]"], &parse);
}

#[test]
fn the_defaults_in_the_introducer_template_are_the_defaults() {
    let plain = introducer(&INTRODUCER_TEMPLATE.replace(GRID_PLACEHOLDER, &grid())).unwrap();
    let full = introducer(&uncommented(INTRODUCER_TEMPLATE)).unwrap();
    assert_eq!(full.carrier_uids, [110]);
    assert_eq!(plain.carrier_uids, [rustix::process::geteuid().as_raw()]);
    assert_eq!((full.tor.bridges.len(), full.tor.transports.len()), (1, 1));
    let tor = TorConfig { state: full.tor.state.clone(), ..plain.tor.clone() };
    let onion = OnionConfig { socks: None, ..full.onion.clone() };
    let carrier_uids = plain.carrier_uids.clone();
    assert_eq!((&plain.list, full.list.as_deref()), (&None, Some(Path::new("etc/members.list"))));
    assert_eq!((&plain.revocations, full.revocations.as_deref()), (&None, Some(Path::new("etc/revocations.list"))));
    assert_eq!(plain, IntroducerConfig { carrier_uids, tor, onion, list: None, revocations: None, ..full });
    assert_eq!(plain.socket, Path::new("etc/introducer.sock"));
    assert_eq!(plain.socket_mode, 0o660);
    assert_eq!(plain.lookup, LookupRule::Prefix);
    assert_eq!(plain.watch, WatchRule::Tick { seconds: 60 });
    assert_eq!(plain.policy.addresses, AddressKinds::default());
}

#[test]
fn the_defaults_are_the_named_constants() {
    let config = introducer(&uncommented(INTRODUCER_TEMPLATE)).unwrap();
    let (policy, limits) = (&config.policy, &config.limits);
    assert_eq!(policy.records_max, config::RECORDS_MAX_DEFAULT);
    assert_eq!(policy.new_keys_per_hour_max, config::NEW_KEYS_PER_HOUR_MAX_DEFAULT);
    assert_eq!(policy.updates_per_key_per_hour_max, config::UPDATES_PER_KEY_PER_HOUR_MAX_DEFAULT);
    assert_eq!(policy.verifications_per_second_max, config::VERIFICATIONS_PER_SECOND_MAX_DEFAULT);
    assert_eq!(policy.evidence_max, config::EVIDENCE_MAX_DEFAULT);
    assert_eq!(policy.records_per_issuer_max, config::RECORDS_PER_ISSUER_MAX_DEFAULT);
    assert_eq!(limits.store_bytes_max, config::STORE_BYTES_MAX_DEFAULT);
    assert_eq!(limits.streams_max, config::STREAMS_MAX_DEFAULT);
    assert_eq!(limits.streams_per_circuit_max, config::STREAMS_PER_CIRCUIT_MAX_DEFAULT);
    assert_eq!(limits.circuits_max, config::CIRCUITS_MAX_DEFAULT);
    assert_eq!(limits.watchers_max, config::WATCHERS_MAX_DEFAULT);
    assert_eq!(limits.bandwidth_kib_per_second_max, config::BANDWIDTH_KIB_PER_SECOND_MAX_DEFAULT);
    let per_circuit = limits.bandwidth_per_circuit_kib_per_second_max;
    assert_eq!(per_circuit, config::BANDWIDTH_PER_CIRCUIT_KIB_PER_SECOND_MAX_DEFAULT);
    assert_eq!(config.watch, WatchRule::Tick { seconds: config::TICK_SECONDS_DEFAULT });
    let head = format!("version = 1\ngrid = \"{}\"\n", grid());
    let bare = introducer(&format!("{head}socket = \"introducer.sock\"\nstate = \"state\"\n")).unwrap();
    let (tor, onion) = (bare.tor.clone(), bare.onion.clone());
    let carrier_uids = bare.carrier_uids.clone();
    assert_eq!(bare, IntroducerConfig { carrier_uids, tor, onion, list: None, revocations: None, ..config });
}

#[test]
fn the_defaults_in_the_node_template_are_the_defaults() {
    let plain = node(&NODE_TEMPLATE.replace(GRID_PLACEHOLDER, &grid())).unwrap();
    let full = node(&uncommented(NODE_TEMPLATE)).unwrap();
    assert_eq!((plain.lifetime, plain.addresses), (full.lifetime, full.addresses));
    assert_eq!((plain.socks, full.socks.as_deref()), (None, Some(Path::new(SOCKS_DEFAULT))));
    assert_eq!(plain.tor.state, full.tor.state);
    assert_eq!(plain.lifetime.hours(), LIFETIME_HOURS_DEFAULT);
    assert_eq!(plain.addresses, AddressKinds::default());
    assert!(plain.key.is_none() && plain.services.is_empty() && plain.introducers.is_empty());
    assert_eq!((full.services.len(), full.introducers.len()), (1, 0));
    assert_eq!(full.key.as_deref(), Some(Path::new("etc/node.key")));
    assert_eq!((plain.group_key, full.group_key.as_deref()), (None, Some(Path::new("etc/group.key"))));
}

#[test]
fn what_an_introducer_can_not_have_is_named() {
    let (key, problem_of) = problem(introducer("socket = \"s\""));
    assert_eq!((key.as_str(), problem_of), ("version", KeyProblem::Missing { add: "version = 1" }));
    assert_eq!(problem(introducer("version = 2")).1, KeyProblem::Version(2));
    assert_eq!(problem(introducer("version = 1")).0, "grid");
    assert!(matches!(problem(introducer("version = 1\ngrid = \"grid1x\"")).1, KeyProblem::Grid(_)));
    for template in [problem(introducer(INTRODUCER_TEMPLATE)).1, problem(node(NODE_TEMPLATE)).1] {
        assert_eq!(template, KeyProblem::Placeholder);
    }
    let head = format!("version = 1\ngrid = \"{}\"\n", grid());
    assert_eq!(problem(introducer(&head)).0, "state");
    assert_eq!(problem(introducer(&format!("{head}state = \"s\""))).0, "socket");
    for (line, key) in [
        ("socket_mode = \"660x\"", "socket_mode"),
        ("socket_mode = \"0888\"", "socket_mode"),
        ("socket_mode = \"+660\"", "socket_mode"),
        ("socket_mode = \"4660\"", "socket_mode"),
        ("carrier_uids = []", "carrier_uids"),
        ("[admission]\npolicy = \"everybody\"", "admission.policy"),
        ("[lookup]\nmode = \"\"", "lookup.mode"),
        ("[watch]\ndelivery = \"now\"", "watch.delivery"),
        ("[watch]\ntick_seconds = 0", "watch.tick_seconds"),
        ("[watch]\ntick_seconds = 65536", "watch.tick_seconds"),
        ("[limits]\nrecords_max = -1", "limits.records_max"),
        ("[limits]\nstore_bytes_max = 1", "limits.store_bytes_max"),
        ("[limits]\nstreams_max = 0", "limits.streams_max"),
        ("[limits]\nbandwidth_kib_per_second_max = 1", "limits.bandwidth_kib_per_second_max"),
    ] {
        assert_eq!(problem(introducer_with(line)).0, key, "{line}");
    }
    let long = format!("version = 1\ngrid = \"{}\"\nstate = \"d\"\nsocket = \"/{}\"", grid(), "s".repeat(107));
    assert_eq!(problem(introducer(&long)).1, KeyProblem::SocketPathTooLong);
}

#[test]
fn an_error_of_the_schema_names_file_line_and_key() {
    let error = introducer_with("sokcet_mode = \"0660\"").err().unwrap();
    let text = error.to_string();
    for part in ["etc/introducer.toml", "line 5", "sokcet_mode", "socket_mode"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(matches!(introducer_with("[limits]\nstreams_max = \"many\""), Err(ConfigError::Schema { .. })));
    assert!(matches!(introducer_with("carrier_uids = [-1]"), Err(ConfigError::Schema { .. })));
    assert!(matches!(introducer_with("state = \"twice\""), Err(ConfigError::Schema { .. })));
}

#[test]
fn addresses_come_from_the_operator_and_from_nowhere_else() {
    let (key, missing) = problem(service_with(""));
    assert_eq!((key.as_str(), &missing), ("service `storage`, addresses", &KeyProblem::NoAddress));
    assert!(missing.hint().contains("nowhere else"));
    for auto in ["auto", "*", "*:80", "0.0.0.0:80", "[::]:80", "127.0.0.1:80", "192.168.1.2:80", "localhost:80", ":80"]
    {
        let (key, problem) = problem(service_with(&format!("addresses = [\"{auto}\"]")));
        assert_eq!(key, "service `storage`, addresses[1]");
        assert!(matches!(problem, KeyProblem::Address(_)), "{auto}");
        assert!(problem.hint().contains("no wildcard and no `auto`"));
    }
}

#[test]
fn clearnet_must_be_called_public_and_be_admitted() {
    let found = problem(service_with("addresses = [\"example.org:80\"]")).1;
    assert_eq!(found, KeyProblem::ClearnetAmongAddresses);
    assert!(found.hint().contains("public_addresses"));
    let public = "public_addresses = [\"example.org:80\"]";
    assert_eq!(problem(service_with(public)).1, KeyProblem::ClearnetNotAdmitted);
    let admitted =
        |lines: &str| node_with(&format!("[addresses]\nclearnet = true\n[[service]]\nname = \"storage\"\n{lines}"));
    assert_eq!(admitted(public).unwrap().services[0].addresses.len(), 1);
    let onion = format!("public_addresses = [\"{ONION}\"]");
    assert_eq!(problem(admitted(&onion)).1, KeyProblem::PublicNotClearnet);
    let hidden = "addresses = [\"example.org:80\"]";
    assert_eq!(problem(admitted(hidden)).1, KeyProblem::ClearnetAmongAddresses);
}

#[test]
fn what_a_node_can_not_have_is_named() {
    let twice = format!("introducers = [\"{ONION}\", \"{ONION}\"]");
    let service = format!("addresses = [\"{ONION}\"]");
    let two = format!("{service}\n[[service]]\nname = \"storage\"\n{service}");
    for (parsed, key) in [
        (node_with("introducers = [\"example.org:80\"]"), "introducers[1]"),
        (node_with("introducers = [\"x.onion:80\"]"), "introducers[1]"),
        (node_with(&twice), "introducers[2]"),
        (node_with("lifetime_hours = 0"), "lifetime_hours"),
        (node_with("lifetime_hours = 721"), "lifetime_hours"),
        (node_with("nickname = \"\""), "nickname"),
        (node_with("nickname = \"a\\u001bb\""), "nickname"),
        (node_with("[[service]]"), "service[1].name"),
        (node_with("[[service]]\nname = \"Storage\""), "service[1].name"),
        (service_with(&two), "service[2].name"),
        (service_with(&format!("{service}\nversion = -1")), "service `storage`, version"),
        (service_with(&format!("{service}\n[service.attributes]\nA = \"b\"")), "service `storage`, attributes.A"),
    ] {
        assert_eq!(problem(parsed).0, key);
    }
}

#[test]
fn services_are_sorted_by_name() {
    let service = |name| format!("[[service]]\nname = \"{name}\"\naddresses = [\"{ONION}\"]\n");
    let config = node_with(&[service("b"), service("a"), service("c")].concat()).unwrap();
    let names: Vec<_> = config.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}
