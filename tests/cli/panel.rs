//! Who is in, and by whose name: petnames, claims, and the panel of a grid.

use anteroom::{
    keys,
    record::{GridSecret, NodeSecret},
};

use crate::{
    network::{Network, eventually, introducers, onion},
    program::{Ended, Place},
};

const NODE: [&str; 2] = ["--config", "node.toml"];
const GRANTED: &str = "[admission]\npolicy = \"granted\"";
const READER: &str = "granted = true\npetnames = \"petnames\"";

fn done(ended: Ended) -> Ended {
    assert_eq!(ended.code, 0, "{}", ended.said);
    ended
}

/// Runs a command with the node's configuration.
fn run(network: &Network, command: &[&str]) -> Ended {
    network.node.run(&[command, &NODE].concat())
}

/// A node beside the first, with the same introducers: its id, and the option that names its configuration.
struct Other {
    id: String,
    config: String,
}

impl Other {
    fn new(place: &Place, number: u8, extra: &str) -> Self {
        let (key, config) = (format!("{number}.key"), format!("{number}.toml"));
        let secret = NodeSecret::from_seed([number; 32]);
        keys::create_node(&place.path(&key), &secret).unwrap();
        // What the first node says, with another key; `extra` stands before the first table.
        let text = place.read("node.toml").replace("node.key", &key).replacen(
            "[[service]]",
            &format!("{extra}\n[[service]]"),
            1,
        );
        place.write(&config, &text);
        Self { id: secret.id().to_string(), config }
    }

    fn publish(&self, network: &Network) {
        done(network.node.run(&["node", "publish", "--config", &self.config]));
    }

    fn calls_itself(&self, network: &Network, nickname: &str) {
        let text = network.node.read(&self.config);
        network.node.write(
            &self.config,
            &text.replacen("version = 1\n", &format!("version = 1\nnickname = {nickname:?}\n"), 1),
        );
    }
}

fn name(network: &Network, id: &str, petname: &str) {
    done(run(network, &["petname", "set", id, petname]));
}

#[test]
fn petnames_come_first_and_claims_are_shown_as_such() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    let place = &network.node;
    place.configure("storage", &format!("{}\npetnames = \"petnames\"", introducers(&[1])));
    let [bob, eve, mallory] = [11, 12, 13].map(|number| Other::new(place, number, ""));
    bob.calls_itself(&network, "cellar");
    eve.calls_itself(&network, "CELLAR");
    mallory.calls_itself(&network, "B0B");
    name(&network, &bob.id, "Bob");
    [&bob, &eve, &mallory].iter().for_each(|node| node.publish(&network));

    let listed = done(run(&network, &["list"]));
    assert!(listed.out.contains(&format!("{}  Bob, calls itself \"cellar\"", bob.id)), "{}", listed.out);
    assert!(listed.out.contains(&format!("{}  calls itself \"CELLAR\"", eve.id)), "{}", listed.out);
    assert!(listed.out.contains("is also claimed by"), "the second that is shown says so: {}", listed.out);
    assert!(listed.out.contains("! this is not Bob, whom you know"), "{}", listed.out);
    assert!(listed.said.contains("2 nodes call themselves"), "{}", listed.said);

    let listed = done(run(&network, &["list", "--json"]));
    let records: Vec<serde_json::Value> = listed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |other: &Other| records.iter().find(|record| record["node"] == other.id.as_str()).unwrap();
    assert_eq!((&of(&bob)["petname"], &of(&bob)["nickname"]), (&"Bob".into(), &"cellar".into()));
    assert_eq!(of(&mallory)["nickname_is_petname_of"], bob.id.as_str());
    assert_eq!(of(&eve)["petname"], serde_json::Value::Null);
    let counts: Vec<_> = [&bob, &eve].map(|node| of(node)["nickname_also_claimed_by_count"].as_u64().unwrap()).into();
    assert_eq!(counts.iter().sum::<u64>(), 1, "whoever is shown second: {counts:?}");

    let found = done(run(&network, &["lookup", "Bob"]));
    assert!(found.out.starts_with(&format!("{}  Bob, calls itself \"cellar\"\n", bob.id)), "{}", found.out);
    assert_eq!(done(run(&network, &["lookup", "Bob", "--json"])).json()["record"]["petname"], "Bob");
    assert_eq!(run(&network, &["lookup", "bob"]).code, 2, "a petname is taken to the letter");
    // What is written down to be carried elsewhere tells nobody whom the owner knows.
    done(network.node.run(&["node", "sign", "--config", &bob.config, "--out", "record"]));
    assert!(!network.node.read("record").contains("Bob"));
    let shown = done(network.node.run(&["node", "show", "--record", "record", "--petnames", "petnames"]));
    assert!(shown.out.contains("Bob, calls itself"), "{}", shown.out);
    let shown = done(network.node.run(&["node", "show", "--config", &bob.config]));
    assert!(shown.out.starts_with(&format!("{}  Bob\n", bob.id)), "{}", shown.out);
}

