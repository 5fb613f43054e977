//! `anteroom serve` in a directory that is empty, or nearly.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use anteroom::{config::IntroducerConfig, keys, record::GridSecret};
use tempfile::TempDir;

use super::process::signal;
use crate::support::introducer::{exists, require, unshare, until};

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::Builder::new().prefix("anteroom-").tempdir().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// In a network namespace of its own, where Tor gets nowhere.
    fn command(&self, arguments: &[&str]) -> Command {
        require("unshare");
        let words = unshare("n");
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(env!("CARGO_BIN_EXE_anteroom")).arg("serve").args(arguments);
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn refused(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// Starts and waits until the introducer is ready.
    fn serve(&self, arguments: &[&str]) -> Child {
        let file = |name: &str| fs::File::create(self.path(name)).expect("a file");
        let mut child =
            self.command(arguments).stdout(file("out")).stderr(file("said")).spawn().expect("the program starts");
        until("the introducer is ready", || {
            let ended = child.try_wait().expect("a child");
            assert!(ended.is_none(), "serve ended ({ended:?}):\n{}", self.read("said"));
            self.read("said").contains("ready records=")
        });
        child
    }

    fn stop(&self, mut child: Child) {
        signal(child.id(), "-TERM");
        until("serve has ended", || child.try_wait().expect("a child").is_some());
        assert!(child.wait().expect("a child").success(), "{}", self.read("said"));
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn an_empty_directory_becomes_an_open_grid_and_stays_it() {
    let place = Place::new();
    let child = place.serve(&[]);
    let (key, config) = (place.path("grid.key"), place.path("introducer.toml"));
    let grid = keys::load_grid(&key).expect("a key").id();
    assert_eq!(mode(&key), 0o600);
    assert_eq!(IntroducerConfig::load(&config).expect("a configuration").grid(), grid);
    let said = place.read("said");
    let here = place.0.path().display().to_string();
    for told in [&grid.to_string(), &here, "introducer.toml", "Move grid.key to another machine", "when it is lost"] {
        assert!(said.contains(told), "{told} is not in:\n{said}");
    }
    place.stop(child);
    let before = (place.read("grid.key"), place.read("introducer.toml"));

    let child = place.serve(&[]);
    place.stop(child);
    assert_eq!((place.read("grid.key"), place.read("introducer.toml")), before);
    assert!(!place.read("said").contains("grid.key"), "it is told once");
}

#[test]
fn a_key_that_is_there_is_the_grids() {
    let place = Place::new();
    let secret = GridSecret::from_seed([7; 32]);
    keys::create_grid(&place.path("grid.key"), &secret).expect("a key");
    let before = place.read("grid.key");
    let child = place.serve(&[]);
    place.stop(child);
    assert_eq!(place.read("grid.key"), before);
    let config = IntroducerConfig::load(&place.path("introducer.toml")).expect("a configuration");
    assert_eq!(config.grid(), secret.id());
}

#[test]
fn a_key_that_can_not_be_used_is_not_replaced() {
    let place = Place::new();
    fs::write(place.path("grid.key"), "not a key").expect("a file");
    fs::set_permissions(place.path("grid.key"), fs::Permissions::from_mode(0o600)).expect("a file");
    let refused = place.refused(&[]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("anteroom init introducer --grid"), "what to do with one under a passphrase: {said}");
    assert_eq!(place.read("grid.key"), "not a key");
    assert!(!exists(&place.path("introducer.toml")), "nothing was made");
}

#[test]
fn a_named_configuration_is_never_made() {
    let place = Place::new();
    let refused = place.refused(&["--config", "other.toml"]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(fs::read_dir(place.0.path()).expect("a directory").count(), 0, "nothing was made");
}

fn configure(place: &Place, lines: &str) {
    let grid = GridSecret::from_seed([7; 32]).id();
    let text = format!("version = 1\ngrid = \"{grid}\"\nsocket = \"a b.sock\"\nstate = \"state\"\n{lines}\n");
    fs::write(place.path("introducer.toml"), text).expect("a configuration");
}

#[test]
fn with_an_external_carrier_the_lines_for_torrc_are_data() {
    let place = Place::new();
    configure(&place, "carrier = \"external\"\n[tor]\nport = 8080\n[limits]\nstreams_per_circuit_max = 5");
    let here = place.0.path().display();
    let expected = [
        "HiddenServiceDir /var/lib/tor/anteroom".to_owned(),
        format!("HiddenServicePort 8080 unix:\"{here}/a b.sock\""),
        "HiddenServiceExportCircuitID haproxy".to_owned(),
        "HiddenServiceMaxStreams 10".to_owned(),
    ];
    let child = place.serve(&[]);
    place.stop(child);
    assert_eq!(place.read("out").lines().collect::<Vec<_>>(), expected);

    let child = place.serve(&["--json"]);
    let pid = child.id();
    place.stop(child);
    let events: Vec<serde_json::Value> =
        place.read("out").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(events[0], serde_json::json!({ "event": "torrc", "lines": expected }));
    assert_eq!((&events[1]["event"], &events[1]["child"]), (&"started".into(), &"introducer".into()));
    assert_ne!(events[1]["pid"], pid);
    assert_eq!(events.len(), 2, "{events:?}");
}

#[test]
fn a_carrier_that_would_be_turned_away_is_not_started() {
    let place = Place::new();
    configure(&place, "carrier_uids = [4242]");
    let refused = place.refused(&[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2));
    let told = if cfg!(feature = "carrier-tor") { "`carrier_uids`" } else { "carrier = \"external\"" };
    assert!(said.contains(told), "{said}");
    assert!(!exists(&place.path("a b.sock")));
}
