//! Service by C tor or by the embedded Tor, client by C tor or by the embedded Tor: the same commands, the same answers.

use crate::{
    carrier::Carrier,
    grid::{Grid, in_network, text},
    network,
    tornet::CLIENT_TORRC,
};

#[test]
fn four_pairs_of_carriers_serve_alike() {
    let network = network();
    let grid = Grid::start(&[("[tor]\n", &in_network(network))]);
    let config = grid.path("introducer.toml");
    let mut arti = Carrier::start(&grid.path("service.log"), &["--config", text(&config)]);
    let (_tor, c_address) = grid.onion(network, "pairs-service", "introducer.torrc");
    let arti_address = arti.wait_reachable();
    assert_ne!(arti_address, c_address);

    let client_tor = network.daemon("pairs-client", CLIENT_TORRC);
    for (kind, address) in [("c-tor", &c_address), ("arti", &arti_address)] {
        let by_tor = grid.node(&format!("{kind}-by-tor"), address, &client_tor.socks_path());
        by_tor.offers_storage("alice");
        by_tor.run_when_reachable(&["about"]);
        by_tor.run(&["node", "publish"]);

        let name = format!("{kind}-by-arti");
        let socks = grid.path(&format!("{kind}.socks"));
        let by_arti = grid.node(&name, address, &socks);
        by_arti.enter(network);
        let mut carrier = Carrier::start(
            &grid.path(&format!("{name}.log")),
            &["--client", "--config", text(&by_arti.config), "--socks", text(&socks)],
        );
        carrier.wait_online();
        by_arti.run_when_reachable(&["about"]);
        let listed = by_arti.objects(&["list", "--json", "--service", "storage"]);
        assert!(listed.iter().any(|record| record["nickname"] == "alice"), "{listed:?}");
    }
}