#[test]
fn who_watches_is_told_names_too() {
    let mut network = Network::new(&[1]);
    network.serve(1, "[watch]\ntick_seconds = 1");
    let place = &network.node;
    place.configure("storage", &format!("{}\npetnames = \"petnames\"", introducers(&[1])));
    let [bob, eve] = [11, 12].map(|number| Other::new(place, number, ""));
    bob.calls_itself(&network, "cellar");
    eve.calls_itself(&network, "cellar");
    name(&network, &bob.id, "Bob");
    let mut watch = network.node.start(&["watch", "--config", "node.toml"], "watch");
    eventually("the watcher is ready", || network.node.read("watch.said").contains("changes follow").then_some(()));
    let told = |what: &str| eventually(what, || network.node.read("watch.out").contains(what).then_some(()));
    bob.publish(&network);
    told("Bob, calls itself \"cellar\"");
    eve.publish(&network);
    told("! \"cellar\", or what looks like it, is also claimed by Bob");
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn the_panel_shows_who_is_in_by_whom_until_when_and_who_is_out() {
    let mut network = Network::new(&[1, 2]);
    network.serve(1, GRANTED);
    network.serve(2, GRANTED);
    let place = &network.node;
    keys::create_grid(&place.path("grid.key"), &GridSecret::from_seed([1; 32])).unwrap();
    place.configure("storage", &format!("{}\n{READER}", introducers(&[1, 2])));
    let [dora, bob, eve] = [11, 12, 13].map(|number| Other::new(place, number, &format!("grant = \"{number}.grant\"")));
    for (node, petname) in [(&dora, "Dora"), (&bob, "Bob"), (&eve, "Eve")] {
        name(&network, &node.id, petname);
    }
    bob.calls_itself(&network, "cellar");
    let with_names = ["--petnames", "petnames"];
    let by_grid = ["members", "grant", "--key", "grid.key", "--any-service"];
    done(network.node.run(&[&by_grid, &["Dora", "--out", "11.grant", "--links", "1"][..], &with_names].concat()));
    done(network.node.run(&[&by_grid, &["Eve", "--out", "13.grant", "--days", "3"][..], &with_names].concat()));
    let by_dora = ["members", "grant", "Bob", "--node-key", "11.key", "--grant", "11.grant", "--service", "storage"];
    done(network.node.run(&[&by_dora, &["--out", "12.grant", "--days", "30"][..], &with_names].concat()));
    [&dora, &bob, &eve].iter().for_each(|node| node.publish(&network));

    let seen = done(run(&network, &["members"]));
    assert!(seen.out.lines().all(|line| line.chars().count() <= 100), "{}", seen.out);
    let row = |text: &str, name: &str| {
        let row = text.lines().find(|line| line.get(2..).is_some_and(|rest| rest.starts_with(name)));
        row.unwrap_or_else(|| panic!("no row of {name} in {text}")).to_owned()
    };
    assert!(seen.out.contains("no list of revoked keys"), "{}", seen.out);
    let order: Vec<_> = ["Bob", "Dora", "Eve"].map(|name| seen.out.find(&row(&seen.out, name)).unwrap()).into();
    assert!(order.is_sorted(), "{}", seen.out);
    let of_bob = row(&seen.out, "Bob");
    // The hour may have changed since the grant and the record were signed.
    for parts in
        [["(claims \"cellar\")"; 2], ["grid > Dora"; 2], ["storage"; 2], ["30 d", "29 d"], ["4 d 0 h", "3 d 23 h"]]
    {
        assert!(parts.iter().any(|part| of_bob.contains(part)), "none of {parts:?} in {of_bob}");
    }
    assert!(row(&seen.out, "Eve").starts_with("! "), "her grant ends soon: {}", seen.out);
    assert!(seen.out.contains("! its grant ends soon"), "{}", seen.out);

    // Dora is out, and with her Bob; one introducer is not told.
    done(
        network
            .node
            .run(&[&["members", "revoke", "Dora", "--key", "grid.key", "--list", "revoked"], &with_names[..]].concat()),
    );
    place_only(&network, 1);
    done(run(&network, &["grid", "publish", "--list", "revoked"]));
    network.node.configure("storage", &format!("{}\n{READER}", introducers(&[1, 2])));
    let seen = done(run(&network, &["members"]));
    assert!(!seen.out.contains("Bob"), "{}", seen.out);
    assert!(row(&seen.out, "Dora").starts_with("x "), "{}", seen.out);
    assert!(seen.out.contains("list 1 of revoked keys; the next one is due within "), "{}", seen.out);
    let behind = format!("! {}: granted, 1 listed\n  ! it has no list of revoked keys", onion(2));
    assert!(seen.out.contains(&behind), "{}", seen.out);

    // Whoever does not sift by grants sees that the introducer that was not told still lists them.
    network.node.configure("storage", &format!("{}\npetnames = \"petnames\"", introducers(&[1, 2])));
    let json = done(run(&network, &["members", "--json"])).json();
    let member =
        |id: &str| json["members"].as_array().unwrap().iter().find(|member| member["node"] == id).unwrap().clone();
    let of_bob = member(&bob.id);
    assert_eq!((&of_bob["grant"], &of_bob["granted_by"][0]), (&"revoked".into(), &dora.id.as_str().into()));
    assert_eq!((&of_bob["petname"], &of_bob["nickname"]), (&"Bob".into(), &"cellar".into()));
    assert_eq!(of_bob["listed_by"], serde_json::json!([onion(2)]));
    assert_eq!(member(&eve.id)["grant"], "holds");
    assert_eq!(member(&eve.id)["listed_by"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&json["revoked"][0]["node"], &json["revoked"][0]["petname"]),
        (&dora.id.as_str().into(), &"Dora".into())
    );
    assert_eq!(
        (&json["list"]["seq"], &json["list"]["stale"], &json["complete"]),
        (&1.into(), &false.into(), &true.into())
    );
    let seen = done(run(&network, &["members", "--ids"]));
    assert!(seen.out.contains("! revoked, and shown all the same"), "{}", seen.out);
    assert!(seen.out.contains(&format!("    {}\n", bob.id)), "{}", seen.out);

    // One that does not answer is told, and nobody at all is a failure.
    network.end(2);
    let seen = done(run(&network, &["members"]));
    assert!(seen.out.contains(&format!("! {}: no answer", onion(2))), "{}", seen.out);
    assert_eq!(done(run(&network, &["members", "--json"])).json()["complete"], false);
    network.end(1);
    assert_eq!(run(&network, &["members"]).code, 4);
}

/// The configuration names one introducer alone.
fn place_only(network: &Network, number: u8) {
    network.node.configure("storage", &format!("{}\n{READER}", introducers(&[number])));
}

#[test]
fn an_operator_lets_in_and_takes_out_by_petname() {
    let mut network = Network::new(&[1]);
    let place = &network.node;
    place.configure("storage", &format!("{}\npetnames = \"petnames\"", introducers(&[1])));
    let bob = Other::new(place, 11, "");
    name(&network, &bob.id, "Bob");
    let petnames = network.node.path("petnames");
    let petnames = petnames.to_str().unwrap();
    // The list is outside of the introducer's own place, since that is made with it.
    let list = network.node.path("members.list");
    network.node.write("members.list", "# friends\n");
    let config = format!("[admission]\npolicy = \"listed\"\nlist = {:?}", list.to_str().unwrap());
    let introducer = network.serve(1, &config).path("introducer.toml");
    let pid = network.pid(1);
    let change = |network: &Network, command: &[&str]| {
        let where_to = ["--introducer-config", introducer.to_str().unwrap(), "--petnames", petnames];
        let ended = done(network.node.run(&[&["members"], command, &where_to].concat()));
        assert!(ended.said.contains("SIGHUP"), "{}", ended.said);
        let sent = std::process::Command::new("kill").args(["-HUP", &pid]).status();
        assert!(sent.expect("kill can be run").success());
    };
    assert_eq!(network.node.run(&["node", "publish", "--config", &bob.config]).code, 3);
    change(&network, &["allow", "Bob", "--service", "storage"]);
    eventually("Bob is let in", || {
        (network.node.run(&["node", "publish", "--config", &bob.config]).code == 0).then_some(())
    });
    assert!(done(run(&network, &["members"])).out.contains("listed, 1 listed"));
    change(&network, &["deny", "Bob"]);
    eventually("Bob is out", || run(&network, &["lookup", "Bob"]).code.eq(&6).then_some(()));
    assert_eq!(network.node.read("members.list"), "# friends\n");
}
