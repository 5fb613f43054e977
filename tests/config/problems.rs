//! Every problem with a configuration, told by file, key and remedy.

use std::{collections::BTreeSet, fs, path::Path};

use anteroom::config::{ConfigError, IntroducerConfig, NodeConfig};

use crate::{grid, introducer, node};

const SOURCE: &str = include_str!("../../src/config/problem.rs");
const ONION: &str = "sgblgwu6s3qplltke246cgan4h4arjxufg7lx3zpjwt3vc3evl7byiid.onion";

/// A good file of a node.
fn node_text() -> String {
    format!(
        "version = 1\ngrid = \"{}\"\nintroducers = [\"{ONION}:80\"]\nlifetime_hours = 24\n\
         [addresses]\nclearnet = false\n\
         [[service]]\nname = \"storage\"\naddresses = [\"{ONION}:1\"]\n",
        grid()
    )
}

/// A good file of an introducer.
fn introducer_text() -> String {
    format!(
        "version = 1\ngrid = \"{}\"\nsocket = \"s\"\nsocket_mode = \"0660\"\ncarrier_uids = [1]\nstate = \"state\"\n\
         [lookup]\nmode = \"prefix\"\n",
        grid()
    )
}

#[derive(Clone, Copy)]
enum File {
    Node,
    Introducer,
}
use File::{Introducer, Node};

/// A change to a good file, and what is told of it.
struct Fixture {
    problem: &'static str,
    file: File,
    from: &'static str,
    to: &'static str,
    /// How the message starts, behind the name of the file.
    key: &'static str,
    /// A part of message or hint.
    says: &'static str,
}

const fn fixture(
    problem: &'static str,
    file: File,
    (from, to): (&'static str, &'static str),
    key: &'static str,
    says: &'static str,
) -> Fixture {
    Fixture { problem, file, from, to, key, says }
}

const SERVICE: &str = "[[service]]\nname = \"storage\"\n";
const ADDRESSES: &str = "addresses = [\"sgblgwu6s3qplltke246cgan4h4arjxufg7lx3zpjwt3vc3evl7byiid.onion:1\"]";
const INTRODUCERS: &str = "introducers = [\"sgblgwu6s3qplltke246cgan4h4arjxufg7lx3zpjwt3vc3evl7byiid.onion:80\"]";
const SEVENTEEN: &str = "carrier_uids = [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]";
const LONG_PATH: &str = concat!(
    "socket = \"/run/0123456789012345678901234567890123456789012345678901234567890123456789",
    "0123456789012345678901234567890123456789/s\""
);

/// A list of nodes that has something wrong with it.
macro_rules! listed {
    ($list:literal) => {
        (
            "[lookup]",
            concat!(
                "[admission]\npolicy = \"listed\"\nlist = \"",
                env!("CARGO_MANIFEST_DIR"),
                "/tests/config/lists/",
                $list,
                "\"\n[lookup]"
            ),
        )
    };
}

