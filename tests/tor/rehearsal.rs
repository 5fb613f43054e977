//! The main job, told step by step: a node publishes, a client finds it, and a withdrawal holds.

use std::time::Instant;

use crate::{
    grid::{Grid, json, onion},
    network,
    tornet::CLIENT_TORRC,
};

fn say(line: &str) {
    println!("   {line}");
}

#[test]
fn rehearsal() {
    println!("\n1. A private Tor network: one authority and five relays on this machine's loopback, nothing leaves it");
    let start = Instant::now();
    let network = network();
    say(&format!("ready after {} s", start.elapsed().as_secs()));

    println!("2. A grid and its introducer: `anteroom grid keygen`, `init introducer`, `serve`, behind a C tor");
    let grid = Grid::start(&[("#delivery = \"tick\"", "delivery = \"immediate\"")]);
    say(&format!("grid {}", grid.id));
    let (_service, address) = grid.onion(network, "introducer", "introducer.torrc");
    say(&format!("onion service {address}"));

    println!("3. A node on another machine (its own tor): `init node`, `node keygen`, addresses typed by hand");
    let (node_tor, reader_tor) = std::thread::scope(|scope| {
        let node = scope.spawn(|| network.daemon("node", CLIENT_TORRC));
        let reader = network.daemon("reader", CLIENT_TORRC);
        (node.join().expect("the node's tor starts"), reader)
    });
    let node = grid.node("node", &address, &node_tor.socks_path());
    node.offers_storage("alice");
    let about = json(&node.run_when_reachable(&["about", "--json"]));
    assert_eq!(about["grid"], grid.id.as_str());
    say("the introducer answers through Tor");

    println!("4. A reader (a third tor) watches");
    let reader = grid.node("reader", &address, &reader_tor.socks_path());
    reader.run_when_reachable(&["about"]);
    let mut watch = reader.watch();
    watch.next(|event| event["event"] == "caught_up");
    say("nothing is listed yet");

    println!("5. `anteroom node publish`");
    let start = Instant::now();
    node.run(&["node", "publish"]);
    say(&format!("accepted, durable, after {:.1} s", start.elapsed().as_secs_f32()));
    let seen = watch.next(|event| event["event"] == "record");
    say(&format!("the watcher saw it after {:.1} s", start.elapsed().as_secs_f32()));
    let id = seen["record"]["node"].as_str().expect("a node id").to_owned();
    assert_eq!(seen["record"]["services"][0]["addresses"][0], onion());

    println!("6. `anteroom list` and `anteroom lookup` by the reader");
    let listed = reader.objects(&["list", "--json", "--service", "storage"]);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["node"], id.as_str());
    assert_eq!(listed[0]["nickname"], "alice");
    say(&format!("listed: {} offers storage at {}", listed[0]["nickname"], listed[0]["services"][0]["addresses"][0]));
    let found = json(&reader.run(&["lookup", &id, "--json"]));
    assert_eq!(found["record"]["seq"], listed[0]["seq"]);
    say("found by its id; the introducer learned a prefix that names a crowd");

    println!("7. `anteroom node withdraw`");
    let record = grid.path("node/old.record");
    node.run(&["node", "sign", "--out", record.to_str().expect("text")]);
    node.run(&["node", "withdraw"]);
    let gone = watch.next(|event| event["event"] == "record");
    assert_eq!(gone["record"]["withdrawn"], true);
    assert_eq!(reader.objects(&["list", "--json", "--service", "storage"]).len(), 0);
    say("the watcher heard of it, and the list is empty");
    let replay = node.command(&["node", "publish", "--record", record.to_str().expect("text")]).output();
    assert!(!replay.expect("the program starts").status.success(), "an old record came back");
    say("the old record, published again, is refused");
    println!("The main job is done.\n");
}
