//! Commands against real introducers: `anteroom serve` behind a SOCKS proxy that stands in for Tor.

use anteroom::record::{GridSecret, NodeSecret};

use crate::{
    network::{Network, eventually, introducers, onion, unlabelled},
    program::Ended,
};

const NODE: [&str; 2] = ["--config", "node.toml"];

fn node(network: &Network, command: &[&str]) -> Ended {
    network.node.run(&[command, &NODE].concat())
}

fn publish(network: &Network) -> Ended {
    node(network, &["node", "publish", "--json"])
}

fn id(network: &Network) -> String {
    node(network, &["node", "show", "--json"]).json()["node"].as_str().unwrap().to_owned()
}

#[test]
fn a_record_is_published_listed_found_and_withdrawn() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    let about = node(&network, &["about", "--json"]).json();
    assert_eq!((&about["admission"], &about["lookup"]["mode"]), (&"open".into(), &"prefix".into()));
    assert!(node(&network, &["about"]).out.contains("addresses        onion, i2p"));

    let published = publish(&network);
    assert_eq!(published.code, 0, "{}", published.said);
    let record = published.json()["record"].clone();
    assert_eq!(published.json()["introducers"][0]["accepted"], true);
    assert_eq!(network.listed(1), std::slice::from_ref(&record));
    let id = id(&network);
    for found in [&["lookup", &id, "--json"][..], &["lookup", &id, "--exact", "--json"]] {
        assert_eq!(unlabelled(node(&network, found).json()["record"].take()), record);
    }
    assert_eq!(node(&network, &["lookup", &id, "--evidence", "--json"]).json()["evidence"], serde_json::Value::Null);
    assert!(node(&network, &["list", "--service", "storage"]).out.contains(&id));
    assert_eq!(node(&network, &["list", "--service", "other"]).out, "");

    let withdrawn = node(&network, &["node", "withdraw"]);
    assert_eq!((withdrawn.code, withdrawn.out.as_str()), (0, ""));
    assert!(withdrawn.said.contains("accepted") && withdrawn.said.contains("1 of 1 introducers"), "{}", withdrawn.said);
    assert_eq!(node(&network, &["list"]).out, "");
    assert_eq!(network.listed(1)[0]["withdrawn"], true);
}

#[test]
fn who_is_not_there_is_not_found() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    let stranger = NodeSecret::from_seed([77; 32]).id().to_string();
    let ended = node(&network, &["lookup", &stranger, "--json"]);
    assert_eq!((ended.code, &ended.json()["record"]), (6, &serde_json::Value::Null));
    assert!(ended.said.contains("no introducer that answered lists this node"), "{}", ended.said);
}

#[test]
fn readers_ask_the_next_one_and_publishers_tell_who_has_it() {
    let mut network = Network::new(&[1, 2]);
    let nobody = publish(&network);
    assert_eq!(nobody.code, 4, "{}", nobody.said);
    assert!(nobody.said.contains("descriptor can't be found"), "{}", nobody.said);
    assert_eq!(node(&network, &["list"]).code, 4);

    network.serve(2, "");
    let partly = publish(&network);
    assert_eq!(partly.code, 7, "{}", partly.said);
    let accepted: Vec<_> = [0, 1].map(|index| partly.json()["introducers"][index]["accepted"].clone()).into();
    assert_eq!(accepted, [false, true]);
    let listed = node(&network, &["list", "--json"]);
    assert_eq!((listed.code, listed.out.lines().count()), (0, 1));
    assert!(listed.said.contains(&onion(1)), "it is told who did not answer: {}", listed.said);

    network.serve(1, "");
    assert_eq!(publish(&network).code, 0);
    network.end(1);
    network.end(2);
    assert_eq!(publish(&network).code, 4);
}

#[test]
fn an_introducer_of_another_grid_refuses() {
    let mut network = Network::new(&[1]);
    network.serve_grid(1, &GridSecret::from_seed([2; 32]).id().to_string(), "");
    let ended = publish(&network);
    assert_eq!(ended.code, 3);
    assert!(ended.said.contains("serves another grid"), "{}", ended.said);
    assert_eq!(node(&network, &["about"]).code, 3);
}

