//! Client authorization on both sides and in both kinds of Tor: who is on the list comes in, and who is not is told why.

use std::fs;

use crate::{
    carrier::Carrier,
    grid::{Grid, Node, anteroom, edit, in_network, json, run, text, until},
    network,
    tornet::{CLIENT_TORRC, TorDaemon},
};

/// What a client without a key reads.
const CAUSE: &str = "this onion service needs a client key";

/// A client behind the embedded Tor.
fn by_arti(grid: &Grid, name: &str, address: &str) -> (Carrier, Node) {
    let socks = grid.path(&format!("{name}.socks"));
    let node = grid.node(name, address, &socks);
    node.enter(network());
    let log = grid.path(&format!("{name}.log"));
    let mut carrier = Carrier::start(&log, &["--client", "--config", text(&node.config), "--socks", text(&socks)]);
    carrier.wait_online();
    (carrier, node)
}

/// A client behind C tor, with a directory for keys.
fn by_tor(grid: &Grid, name: &str, address: &str) -> (TorDaemon, Node) {
    let torrc = format!("{CLIENT_TORRC}ClientOnionAuthDir {{dir}}/keys\n");
    let keys = network().dir(name).join("keys");
    fs::create_dir(&keys).expect("a directory");
    run(std::process::Command::new("chmod").arg("700").arg(&keys));
    let tor = network().daemon(name, &torrc);
    let node = grid.node(name, address, &tor.socks_path());
    (tor, node)
}

/// Makes a key for `node` and returns the half that the operator gets.
fn public_key(address: &str, place: &[&str]) -> String {
    let made = run(anteroom(&["client-auth", "keygen", "--introducer", address]).args(place));
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

fn is_told_the_cause(node: &Node) {
    let mut said = String::new();
    until(&format!("a client without a key is told so; it was told: {said}"), || {
        let output = node.command(&["about"]).output().expect("the program starts");
        assert!(!output.status.success(), "a client without a key came in");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        told.contains(CAUSE)
    });
    said.clear();
}

#[test]
fn the_embedded_service_lets_in_who_is_on_its_list() {
    let network = network();
    let restricted = format!("{}client_auth = true\n", in_network(network));
    let grid = Grid::start(&[("[tor]\n", &restricted)]);
    let config = grid.path("introducer.toml");
    let list = |arguments: &[&str]| run(anteroom(&["client-auth"]).args(arguments).args(["--config", text(&config)]));
    // Nobody is on the list, and the carrier reaches itself all the same.
    let mut service = Carrier::start(&grid.path("service.log"), &["--config", text(&config)]);
    let address = service.wait_reachable();

    let (tor, by_tor) = by_tor(&grid, "embedded-by-tor", &address);
    let (mut carrier, by_arti) = by_arti(&grid, "embedded-by-arti", &address);
    is_told_the_cause(&by_tor);
    is_told_the_cause(&by_arti);

    list(&["add", "tor", &public_key(&address, &["--dir", text(&tor.dir().join("keys"))])]);
    list(&["add", "arti", &public_key(&address, &["--config", text(&by_arti.config)])]);
    service.signal("-HUP");
    tor.reload();
    for node in [&by_tor, &by_arti] {
        node.offers_storage("alice");
        node.run_when_reachable(&["about"]);
        node.run(&["node", "publish"]);
    }

    list(&["remove", "arti"]);
    service.signal("-HUP");
    // What it knows already it may go on using; a new one has to ask for the descriptor.
    carrier.kill();
    fs::remove_file(grid.path("embedded-by-arti.socks")).expect("a killed carrier leaves its socket");
    let mut carrier = Carrier::start(
        &grid.path("embedded-by-arti.log"),
        &["--client", "--config", text(&by_arti.config), "--socks", text(&grid.path("embedded-by-arti.socks"))],
    );
    carrier.wait_online();
    until("who was taken off the list is refused", || {
        !by_arti.command(&["about"]).output().expect("the program starts").status.success()
    });
    by_tor.run_when_reachable(&["about"]);
}

#[test]
fn a_restricted_service_of_c_tor_lets_in_an_embedded_client() {
    let grid = Grid::start(&[]);
    let onion = grid.path("onion");
    let service = anteroom::keys::OnionService::open_or_create(&onion, &[10; 32]).expect("a service");
    let address = format!("{}:80", service.host());
    let (_stranger_carrier, stranger) = by_arti(&grid, "stranger", &address);
    let (_member_carrier, member) = by_arti(&grid, "member", &address);
    let key = public_key(&address, &["--config", text(&member.config)]);
    run(anteroom(&["client-auth", "add", "member", &key, "--dir"]).arg(&onion));
    let (_tor, served) = grid.onion(network(), "restricted-c-tor", "introducer-client-auth.torrc");
    assert_eq!(served, address);
    member.run_when_reachable(&["about"]);
    is_told_the_cause(&stranger);
}

#[test]
fn an_invitation_brings_the_key_that_the_embedded_tor_comes_in_with() {
    let network = network();
    let restricted = format!("{}client_auth = true\n", in_network(network));
    let grid = Grid::start(&[("[tor]\n", &restricted), ("#policy = \"open\"", "policy = \"granted\"")]);
    let config = grid.path("introducer.toml");
    // Its address is known before it runs, so that who is invited is on its list from the beginning.
    fs::create_dir(grid.path("tor")).expect("a directory");
    run(std::process::Command::new("chmod").arg("700").arg(grid.path("tor")));
    let onion = anteroom::keys::OnionService::open_or_create(&grid.path("tor/onion"), &[11; 32]).expect("a service");
    let address = format!("{}:80", onion.host());

    let (key, book) = (grid.path("grid.key"), grid.path("invitations.json"));
    let invite =
        ["grid", "invite", "Bob", "--services", "storage", "--client-auth", "--json", "--introducer", &address];
    let invited = json(&run(anteroom(&invite).args(["--book", text(&book), "--key", text(&key)])));
    let line = grid.path("line");
    fs::write(&line, invited["invitation"].as_str().expect("a line")).expect("a file");
    run(std::process::Command::new("chmod").arg("600").arg(&line));
    let client = &invited["clients"][0];
    let [name, public] = ["name", "key"].map(|field| client[field].as_str().expect("text"));
    run(&mut anteroom(&["client-auth", "add", name, public, "--config", text(&config)]));
    let mut service = Carrier::start(&grid.path("service.log"), &["--config", text(&config)]);
    assert_eq!(service.wait_reachable(), address);

    // What is made is made before any network is touched: here there is none, until the private one is in the configuration.
    let place = grid.path("bob");
    let node = Node { config: place.join("node.toml") };
    let mut first = std::process::Command::new("unshare")
        .args(["--net", env!("CARGO_BIN_EXE_anteroom"), "join", text(&place), "--invitation", text(&line)])
        .spawn()
        .expect("a namespace without a network");
    until("the node is made", || node.config.exists());
    run(std::process::Command::new("kill").arg(first.id().to_string()));
    let _ = first.wait();
    node.enter(network);
    let socks = grid.path("bob.socks");
    edit(&node.config, &[("#socks = \"/run/tor/socks\"", &format!("socks = \"{}\"", text(&socks)))]);
    let log = grid.path("bob.log");
    let mut carrier = Carrier::start(&log, &["--client", "--config", text(&node.config), "--socks", text(&socks)]);
    carrier.wait_online();
    node.run_when_reachable(&["about"]);
    run(&mut anteroom(&["join", text(&place)]));
    node.offers_storage("bob");
    node.run(&["node", "publish"]);
}
