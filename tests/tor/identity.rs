//! One address, whatever happens to the process that serves it, and whichever Tor that is.

use crate::{
    carrier::Carrier,
    grid::{Grid, anteroom, in_network, run, text},
    network,
    tornet::CLIENT_TORRC,
};

#[test]
fn an_address_survives_restarts_kills_and_moves_between_both_kinds_of_tor() {
    let network = network();
    let grid = Grid::start(&[("[tor]\n", &in_network(network))]);
    let config = grid.path("introducer.toml");
    let start = || Carrier::start(&grid.path("service.log"), &["--config", text(&config)]);
    let client = network.daemon("identity-client", CLIENT_TORRC);

    // Born with C tor.
    let (mut tor, address) = grid.onion(network, "identity", "introducer.torrc");
    let reader = grid.node("reader", &address, &client.socks_path());
    reader.run_when_reachable(&["about"]);
    tor.stop();

    run(&mut anteroom(&["onion-key", "import", text(&grid.path("onion")), "--config", text(&config)]));
    let mut carrier = start();
    assert_eq!(carrier.wait_reachable(), address, "moved to the embedded Tor");
    client.newnym();
    reader.run_when_reachable(&["about"]);

    assert!(carrier.terminate().success());
    let mut carrier = start();
    assert_eq!(carrier.wait_reachable(), address, "after a restart");
    carrier.kill();
    let mut carrier = start();
    assert_eq!(carrier.wait_reachable(), address, "after kill -9");
    client.newnym();
    reader.run_when_reachable(&["about"]);
    assert!(carrier.terminate().success());

    let back = grid.path("back");
    run(&mut anteroom(&["onion-key", "export", text(&back), "--config", text(&config)]));
    std::fs::rename(&back, grid.path("moved")).expect("it can be moved");
    std::fs::remove_dir_all(grid.path("onion")).expect("C tor's first directory goes");
    std::fs::rename(grid.path("moved"), grid.path("onion")).expect("the exported one takes its place");
    let (_tor, again) = grid.onion(network, "identity-again", "introducer.torrc");
    assert_eq!(again, address, "and back to C tor");
    client.newnym();
    reader.run_when_reachable(&["about"]);
}
