//! Running a grid: its key, who is let in, who is out.

use std::os::unix::fs::PermissionsExt as _;

use anteroom::{keys, record::GridSecret};

use crate::{
    network::{Network, introducers},
    program::{Ended, Place, grid},
};

const NODE: [&str; 2] = ["--config", "node.toml"];
const GRANTED: &str = "[admission]\npolicy = \"granted\"";

/// The key of the grid of all tests, without a passphrase.
fn write_key(place: &Place) {
    keys::create_grid(&place.path("grid.key"), &GridSecret::from_seed([1; 32])).unwrap();
}

fn passphrase(place: &Place, name: &str, text: &str, mode: u32) {
    place.write(name, text);
    std::fs::set_permissions(place.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

fn id(place: &Place) -> String {
    place.run(&["node", "show", "--config", "node.toml", "--json"]).json()["node"].as_str().unwrap().to_owned()
}

fn grant(place: &Place, id: &str, more: &[&str]) -> Ended {
    let arguments = ["grid", "grant", "--key", "grid.key", "--out", "node.grant", "--node", id];
    place.run(&[&arguments, more].concat())
}

fn revoke(place: &Place, more: &[&str]) -> Ended {
    place.run(&[&["grid", "revoke", "--key", "grid.key", "--list", "revoked"], more].concat())
}

fn done(ended: Ended) -> Ended {
    assert_eq!(ended.code, 0, "{}", ended.said);
    ended
}

fn fails(ended: &Ended, code: i32, why: &str) {
    assert_eq!(ended.code, code, "{}", ended.said);
    assert!(ended.said.contains(why), "{}", ended.said);
    assert!(!ended.said.contains("panicked"), "{}", ended.said);
}

#[test]
fn a_grids_key_is_made_under_a_passphrase_and_used_with_it() {
    let place = Place::with_node("");
    passphrase(&place, "words", "correct horse battery staple\n", 0o600);
    let init = ["grid", "init", "--out", "grid.key", "--json", "--passphrase-file"];
    let made = done(place.run(&[&init[..], &["words"]].concat()));
    let grid = made.json()["grid"].as_str().unwrap().to_owned();
    let file = place.read("grid.key");
    assert!(file.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") && !file.contains("gridsecret"));
    assert_eq!(std::fs::metadata(place.path("grid.key")).unwrap().permissions().mode() & 0o777, 0o600);
    fails(&place.run(&[&init[..], &["words"]].concat()), 2, "exists already");

    let node = id(&place);
    let more = ["--service", "storage", "--passphrase-file", "words"];
    assert!(done(grant(&place, &node, &more)).out.contains(&grid));
    let shown = done(place.run(&["grid", "show", "--grant", "node.grant", "--json"])).json();
    assert_eq!(
        (&shown["grid"], &shown["node"], &shown["services"][0]),
        (&grid.into(), &node.clone().into(), &"storage".into())
    );

    passphrase(&place, "wrong", "another long passphrase\n", 0o600);
    fails(&grant(&place, &node, &["--any-service", "--passphrase-file", "wrong"]), 2, "the passphrase is wrong");
    passphrase(&place, "open", "correct horse battery staple\n", 0o644);
    fails(
        &grant(&place, &node, &["--any-service", "--passphrase-file", "open"]),
        2,
        "can be read or written by others",
    );
    // Nobody at a terminal, and nothing handed over.
    let mut detached = std::process::Command::new("setsid");
    detached.arg("--wait").arg(env!("CARGO_BIN_EXE_anteroom")).current_dir(place.directory());
    detached.args(["grid", "grant", "--key", "grid.key", "--out", "x", "--any-service", "--node", &node]);
    let asked: Ended = detached.stdin(std::process::Stdio::null()).output().expect("setsid is installed").into();
    fails(&asked, 1, "--passphrase-file or --passphrase-fd");
}

#[test]
fn a_passphrase_may_come_through_a_descriptor_and_must_be_long() {
    let place = Place::new();
    place.write("words", "correct horse battery staple");
    let run = |words: &str| -> Ended {
        place.write("words", words);
        let mut command = place.command(&["grid", "init", "--out", "grid.key", "--passphrase-fd", "0"]);
        command.stdin(std::fs::File::open(place.path("words")).unwrap()).output().unwrap().into()
    };
    fails(&run("short"), 2, "at least 12 characters");
    assert!(!place.path("grid.key").exists());
    done(run("correct horse battery staple\n"));
}

#[test]
fn strangers_stay_out_and_whoever_is_revoked_is_gone() {
    let mut network = Network::new(&[1]);
    network.serve(1, GRANTED);
    let publish = |network: &Network| network.node.run(&[&["node", "publish"], &NODE[..]].concat());
    let list = |network: &Network| network.node.run(&[&["list"], &NODE[..]].concat());
    fails(&publish(&network), 3, "only nodes with a grant may publish");

    let node = id(&network.node);
    write_key(&network.node);
    done(grant(&network.node, &node, &["--service", "storage", "--days", "2"]));
    network.node.configure("storage", &format!("{}\ngrant = \"node.grant\"\ngranted = true", introducers(&[1])));
    done(publish(&network));
    let listed = done(list(&network));
    assert!(listed.out.contains(&node));
    assert!(listed.said.contains("This grid is stale: no introducer that was asked has its list"), "{}", listed.said);
    assert!(done(network.node.run(&[&["about"], &NODE[..]].concat())).out.contains("whoever has a grant of this grid"));

    // A first list, with nobody on it.
    let bring = |network: &Network| network.node.run(&[&["grid", "publish", "--list", "revoked"], &NODE[..]].concat());
    done(revoke(&network.node, &[]));
    done(bring(&network));
    let listed = done(list(&network));
    assert!(listed.out.contains(&node) && !listed.said.contains("stale"), "{}", listed.said);

    assert!(done(revoke(&network.node, &[&node])).out.contains(&format!("{node} is out")));
    done(bring(&network));
    assert_eq!(done(list(&network)).out, "");
    fails(&publish(&network), 3, "was revoked");
    fails(&network.node.run(&[&["lookup", &node], &NODE[..]].concat()), 6, "lists this node");

    // Whoever loses the list goes on from the one in force.
    std::fs::remove_file(network.node.path("revoked")).unwrap();
    done(revoke(&network.node, &["--restore", &node]));
    fails(&bring(&network), 3, "number 2 of this grid is in force");
    let shown = network.node.run(&[&["grid", "show", "--json", "--out", "revoked"], &NODE[..]].concat());
    assert_eq!(done(shown).json()["revoked"][0]["node"], node.as_str());
    done(revoke(&network.node, &["--restore", &node]));
    done(bring(&network));
    assert!(done(list(&network)).out.contains(&node), "back in");
}

#[test]
fn an_overdue_list_is_told() {
    let mut network = Network::new(&[1]);
    network.serve(1, GRANTED);
    network.node.configure("storage", &format!("{}\ngranted = true", introducers(&[1])));
    let hour = anteroom::ambient::wall();
    let list = anteroom::grid::RevocationList {
        grid: grid(),
        seq: 1,
        issued: hour.minus_hours(50),
        next_update_hours: 24,
        revoked: Vec::new(),
    };
    let list = list.sign(&GridSecret::from_seed([1; 32])).unwrap();
    anteroom::armor::save(&network.node.path("revoked"), anteroom::armor::REVOCATIONS, "", list.bytes()).unwrap();
    done(network.node.run(&["grid", "publish", "--list", "revoked", "--config", "node.toml"]));
    let listed = done(network.node.run(&["list", "--config", "node.toml"]));
    assert!(listed.said.contains("its list of revoked nodes is overdue by 2"), "{}", listed.said);
}

#[test]
fn a_member_lets_in_others_as_far_as_it_may() {
    let place = Place::with_node("grant = \"node.grant\"");
    write_key(&place);
    let node = id(&place);
    done(grant(&place, &node, &["--service", "storage", "--service", "relay", "--links", "1"]));
    done(place.run(&["node", "keygen", "--out", "friend.key"]));
    let friend = place.read("friend.key");
    let friend = friend.lines().nth(1).unwrap().trim_start_matches("# ").to_owned();
    let below = |more: &[&str]| {
        let arguments = ["grid", "grant", "--node-key", "node.key", "--grant", "node.grant", "--out", "friend.grant"];
        place.run(&[&arguments[..], &["--node", &friend], more].concat())
    };
    let made = done(below(&["--service", "relay"]));
    assert!(made.out.contains(&format!("through {node}")), "{}", made.out);
    fails(&below(&["--any-service"]), 2, "more rights than its issuer has");
    fails(&below(&["--service", "relay", "--links", "1"]), 2, "more links than");
    fails(&below(&["--service", "relay", "--introducer"]), 2, "more rights than its issuer has");
    let foreign = ["grid", "grant", "--node-key", "friend.key", "--grant", "node.grant", "--out", "x.grant"];
    fails(&place.run(&[&foreign[..], &["--node", &node, "--any-service"]].concat()), 2, "for another key");
    // What exists and is something else is left alone.
    let over = ["grid", "grant", "--key", "grid.key", "--out", "node.key", "--any-service", "--node", &friend];
    fails(&place.run(&over), 2, "exists and is something else");
}

#[test]
fn a_record_rests_on_its_grant_and_ends_with_it() {
    let place = Place::with_node("grant = \"node.grant\"\nlifetime_hours = 720");
    let sign = || place.run(&["node", "sign", "--config", "node.toml", "--out", "record", "--json"]);
    fails(&sign(), 2, "can't read");
    write_key(&place);
    let node = id(&place);
    done(grant(&place, &node, &["--service", "storage", "--days", "2"]));
    let record = done(sign()).json();
    let hours = record["expires_hours"].as_u64().unwrap() - record["issued_hours"].as_u64().unwrap();
    assert!((46..=48).contains(&hours), "{hours}");

    done(grant(&place, &node, &["--service", "relay"]));
    fails(&sign(), 2, "does not allow the service `storage`");
    done(place.run(&["node", "sign", "--config", "node.toml", "--out", "record", "--withdraw"]));
    done(place.run(&["node", "keygen", "--out", "other.key"]));
    let other = place.read("other.key").lines().nth(1).unwrap().trim_start_matches("# ").to_owned();
    done(grant(&place, &other, &["--any-service"]));
    fails(&sign(), 2, "the grant is for another node");
    place.write("node.grant", "# anteroom grant, version 1\nAAAA\n");
    fails(&sign(), 2, "holds no grant");
}
