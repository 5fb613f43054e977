//! Each torrc example, as it stands but for paths and the private network's lines, in front of a real introducer.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{
    grid::{Grid, example_path, text, until},
    network,
    tornet::{CLIENT_AUTH_PUBLIC, CLIENT_AUTH_SECRET, CLIENT_TORRC},
};

#[test]
fn strangers_reach_the_introducer_that_faces_them() {
    let network = network();
    let grid = Grid::start(&[]);
    let (_service, address) = grid.onion(network, "facing-strangers", "introducer-pow.torrc");
    let client = network.daemon("stranger", CLIENT_TORRC);
    let node = grid.node("node", &address, &client.socks_path());
    node.offers_storage("stranger");
    node.run_when_reachable(&["about"]);
    node.run(&["node", "publish"]);
    assert_eq!(node.objects(&["list", "--json"]).len(), 1);
}

#[test]
fn only_members_reach_the_introducer_with_client_authorization() {
    let network = network();
    let grid = Grid::start(&[]);
    // The member's public half is there before tor starts: without any, the service would be open to all.
    let members = grid.path("onion/authorized_clients");
    fs::create_dir_all(&members).expect("a directory");
    fs::set_permissions(grid.path("onion"), fs::Permissions::from_mode(0o700)).expect("its mode");
    fs::set_permissions(&members, fs::Permissions::from_mode(0o700)).expect("its mode");
    let member = format!("descriptor:x25519:{CLIENT_AUTH_PUBLIC}\n");
    fs::write(members.join("alice.auth"), member).expect("it can be written");
    let (_service, address) = grid.onion(network, "members-only", "introducer-client-auth.torrc");

    let keys = grid.path("onion_auth");
    fs::create_dir_all(&keys).expect("a directory");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o700)).expect("its mode");
    let host = address.trim_end_matches(".onion:80");
    let secret = format!("{host}:descriptor:x25519:{CLIENT_AUTH_SECRET}\n");
    fs::write(keys.join("introducer.auth_private"), secret).expect("it can be written");
    let socks = grid.path("socks");
    let example = example_path("client.torrc");
    let replaced = [("/run/tor/socks", text(&socks)), ("/var/lib/tor/onion_auth", text(&keys))];
    let _alice = network.daemon_from_example("alice", &example, &replaced);
    let node = grid.node("alice", &address, &socks);
    node.offers_storage("alice");
    node.run_when_reachable(&["about"]);
    node.run(&["node", "publish"]);

    let mallory = network.daemon("mallory", CLIENT_TORRC);
    let stranger = grid.node("mallory", &address, &mallory.socks_path());
    until("the stranger is told what is missing", || {
        let output = stranger.command(&["list"]).output().expect("the program starts");
        assert!(!output.status.success(), "a stranger got in");
        String::from_utf8_lossy(&output.stderr).contains("needs a client key")
    });
}
