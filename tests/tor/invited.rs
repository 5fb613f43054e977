//! From an invitation to a revocation, through Tor: who was invited is found by others, and nobody else gets in.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::{
    grid::{Grid, Node, anteroom, run, text},
    network,
    tornet::CLIENT_TORRC,
};

/// A node that came by the line in `file`.
fn join(grid: &Grid, name: &str, file: &Path, socks: &Path) -> Node {
    let directory = grid.path(name);
    let node = Node { config: directory.join("node.toml") };
    let mut command = anteroom(&["join", text(&directory), "--invitation", text(file), "--socks", text(socks)]);
    // The introducer may not be found yet: that is another matter, and the second run is for it.
    let ended = command.output().expect("the program starts");
    assert!(node.config.exists(), "{}", String::from_utf8_lossy(&ended.stderr));
    node.run_when_reachable(&["about"]);
    run(&mut anteroom(&["join", text(&directory), "--socks", text(socks)]));
    node.offers_storage(name);
    node
}

/// How a command ends that is refused.
fn refused(node: &Node, arguments: &[&str], why: &str) {
    let ended = node.command(arguments).output().expect("the program starts");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{said}");
    assert!(said.contains(why), "{said}");
}

#[test]
fn whoever_was_invited_is_found_until_revoked_and_nobody_else_gets_in() {
    let grid = Grid::start(&[("#policy = \"open\"", "policy = \"granted\"")]);
    let (_service, address) = grid.onion(network(), "invited", "introducer.torrc");
    let tor = network().daemon("invited-client", CLIENT_TORRC);
    let (socks, key, book) = (tor.socks_path(), grid.path("grid.key"), grid.path("invitations.json"));
    let by_grid = |arguments: &[&str]| run(anteroom(arguments).arg("--key").arg(&key));

    let invite = ["grid", "invite", "Bob", "--services", "storage", "--introducer", &address, "--book", text(&book)];
    let line = grid.path("line");
    fs::write(&line, by_grid(&invite).stdout).expect("a file");
    fs::set_permissions(&line, fs::Permissions::from_mode(0o600)).expect("its mode");
    let bob = join(&grid, "bob", &line, &socks);
    bob.run(&["node", "publish"]);

    // Another member finds him, and believes the grid alone.
    let alice = grid.node("alice", &address, &socks);
    let id = |node: &Node| node.objects(&["node", "show", "--json"])[0]["node"].as_str().expect("an id").to_owned();
    let (alice_id, bob_id) = (id(&alice), id(&bob));
    let granted = grid.path("alice.grant");
    by_grid(&["grid", "grant", "--node", &alice_id, "--any-service", "--out", text(&granted)]);
    crate::grid::edit(&alice.config, &[("#granted = false", "granted = true")]);
    let listed = |node: &Node| node.objects(&["list", "--service", "storage", "--json"]);
    assert_eq!(listed(&alice)[0]["node"], bob_id.as_str());

    // A stranger, and whoever has read the invitation, too.
    let stranger = grid.node("stranger", &address, &socks);
    stranger.offers_storage("stranger");
    refused(&stranger, &["node", "publish"], "only nodes with a grant may publish");
    let eve = join(&grid, "eve", &line, &socks);
    refused(&eve, &["node", "publish"], "the invitation was used for another node");
    let seen = alice.run(&["grid", "invitations", "--json", "--book", text(&book)]);
    assert_eq!(crate::grid::json(&seen)[0]["state"], "used twice");

    // Whoever invited knows which of them Bob is.
    let mut confirm = alice.command(&["grid", "confirm", "Bob", "--node", &bob_id, "--book", text(&book)]);
    run(confirm.arg("--key").arg(&key));
    bob.run(&["node", "publish"]);
    let shown = run(&mut anteroom(&["grid", "show", "--json", "--grant", text(&grid.path("bob/node.grant"))]));
    assert_eq!(crate::grid::json(&shown)["keys"], serde_json::json!([bob_id]), "he stands on a grant of his own");

    let old = grid.path("old.record");
    run(bob.command(&["node", "sign"]).arg("--out").arg(&old));
    bob.run(&["node", "publish", "--record", text(&old)]);
    let list = grid.path("revoked");
    by_grid(&["grid", "revoke", &bob_id, "--list", text(&list)]);
    alice.run(&["grid", "publish", "--list", text(&list)]);
    assert!(listed(&alice).is_empty(), "gone with the next question");
    refused(&bob, &["node", "publish", "--record", text(&old)], "was revoked");
    refused(&bob, &["node", "publish"], "was revoked");
    assert!(listed(&alice).is_empty());
}
