//! One address, whatever happens to the process that serves it, and whichever Tor that is.

use crate::{
    carrier::Carrier,
    grid::{Grid, anteroom, in_network, run, text},
    tornet::{CLIENT_TORRC, TorNetwork},
};

/// A client that has never asked for anything before.
fn answers(network: &TorNetwork, grid: &Grid, name: &str, address: &str) {
    let client = network.daemon(name, CLIENT_TORRC);
    grid.node(&format!("{name}-node"), address, &client.socks_path()).run_when_reachable(&["about"]);
}

/// C tor and arti count descriptors alike where the network has shared random values: then a directory takes the newer one
/// whoever made it. A network as young as this one has none, and its directories may take the other's for older; they
/// forget what they had when they are started again.
#[test]
fn an_address_survives_restarts_kills_and_moves_between_both_kinds_of_tor() {
    let network = TorNetwork::start();
    let grid = Grid::start(&[("[tor]\n", &in_network(&network))]);
    let config = grid.path("introducer.toml");
    let start = || Carrier::start(&grid.path("service.log"), &["--config", text(&config)]);

    // Born with C tor.
    let (mut tor, address) = grid.onion(&network, "identity", "introducer.torrc");
    answers(&network, &grid, "before", &address);
    tor.stop();

    run(&mut anteroom(&["onion-key", "import", text(&grid.path("onion")), "--config", text(&config)]));
    network.restart_nodes();
    let mut carrier = start();
    assert_eq!(carrier.wait_reachable(), address, "moved to the embedded Tor");
    answers(&network, &grid, "moved", &address);

    assert!(carrier.terminate().success());
    let mut carrier = start();
    assert_eq!(carrier.wait_reachable(), address, "after a restart");
    carrier.kill();
    let mut carrier = start();
    assert_eq!(carrier.wait_reachable(), address, "after kill -9");
    answers(&network, &grid, "restarted", &address);
    assert!(carrier.terminate().success());

    let back = grid.path("back");
    run(&mut anteroom(&["onion-key", "export", text(&back), "--config", text(&config)]));
    std::fs::remove_dir_all(grid.path("onion")).expect("C tor's first directory goes");
    std::fs::rename(&back, grid.path("onion")).expect("the exported one takes its place");
    network.restart_nodes();
    let (_tor, again) = grid.onion(&network, "identity-again", "introducer.torrc");
    assert_eq!(again, address, "and back to C tor");
    answers(&network, &grid, "back", &address);
}
