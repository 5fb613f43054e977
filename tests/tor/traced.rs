//! What the embedded Tor asks the kernel for: TCP to relays, AF_UNIX, its own files, and nothing that knows a name or an
//! address of this machine.

use std::collections::BTreeSet;

use crate::{
    carrier::Carrier,
    grid::{Grid, in_network, text},
    network,
    trace::{parse, strace},
    verdict::{TRACED, carrier_findings},
};

#[test]
fn a_carrier_opens_tcp_to_relays_and_af_unix_and_nothing_else() {
    let network = network();
    let grid = Grid::start(&[("[tor]\n", &in_network(network))]);
    let own = grid.directory.path().to_path_buf();
    let (traced_service, traced_client) = (own.join("service.trace"), own.join("client.trace"));
    let config = grid.path("introducer.toml");
    // Without the sandbox, so that a mere attempt counts, and its own attempts do not.
    let mut service = Carrier::start_within(
        &strace(TRACED, &traced_service),
        &own.join("service.log"),
        &["--config", text(&config), "--sandbox", "off"],
    );
    let address = service.wait_reachable();
    let socks = own.join("socks");
    let node = grid.node("node", &address, &socks);
    node.offers_storage("alice");
    node.enter(network);
    let mut client = Carrier::start_within(
        &strace(TRACED, &traced_client),
        &own.join("client.log"),
        &["--client", "--config", text(&node.config), "--socks", text(&socks), "--sandbox", "off"],
    );
    client.wait_online();
    node.run_when_reachable(&["about"]);
    node.run(&["node", "publish"]);
    assert_eq!(node.objects(&["list", "--json"]).len(), 1);
    assert!(client.terminate().success());
    assert!(service.terminate().success());
    for trace in [traced_service, traced_client] {
        let calls = parse(&trace);
        let names: BTreeSet<_> = calls.iter().map(|call| call.name.as_str()).collect();
        println!("{}: {names:?}", trace.display());
        assert!(calls.iter().any(|call| call.name == "connect" && call.arguments.contains("127.")), "it uses Tor");
        assert_eq!(carrier_findings(&calls, &[&own, network.network_file()]), Vec::<String>::new());
    }
}
