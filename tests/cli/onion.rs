//! Onion keys and client authorization, from a client's first key to the last one removed.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use anteroom::keys::OnionService;

use crate::program::{Ended, Place, grid};

/// Nobody's key, for a client that only its name tells apart.
const KEY: &str = "descriptor:x25519:F3ZISDDFEPXSYS6G7GECSZRAVCF2QGQFSHPDEH6WPWESXUHNPN2Q";

/// An introducer with a key, as `serve` leaves it, and what is in [tor].
fn introducer(tor: &str) -> (Place, String) {
    let place = Place::new();
    configure(&place, tor);
    let service = OnionService::open_or_create(&place.path("tor/onion"), &[7; 32]).unwrap();
    (place, service.host())
}

fn configure(place: &Place, tor: &str) {
    let text = format!("version = 1\ngrid = \"{}\"\nsocket = \"socket\"\nstate = \"state\"\n[tor]\n{tor}\n", grid());
    place.write("introducer.toml", &text);
    place.write("node.toml", &format!("version = 1\ngrid = \"{}\"\n[tor]\nstate = \"mine\"\n", grid()));
}

fn onion_key(place: &Place, arguments: &[&str]) -> Ended {
    place.run(&[&["onion-key"], arguments, &["--config", "introducer.toml"]].concat())
}