const FIXTURES: &[Fixture] = &[
    fixture(
        "Missing",
        Introducer,
        ("[lookup]", "[admission]\npolicy = \"listed\"\n[lookup]"),
        "admission.list: missing",
        "add the line: list = ",
    ),
    fixture("Unreadable", Introducer, listed!("missing"), "admission.list: the file can't be read", "check the path"),
    fixture("NotAList", Introducer, listed!("binary"), "admission.list: the file is no list", "a text file"),
    fixture("ListNode", Introducer, listed!("node"), "admission.list: line 3: not the id of a node", "a node a line"),
    fixture("ListServices", Introducer, listed!("nothing"), "admission.list: line 1: not `any`", "or: node1… any"),
    fixture("ListServices", Introducer, listed!("service"), "admission.list: line 1: not `any`", "or: node1… any"),
    fixture("ListServices", Introducer, listed!("any-and-more"), "admission.list: line 1: not `any`", "or: node1… any"),
    fixture("ListTwice", Introducer, listed!("twice"), "admission.list: line 4: this node", "take one of the two"),
    fixture("Missing", Node, ("version = 1\n", ""), "version: missing", "add the line: version = 1"),
    fixture("Missing", Introducer, ("state = \"state\"\n", ""), "state: missing", "add the line: state = "),
    fixture("Missing", Introducer, ("socket = \"s\"\n", ""), "socket: missing", "add the line: socket = "),
    fixture("Missing", Node, ("name = \"storage\"\n", ""), "service[1].name: missing", "add the line: name = "),
    fixture("Version", Node, ("version = 1", "version = 2"), "version: version 2 ", "reads version 1"),
    fixture("Grid", Node, ("grid = \"grid1", "grid = \"grid1x"), "grid: not the id of a grid", "copy the id again"),
    fixture(
        "Placeholder",
        Node,
        ("grid = \"", "grid = \"@GRID@\" #"),
        "grid: the id of the grid is not filled in",
        "keygen",
    ),
    fixture("Choice", Introducer, ("\"prefix\"", "\"all\""), "lookup.mode: not one of", "\"prefix\", \"exact\""),
    fixture(
        "Choice",
        Introducer,
        ("state =", "sandbox = \"most\"\nstate ="),
        "sandbox: not one of",
        "\"strict\", \"kill\"",
    ),
    fixture("Choice", Node, ("grid =", "sandbox = \"\"\ngrid ="), "sandbox: not one of", "\"seccomp\", \"off\""),
    fixture("Range", Node, ("hours = 24", "hours = 721"), "lifetime_hours: must be a number from 1 to 720", "default"),
    fixture("Range", Node, ("hours = 24", "hours = -1"), "lifetime_hours: must be a number from 1 to 720", "default"),
    fixture("Mode", Introducer, ("\"0660\"", "\"rw-rw----\""), "socket_mode: not a file mode", "\"0660\""),
    fixture("Mode", Introducer, ("\"0660\"", "\"1777\""), "socket_mode: not a file mode", "octal"),
    fixture("SocketPathTooLong", Introducer, ("socket = \"s\"", LONG_PATH), "socket: the path", "shorter path"),
    fixture("NoCarrier", Introducer, ("[1]", "[]"), "carrier_uids: nobody may connect", "id -u debian-tor"),
    fixture("TooMany", Introducer, ("carrier_uids = [1]", SEVENTEEN), "carrier_uids: at most 16", "take some out"),
    fixture(
        "Twice",
        Node,
        (
            SERVICE,
            concat!(
                "[[service]]\nname = \"storage\"\naddresses = [\"",
                "sgblgwu6s3qplltke246cgan4h4arjxufg7lx3zpjwt3vc3evl7byiid.onion:2\"]\n[[service]]\nname = \"storage\"\n"
            ),
        ),
        "service[2].name: this is there twice",
        "take one of the two out",
    ),
    fixture(
        "Address",
        Node,
        (".onion:1\"", ".onion\""),
        "service `storage`, addresses[1]: it must end in `:port`",
        "addresses come from this file and from nowhere else",
    ),
    fixture("Introducer", Node, (".onion:80", ".onion"), "introducers[1]: it must end in `:port`", ".onion:80"),
    fixture(
        "ClearnetIntroducer",
        Node,
        (INTRODUCERS, "introducers = [\"meet.example.org:80\"]"),
        "introducers[1]: an introducer is reached by",
        "ask the introducer's operator",
    ),
    fixture(
        "NoAddress",
        Node,
        (ADDRESSES, "addresses = []"),
        "service `storage`, addresses: a service needs",
        "type the address",
    ),
    fixture(
        "ClearnetAmongAddresses",
        Node,
        (ADDRESSES, "addresses = [\"store.example.org:1\"]"),
        "service `storage`, addresses[1]: this is an address on the open internet",
        "`public_addresses`",
    ),
    fixture(
        "ClearnetNotAdmitted",
        Node,
        (ADDRESSES, "public_addresses = [\"store.example.org:1\"]"),
        "service `storage`, public_addresses[1]: this grid admits no addresses",
        "`clearnet = true` in [addresses]",
    ),
    fixture(
        "PublicNotClearnet",
        Node,
        (
            ADDRESSES,
            concat!("public_addresses = [\"", "sgblgwu6s3qplltke246cgan4h4arjxufg7lx3zpjwt3vc3evl7byiid.onion:1\"]"),
        ),
        "service `storage`, public_addresses[1]: only addresses on the open internet",
        "write it in `addresses`",
    ),
    fixture(
        "Loopback",
        Introducer,
        ("[lookup]\n", "[tor]\ntransports = { obfs4 = \"192.0.2.1:9\" }\n[lookup]\n"),
        "tor.transports.obfs4: not on this machine's loopback",
        "as a service of its own",
    ),
    fixture(
        "ServiceOnly",
        Node,
        ("[addresses]\n", "[tor]\nport = 80\n[addresses]\n"),
        "tor.port: only an introducer has an onion service",
        "torrc of the node",
    ),
    fixture("Claim", Node, ("\"storage\"", "\"Storage\""), "service[1].name: ", "change the value"),
];

