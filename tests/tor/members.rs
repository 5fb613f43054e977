//! A service whose key and clients this program wrote, served by C tor: who is on the list comes in, nobody else.

use std::{fs, os::unix::fs::PermissionsExt as _};

use anteroom::keys::OnionService;

use crate::{
    grid::{Grid, Node, anteroom, example_path, run, text, until},
    network,
    tornet::TorDaemon,
};

/// A client with a key of its own for the introducer at `address`, which its operator may or may not know.
fn member(grid: &Grid, name: &str, address: &str) -> (TorDaemon, Node, String) {
    let keys = grid.path(&format!("{name}-keys"));
    fs::create_dir(&keys).expect("a directory");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o700)).expect("its mode");
    let made = run(anteroom(&["client-auth", "keygen", "--introducer", address, "--dir"]).arg(&keys));
    let public = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    let socks = grid.path(&format!("{name}-socks"));
    let replaced = [("/run/tor/socks", text(&socks)), ("/var/lib/tor/onion_auth", text(&keys))];
    let tor = network().daemon_from_example(name, &example_path("client.torrc"), &replaced);
    (tor, grid.node(name, address, &socks), public)
}

fn client_auth(grid: &Grid, arguments: &[&str]) {
    run(anteroom(&["client-auth"]).args(arguments).arg("--dir").arg(grid.path("onion")));
}

fn is_refused(node: &Node) -> bool {
    !node.command(&["about"]).output().expect("the program starts").status.success()
}

#[test]
fn who_is_on_the_list_comes_in_and_who_was_taken_off_does_not() {
    let grid = Grid::start(&[]);
    let service = OnionService::open_or_create(&grid.path("onion"), &[9; 32]).expect("a service");
    let address = format!("{}:80", service.host());
    let (_alice_tor, alice, alice_key) = member(&grid, "listed-alice", &address);
    client_auth(&grid, &["add", "alice", &alice_key]);
    let (mut tor, served) = grid.onion(network(), "listed", "introducer-client-auth.torrc");
    assert_eq!(served, address, "C tor serves the address of the key made here");
    alice.run_when_reachable(&["about"]);

    let (bob_tor, bob, bob_key) = member(&grid, "listed-bob", &address);
    assert!(is_refused(&bob), "a key that nobody knows let somebody in");
    tor.wait_descriptor_uploaded_after(|tor| {
        client_auth(&grid, &["add", "bob", &bob_key]);
        tor.reload();
    });
    // It has kept the descriptor that it could not read.
    bob_tor.newnym();
    bob.run_when_reachable(&["about"]);

    client_auth(&grid, &["remove", "bob"]);
    tor.restart();
    tor.wait_descriptor_uploaded();
    until("who was taken off the list is refused", || is_refused(&bob));
    alice.run_when_reachable(&["about"]);
    assert!(is_refused(&bob), "who was taken off the list came in again");
}