/// A command about the clients of the Tor inside the program, or of C tor's directory.
fn client_auth(place: &Place, c_tor: Option<&str>, arguments: &[&str]) -> Ended {
    let whose = c_tor.map_or(["--config", "introducer.toml"], |dir| ["--dir", dir]);
    place.run(&[&["client-auth"], arguments, &whose].concat())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_client_makes_a_key_and_the_operator_lets_it_in() {
    let (place, host) = introducer("client_auth = true");
    let keygen = place.run(&["client-auth", "keygen", "--introducer", &host, "--config", "node.toml"]);
    assert_eq!(keygen.code, 0, "{}", keygen.said);
    let public = keygen.out.trim();
    // Named after the introducer, for the one who made it alone.
    let file = place.path("mine/clients").join(format!("{}.auth_private", &host[..16]));
    assert_eq!((mode(&file), mode(&place.path("mine/clients"))), (0o600, 0o700));
    let line = fs::read_to_string(&file).unwrap();
    let secret = line.trim().rsplit(':').next().unwrap();
    assert!(line.starts_with(host.trim_end_matches(".onion")) && !public.contains(secret), "{line}");
    assert!(!keygen.said.contains(secret) && keygen.said.contains("client-auth add"), "{}", keygen.said);
    let added = client_auth(&place, None, &["add", "alice", public]);
    assert_eq!((added.code, added.out.as_str()), (0, ""), "{}", added.said);
    assert!(added.said.contains("SIGHUP") && !added.said.contains("everybody"), "{}", added.said);
    assert_eq!(client_auth(&place, None, &["list"]).out, format!("alice {public}\n"));
    let listed = client_auth(&place, None, &["list", "--json"]).json();
    assert_eq!(listed, serde_json::json!({ "restricted": true, "clients": [{ "name": "alice", "key": public }] }));
    assert_eq!(place.read("tor/onion/authorized_clients/alice.auth"), format!("{public}\n"));
    let again = place.run(&["client-auth", "keygen", "--introducer", &host, "--config", "node.toml", "--name", "b"]);
    assert_eq!(again.code, 2);
    assert!(again.said.contains(public) && !again.said.contains(secret), "{}", again.said);
    let removed = client_auth(&place, None, &["remove", "alice"]);
    assert_eq!(removed.code, 0);
    assert!(removed.said.contains("SIGHUP") && removed.said.contains("nobody finds the service"), "{}", removed.said);
}

#[test]
fn a_key_for_c_tor_lies_where_c_tor_looks() {
    let (place, host) = introducer("");
    fs::create_dir(place.path("keys")).unwrap();
    fs::set_permissions(place.path("keys"), fs::Permissions::from_mode(0o700)).unwrap();
    let address = format!("{host}:80");
    let arguments = ["client-auth", "keygen", "--introducer", &address, "--dir", "keys", "--name", "cellar", "--json"];
    let made = place.run(&arguments);
    assert_eq!(made.json()["file"], "keys/cellar.auth_private");
    assert!(made.said.contains("systemctl reload"), "{}", made.said);
    assert!(place.read("keys/cellar.auth_private").starts_with(host.trim_end_matches(".onion")));
}

#[test]
fn who_is_not_restricted_is_told_so() {
    let (place, _) = introducer("");
    let empty = client_auth(&place, None, &["list"]);
    assert!(empty.out.is_empty() && empty.said.contains("everybody"), "{}", empty.said);
    for arguments in [&["add", "alice", KEY] as &[_], &["list"], &["remove", "alice"]] {
        let ended = client_auth(&place, None, arguments);
        assert_eq!(ended.code, 0);
        assert!(ended.said.contains("`client_auth = true` is not set"), "{arguments:?}: {}", ended.said);
    }
    assert_eq!(client_auth(&place, None, &["list", "--json"]).json()["restricted"], false);
}

#[test]
fn c_tor_is_not_opened_to_everybody_by_mistake() {
    let (place, _) = introducer("");
    let c_tor = Some("tor/onion");
    let added = client_auth(&place, c_tor, &["add", "alice", KEY]);
    assert!(added.code == 0 && added.said.contains("systemctl reload"), "{}", added.said);
    assert_eq!(client_auth(&place, c_tor, &["list", "--json"]).json()["restricted"], true);
    let refused = client_auth(&place, c_tor, &["remove", "alice"]);
    assert_eq!(refused.code, 2);
    assert!(refused.said.contains("last client") && refused.said.contains("--open-to-everybody"), "{}", refused.said);
    assert_eq!(client_auth(&place, c_tor, &["list"]).out, format!("alice {KEY}\n"));
    let removed = client_auth(&place, c_tor, &["remove", "alice", "--open-to-everybody"]);
    assert!(removed.code == 0 && removed.said.contains("systemctl restart"), "{}", removed.said);
    assert_eq!(client_auth(&place, c_tor, &["list", "--json"]).json()["restricted"], false);
}

#[test]
fn an_address_leaves_for_c_tor_and_comes_back() {
    let (place, host) = introducer("port = 4000");
    let shown = onion_key(&place, &["show", "--json"]).json();
    assert_eq!(shown, serde_json::json!({ "address": format!("{host}:4000"), "directory": "tor/onion", "clients": 0 }));
    let exported = onion_key(&place, &["export", "c-tor"]);
    assert_eq!((exported.code, exported.out.trim()), (0, format!("{host}:4000").as_str()), "{}", exported.said);
    for line in ["HiddenServiceDir /", "HiddenServicePort 4000 unix:/", "HiddenServiceExportCircuitID haproxy", "chown"]
    {
        assert!(exported.said.contains(line), "{line}: {}", exported.said);
    }
    assert_eq!(onion_key(&place, &["export", "c-tor"]).code, 2);
    fs::rename(place.path("tor/onion"), place.path("gone")).unwrap();
    let imported = onion_key(&place, &["import", "c-tor"]);
    assert_eq!((imported.code, imported.out.trim()), (0, format!("{host}:4000").as_str()), "{}", imported.said);
    assert!(imported.said.contains("restart that tor before"), "{}", imported.said);
    assert_eq!(onion_key(&place, &["show"]).out.trim(), format!("{host}:4000"));
}

#[test]
fn a_move_never_opens_a_restricted_service() {
    let (place, _) = introducer("client_auth = true");
    let refused = onion_key(&place, &["export", "c-tor"]);
    assert_eq!(refused.code, 2);
    assert!(refused.said.contains("C tor would open it to everybody"), "{}", refused.said);
    assert!(!place.path("c-tor").exists());
    client_auth(&place, None, &["add", "alice", KEY]);
    assert_eq!(onion_key(&place, &["export", "c-tor"]).code, 0);
    fs::rename(place.path("tor"), place.path("gone")).unwrap();
    configure(&place, "");
    let refused = onion_key(&place, &["import", "c-tor"]);
    assert_eq!(refused.code, 2);
    assert!(refused.said.contains("set `client_auth = true`") && !place.path("tor").exists(), "{}", refused.said);
    configure(&place, "client_auth = true");
    assert_eq!(onion_key(&place, &["import", "c-tor"]).code, 0);
    assert_eq!(client_auth(&place, None, &["list"]).out, format!("alice {KEY}\n"));
}

#[test]
fn a_secret_given_by_mistake_is_not_repeated() {
    let (place, host) = introducer("");
    place.run(&["client-auth", "keygen", "--introducer", &host, "--config", "node.toml", "--name", "a"]);
    let line = place.read("mine/clients/a.auth_private");
    let ended = client_auth(&place, None, &["add", "alice", line.trim()]);
    assert_eq!(ended.code, 2);
    assert!(ended.said.contains("make a new pair"), "{}", ended.said);
    assert!(!ended.said.contains(&line.trim()[80..]), "{}", ended.said);
    assert_eq!(client_auth(&place, None, &["list"]).out, "");
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let (place, _) = introducer("");
    fs::set_permissions(place.path("tor/onion"), fs::Permissions::from_mode(0o755)).unwrap();
    for ended in [onion_key(&place, &["show"]), client_auth(&place, None, &["add", "alice", KEY])] {
        assert_eq!(ended.code, 2);
        assert!(ended.said.contains("mode 0755") && ended.said.contains("chmod go= tor/onion"), "{}", ended.said);
    }
}
