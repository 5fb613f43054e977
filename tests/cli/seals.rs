//! A sealed grid: who has the group key works as ever, who has not sees nothing and is told so.

use anteroom::{
    keys,
    record::{Epoch, GridSecret, GroupKey, GroupKeys},
};

use crate::{
    network::{Network, eventually, introducers, unlabelled},
    program::{Ended, Place},
};

const NODE: [&str; 2] = ["--config", "node.toml"];
const SEALED: &str = "sealed = true\n[watch]\ntick_seconds = 1";
const GROUP: &str = "group_key = \"group.key\"";

fn done(ended: Ended) -> Ended {
    assert_eq!(ended.code, 0, "{}", ended.said);
    ended
}

fn fails(ended: &Ended, code: i32, why: &str) {
    assert_eq!(ended.code, code, "{}", ended.said);
    assert!(ended.said.contains(why), "{}", ended.said);
}

fn node(place: &Place, command: &[&str]) -> Ended {
    place.run(&[command, &NODE].concat())
}

fn id(place: &Place) -> String {
    node(place, &["node", "show", "--json"]).json()["node"].as_str().unwrap().to_owned()
}

/// A network whose node has a group key, and whose introducer keeps sealed records alone.
fn sealed() -> Network {
    let mut network = Network::new(&[1]);
    network.serve(1, SEALED);
    done(network.node.run(&["grid", "seal", "init", "--out", "group.key"]));
    keys::create_grid(&network.node.path("grid.key"), &GridSecret::from_seed([1; 32])).unwrap();
    network.node.configure("storage", &format!("{}\nnickname = \"cellar\"\n{GROUP}", introducers(&[1])));
    network
}

/// Another member on the same network, with a key of its own and this one's group key.
fn friend(network: &Network) -> Place {
    let place = Place::with_node("");
    place.configure("storage", &format!("{}\n{GROUP}", introducers(&[1])));
    let socks = format!("socks = {:?}", network.node.path("socks"));
    place.write("node.toml", &place.read("node.toml").replace("socks = \"socks\"", &socks));
    let group = keys::load_group(&network.node.path("group.key")).unwrap();
    keys::create_group(&place.path("group.key"), &group).unwrap();
    place
}

#[test]
fn members_publish_list_look_up_watch_and_withdraw_as_ever() {
    let mut network = sealed();
    let place = &network.node;
    let mut watch = place.start(&["watch", "--config", "node.toml", "--service", "storage", "--json"], "watch");
    let told = |what: &str| {
        eventually(what, || place.read("watch.out").contains(what).then_some(()));
    };
    told("caught_up");
    let published = done(node(place, &["node", "publish", "--json"])).json()["record"].clone();
    assert_eq!((&published["nickname"], published["services"].as_array().unwrap().len()), (&"cellar".into(), 1));
    told("\"nickname\":\"cellar\"");

    let listed = done(node(place, &["list", "--service", "storage", "--json"]));
    assert_eq!(unlabelled(listed.json()), published);
    assert_eq!(done(node(place, &["list", "--service", "other"])).out, "");
    let found = done(node(place, &["lookup", &id(place), "--json"])).json()["record"].take();
    assert_eq!(unlabelled(found), published);
    done(node(place, &["node", "publish", "--json"]));

    assert_eq!(done(node(place, &["node", "withdraw", "--json"])).json()["record"]["withdrawn"], true);
    told("\"withdrawn\":true");
    assert_eq!(done(node(place, &["list"])).out, "");
    watch.kill().unwrap();
    watch.wait().unwrap();

    // A lost counter goes on from what the introducer knows, which can't read it.
    network.lose_counter();
    assert_eq!(done(node(&network.node, &["node", "publish", "--json"])).json()["record"]["seq"], 4);
    network.end(1);
}

#[test]
fn who_has_not_the_right_group_key_sees_nothing_and_is_told() {
    let network = sealed();
    let place = &network.node;
    done(node(place, &["node", "publish"]));
    let id = id(place);

    let configure = |extra: &str| place.configure("storage", &format!("{}\n{extra}", introducers(&[1])));
    configure("group_key = \"other.key\"");
    let other = GroupKeys::new(GroupKey::new(Epoch::MIN, [7; 32]));
    keys::create_group(&place.path("other.key"), &other).unwrap();
    let listed = done(node(place, &["list"]));
    assert_eq!(listed.out, "");
    assert!(listed.said.contains("1 sealed under another group key than yours"), "{}", listed.said);
    assert_eq!(done(node(place, &["list", "--service", "storage"])).out, "");
    fails(&node(place, &["lookup", &id]), 6, "sealed under another group key than yours");

    // Without any: the introducer refuses what is in clear, and what is sealed can't be read.
    configure("");
    fails(&node(place, &["node", "publish"]), 3, "the grid is sealed and the record is not");
    let listed = done(node(place, &["list"]));
    assert!(listed.out.is_empty() && listed.said.contains("1 sealed without"), "{}", listed.said);
}