#[test]
fn a_record_that_was_signed_elsewhere_is_published_without_its_key() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    assert_eq!(node(&network, &["node", "sign", "--out", "first"]).code, 0);
    assert_eq!(node(&network, &["node", "sign", "--out", "second"]).code, 0);
    std::fs::remove_file(network.node.path("node.key")).unwrap();
    let with = |record: &str| node(&network, &["node", "publish", "--record", record]);
    assert_eq!(with("second").code, 0);
    assert_eq!(with("second").code, 0, "the same bytes again do no harm");
    let stale = with("first");
    assert_eq!(stale.code, 3);
    assert!(stale.said.contains("record 2 of this node is listed"), "{}", stale.said);
    assert_eq!(network.listed(1)[0]["seq"], 2);
}

#[test]
fn a_lost_counter_goes_on_from_what_the_introducers_know() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    for _ in 0..4 {
        assert_eq!(publish(&network).code, 0);
    }
    network.lose_counter();
    network.serve(2, "");
    network.node.configure("storage", &introducers(&[2]));
    assert_eq!(publish(&network).json()["record"]["seq"], 1);
    assert_eq!(publish(&network).json()["record"]["seq"], 2);

    network.lose_counter();
    network.node.configure("changed", &introducers(&[2, 1]));
    let ended = publish(&network);
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert!(ended.said.contains("signing again beyond it"), "{}", ended.said);
    let seq = ended.json()["record"]["seq"].as_u64().unwrap();
    assert!(seq > 4);
    for number in [1, 2] {
        assert_eq!(network.listed(number)[0]["seq"], seq);
        assert_eq!(network.listed(number)[0]["services"][0]["name"], "changed");
    }
    assert_eq!(network.node.read("node.key.seq"), format!("{seq}\n"));
}

#[test]
fn two_records_with_one_number_are_shown_to_who_asks() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    let published = publish(&network).json()["record"].clone();
    network.lose_counter();
    network.node.configure("changed", &introducers(&[1]));
    assert_eq!(publish(&network).code, 0);
    let id = id(&network);
    let evidence = eventually("evidence", || {
        let answer = node(&network, &["lookup", &id, "--evidence", "--json"]).json()["evidence"].clone();
        answer.is_array().then_some(answer)
    });
    assert!(evidence.as_array().unwrap().contains(&published));
    assert!(node(&network, &["lookup", &id, "--evidence"]).said.contains("two different records with the number 1"));
}

#[test]
fn who_watches_is_told_of_what_changes() {
    let mut network = Network::new(&[1]);
    network.serve(1, "[watch]\ntick_seconds = 1");
    let mut watch = network.node.start(&["watch", "--config", "node.toml", "--json"], "watch");
    let told = |what: &str| {
        eventually(what, || network.node.read("watch.out").contains(&format!("\"event\":\"{what}\"")).then_some(()));
    };
    told("caught_up");
    assert_eq!(publish(&network).code, 0);
    told("record");
    told("tick");
    let text = network.node.read("watch.out");
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{text}");
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn the_clock_is_confirmed_in_the_state_directory() {
    let mut network = Network::new(&[1]);
    let place = network.serve(1, "");
    let ended = place.run(&["confirm-clock", "--config", "introducer.toml"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, ""));
    assert!(ended.said.contains("SIGHUP"), "{}", ended.said);
    let hour: u32 = place.read("state/clock-confirmed").trim().parse().unwrap();
    assert!(anteroom::ambient::wall().hours() - hour <= 1);
}

#[test]
fn nobody_is_dialled_but_the_introducers_of_the_configuration() {
    let mut network = Network::new(&[1, 2]);
    network.serve(1, "");
    publish(&network);
    node(&network, &["list"]);
    let dials = network.dials.lock().unwrap();
    let hosts = [onion(1), onion(2)];
    assert!(!dials.is_empty());
    assert!(dials.iter().all(|dial| hosts.contains(&format!("{}:{}", dial.host, dial.port))));
    let of = |host: &str| {
        dials.iter().filter(|dial| host.starts_with(&dial.host)).map(|dial| dial.circuit).collect::<Vec<_>>()
    };
    assert_ne!(of(&hosts[0]).first(), of(&hosts[0]).last(), "publishing and reading share no circuit");
}