/// Message and hint of what must be wrong.
fn told(file: File, text: &str) -> (ConfigError, String) {
    let error = match file {
        Node => node(text).map(drop),
        Introducer => introducer(text).and_then(|config| config.read_list(Path::new("etc/introducer.toml"))).map(drop),
    };
    let error = error.expect_err(text);
    let told = format!("{error}\n{}", error.hint());
    (error, told)
}

fn good(file: File) -> String {
    match file {
        Node => node_text(),
        Introducer => introducer_text(),
    }
}

/// What follows `enum KeyProblem` up to its end, the names alone.
fn variants() -> BTreeSet<&'static str> {
    let (_, rest) = SOURCE.split_once("pub enum KeyProblem {").expect("the enum is there");
    let (body, _) = rest.split_once("\n}").expect("its end");
    let names = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = names.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    names.map(|line| line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()).collect()
}

#[test]
fn the_good_files_are_good() {
    node(&node_text()).expect("a good file");
    introducer(&introducer_text()).expect("a good file");
}

#[test]
fn every_problem_is_told_with_its_key_and_a_remedy() {
    for Fixture { problem, file, from, to, key, says } in FIXTURES {
        let good = good(*file);
        assert!(good.contains(from), "{from}");
        let (error, told) = told(*file, &good.replacen(from, to, 1));
        let ConfigError::Key { problem: found, .. } = &error else { panic!("{to}: {told}") };
        assert_eq!(format!("{found:?}").split([' ', '(']).next(), Some(*problem), "{to}: {told}");
        assert!(told.starts_with("etc/") && told.contains(&format!(".toml: {key}")), "{to}: {told}");
        assert!(told.contains(says), "{to}: {told}");
    }
}

#[test]
fn every_problem_has_a_fixture() {
    let (tested, known): (BTreeSet<_>, _) = (FIXTURES.iter().map(|fixture| fixture.problem).collect(), variants());
    assert!(known.len() > 10, "the enum was not read: {known:?}");
    assert_eq!(tested, known, "a problem without a fixture");
}

#[test]
fn a_key_that_does_not_exist_is_named_with_those_that_do() {
    let tables = [
        (Node, "version = 1", "surprise = 1\nversion = 1"),
        (Node, "clearnet = false", "surprise = 1"),
        (Node, "name = \"storage\"", "surprise = 1"),
        (Introducer, "version = 1", "surprise = 1\nversion = 1"),
        (Introducer, "mode = \"prefix\"", "surprise = 1"),
        (Introducer, "[lookup]\n", "[watch]\nsurprise = 1\n[lookup]\n"),
        (Introducer, "[lookup]\n", "[tor]\nsurprise = 1\n[lookup]\n"),
        (Introducer, "[lookup]\n", "[limits]\nsurprise = 1\n[lookup]\n"),
        (Introducer, "[lookup]\n", "[addresses]\nsurprise = 1\n[lookup]\n"),
        (Introducer, "[lookup]\n", "[admission]\nsurprise = 1\n[lookup]\n"),
    ];
    for (file, from, to) in tables {
        let (error, told) = told(file, &good(file).replacen(from, to, 1));
        assert!(matches!(error, ConfigError::Schema { .. }));
        assert!(told.contains("unknown field `surprise`, expected") && told.contains("line "), "{told}");
        assert!(told.contains("anteroom init"), "{told}");
    }
}

