//! Two clients through two tor daemons; delivery at once and in ticks.

use std::{sync::OnceLock, time::Instant};

use crate::{
    grid::{Grid, json, run},
    network,
    tornet::{CLIENT_TORRC, TorDaemon},
};

/// Two client daemons that tests of this file share.
fn clients() -> &'static [TorDaemon; 2] {
    static CLIENTS: OnceLock<[TorDaemon; 2]> = OnceLock::new();
    CLIENTS.get_or_init(|| ["first-client", "second-client"].map(|name| network().daemon(name, CLIENT_TORRC)))
}

#[test]
fn two_clients_through_two_tors_see_one_record() {
    let grid = Grid::start(&[]);
    let (_service, address) = grid.onion(network(), "one-for-two", "introducer.torrc");
    let [first, second] = clients();
    let publisher = grid.node("publisher", &address, &first.socks_path());
    publisher.offers_storage("shared");
    publisher.run_when_reachable(&["about"]);
    publisher.run(&["node", "publish"]);
    let reader = grid.node("reader", &address, &second.socks_path());
    reader.run_when_reachable(&["about"]);
    let here = publisher.objects(&["list", "--json"]);
    assert_eq!(here.len(), 1);
    assert_eq!(here, reader.objects(&["list", "--json"]));
    let id = here[0]["node"].as_str().expect("a node id");
    let looked_up = [&publisher, &reader].map(|node| json(&run(&mut node.command(&["lookup", id, "--json"]))));
    assert_eq!(looked_up[0]["record"], looked_up[1]["record"]);
    assert_eq!(looked_up[0]["record"], here[0]);
}

#[test]
fn a_ticking_watch_delivers_within_its_tick() {
    let grid = Grid::start(&[("#tick_seconds = 60", "tick_seconds = 3")]);
    let (_service, address) = grid.onion(network(), "ticking", "introducer.torrc");
    let [first, second] = clients();
    let publisher = grid.node("publisher", &address, &first.socks_path());
    publisher.offers_storage("ticking");
    publisher.run_when_reachable(&["about"]);
    let reader = grid.node("reader", &address, &second.socks_path());
    reader.run_when_reachable(&["about"]);
    let mut watch = reader.watch();
    watch.next(|event| event["event"] == "caught_up");
    // In quiet times, too, there is a tick.
    watch.next(|event| event["event"] == "tick");
    publisher.run(&["node", "publish"]);
    let accepted = Instant::now();
    let seen = watch.next(|event| event["event"] == "record");
    assert_eq!(seen["record"]["nickname"], "ticking");
    println!(
        "a ticking watch (3 s) delivered {:.1} s after the publish was accepted",
        accepted.elapsed().as_secs_f32()
    );
}