#[test]
fn a_sealed_record_may_be_signed_elsewhere_and_its_file_tells_nothing() {
    let network = sealed();
    let place = &network.node;
    done(node(place, &["node", "sign", "--out", "record"]));
    let file = place.read("record");
    assert!(!file.contains("cellar") && !file.contains("onion") && !file.contains("storage"), "{file}");
    fails(&place.run(&["node", "show", "--record", "record"]), 2, "it is sealed");
    let shown = done(node(place, &["node", "show", "--record", "record", "--json"]));
    assert_eq!(shown.json()["nickname"], "cellar");
    done(node(place, &["node", "publish", "--record", "record"]));
    assert_eq!(done(node(place, &["list", "--json"])).json(), shown.json());

    // What is in clear does not leave the machine where the grid is sealed.
    place.configure("storage", &introducers(&[1]));
    done(node(place, &["node", "sign", "--out", "clear"]));
    place.configure("storage", &format!("{}\n{GROUP}", introducers(&[1])));
    fails(&node(place, &["node", "publish", "--record", "clear"]), 2, "the record is in clear");
}

#[test]
fn a_new_epoch_reaches_those_who_are_left_and_nobody_else() {
    let network = sealed();
    let place = &network.node;
    let (staying, leaving) = (friend(&network), friend(&network));
    for member in [place, &staying, &leaving] {
        done(node(member, &["node", "publish"]));
    }
    let listed = |place: &Place| done(node(place, &["list", "--service", "storage", "--json"])).out.lines().count();
    assert_eq!([place, &staying, &leaving].map(listed), [3, 3, 3]);
    let fetched = done(node(place, &["node", "rekey"]));
    assert!(fetched.said.contains("the grid is in its first epoch"), "{}", fetched.said);

    let (own, friend) = (id(place), id(&staying));
    let rekey = |more: &[&str]| {
        let arguments = ["grid", "seal", "rekey", "--key", "grid.key", "--group", "group.key", "--out", "epoch"];
        place.run(&[&arguments[..], &[own.as_str(), friend.as_str()], more].concat())
    };
    // Nobody who is out gets it.
    done(place.run(&["grid", "revoke", "--key", "grid.key", "--list", "revoked", &friend]));
    fails(&rekey(&["--list", "revoked"]), 2, "is revoked");
    assert!(done(rekey(&[])).out.starts_with("epoch 2, number 1"));
    let bring = |place: &Place| node(place, &["grid", "publish", "--epoch", "epoch"]);
    done(bring(place));
    done(bring(place));

    // Nodes that publish fetch it, and read both epochs; who is left out reads the old one.
    let published = done(node(place, &["node", "publish"]));
    assert!(published.said.contains("accepted"), "{}", published.said);
    let published = done(node(&staying, &["node", "publish"]));
    assert!(published.said.contains("The grid has a new key, of epoch 2"), "{}", published.said);
    assert_eq!(staying.read("group.key").lines().count(), 3, "a comment and two keys");
    assert_eq!([place, &staying, &leaving].map(listed), [3, 3, 1]);
    let told = done(node(&leaving, &["list", "--service", "storage"])).said;
    assert!(told.contains("The newest key of this grid is of epoch 2"), "who asks by a tag is told, too: {told}");
    let told = done(node(&leaving, &["list"])).said;
    assert!(told.contains("2 sealed under the group key of another epoch"), "{told}");
    fails(&node(&leaving, &["node", "rekey"]), 3, "it holds no key for this member");
    let published = done(node(&leaving, &["node", "publish"]));
    assert!(published.said.contains("it holds no key for this member"), "{}", published.said);

    // A renewal is the same key with a later date.
    let renewed = done(rekey(&["--renew"]));
    assert!(renewed.out.starts_with("epoch 2, number 2"), "{}", renewed.out);
    done(bring(place));
    assert!(done(node(&staying, &["node", "rekey"])).said.contains("Epoch 2 is the newest"));
    // The number of a document never goes back.
    std::fs::remove_file(place.path("epoch")).unwrap();
    assert!(done(rekey(&["--renew"])).out.starts_with("epoch 2, number 1"));
    fails(&bring(place), 3, "number 2 of this grid is in force");
}