#[test]
fn a_value_of_another_type_is_shown_with_its_line() {
    let wrong = [
        (Node, "version = 1", "version = \"1\""),
        (Node, "lifetime_hours = 24", "lifetime_hours = 24.5"),
        (Node, "clearnet = false", "clearnet = \"no\""),
        (Node, ADDRESSES, "addresses = \"*\""),
        (Introducer, "socket_mode = \"0660\"", "socket_mode = 0o660"),
        (Introducer, "carrier_uids = [1]", "carrier_uids = [-1]"),
        (Introducer, "carrier_uids = [1]", "carrier_uids = \"debian-tor\""),
        (Introducer, "mode = \"prefix\"", "mode = 8"),
    ];
    for (file, from, to) in wrong {
        let (error, told) = told(file, &good(file).replacen(from, to, 1));
        assert!(matches!(error, ConfigError::Schema { .. }), "{told}");
        assert!(told.contains(to.lines().next().unwrap_or_default()) && told.contains("line "), "{told}");
    }
}

#[test]
fn no_address_is_ever_guessed() {
    let text = node_text();
    // No port, no name, no machine of its own: in either list, whatever the grid admits.
    let refused = [
        "*",
        "*:80",
        "auto",
        "auto:80",
        "localhost:80",
        "0.0.0.0:80",
        "127.0.0.1:80",
        "10.0.0.1:80",
        "172.16.0.1:80",
        "192.168.1.1:80",
        "169.254.1.1:80",
        "100.64.0.1:80",
        "224.0.0.1:80",
        "255.255.255.255:80",
        "[::]:80",
        "[::1]:80",
        "[fe80::1]:80",
        "[fd00::1]:80",
        "[::ffff:10.0.0.1]:80",
        ":80",
        "",
        "printer.local:80",
    ];
    for address in refused {
        for list in ["addresses", "public_addresses"] {
            let changed = text
                .replace(ADDRESSES, &format!("{list} = [\"{address}\"]"))
                .replace("clearnet = false", "clearnet = true");
            let (error, told) = told(Node, &changed);
            assert!(matches!(error, ConfigError::Key { .. }), "{told}");
            assert!(told.contains("type the address of the onion service or I2P tunnel"), "{address}: {told}");
            assert!(told.contains("there is no wildcard and no `auto`"), "{address}: {told}");
        }
    }
}

#[test]
fn clearnet_takes_the_grids_word_and_the_operators() {
    let public = "public_addresses = [\"store.anteroom-test.org:1\", \"203.1.113.7:1\"]";
    let admitted = node_text().replace("clearnet = false", "clearnet = true");
    let config = node(&admitted.replace(ADDRESSES, public)).expect("both said yes");
    assert_eq!(config.services[0].addresses.len(), 2);
    // The grid's word alone does not make an address public.
    let (_, told) = told(Node, &admitted.replace(ADDRESSES, "addresses = [\"203.1.113.7:1\"]"));
    assert!(told.contains("it would tell everybody where this machine is"), "{told}");
}

#[test]
fn what_is_no_configuration_file_is_told_as_such() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let missing = directory.path().join("missing.toml");
    let error = NodeConfig::load(&missing).expect_err("there is none");
    assert!(error.to_string().starts_with("can't read ") && error.hint().contains("anteroom init"), "{error}");
    let error = NodeConfig::load(directory.path()).expect_err("a directory");
    assert!(error.hint().contains("text file"), "{error}");
    let large = directory.path().join("large.toml");
    fs::write(&large, "#".repeat(64 * 1024 + 1)).expect("a file");
    let error = IntroducerConfig::load(&large).expect_err("too large");
    assert!(matches!(error, ConfigError::TooLarge { .. }) && error.to_string().contains("64 KiB"), "{error}");
    fs::write(&large, [b'#', 0xff]).expect("a file");
    assert!(matches!(IntroducerConfig::load(&large), Err(ConfigError::Io { .. })));
}

#[test]
fn paths_are_seen_from_the_directory_of_the_file() {
    let config = introducer(&introducer_text()).expect("a good file");
    assert_eq!(config.state.to_str(), Some("etc/state"));
    assert_eq!(config.socket.to_str(), Some("etc/s"));
    let config = node(&node_text().replace("version = 1", "version = 1\nkey = \"/keys/k\"\nsocks = \"socks\""));
    let config = config.expect("a good file");
    assert_eq!(config.key.as_deref().and_then(|key| key.to_str()), Some("/keys/k"));
    assert_eq!(config.socks.as_deref(), Some(Path::new("etc/socks")));
}
