//! From an invitation to a member: what each command does, and what it refuses.

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, process::Stdio};

use anteroom::{keys, record::GridSecret};

use crate::{
    network::{Network, introducers, onion},
    program::{Ended, ONION},
};

const GRANTED: &str = "[admission]\npolicy = \"granted\"";

/// A grid of introducers, and the place of whoever runs it.
fn grid_of(numbers: &[u8]) -> Network {
    let mut network = Network::new(numbers);
    for number in numbers {
        network.serve(*number, GRANTED);
    }
    keys::create_grid(&network.node.path("grid.key"), &GridSecret::from_seed([1; 32])).unwrap();
    network.node.configure("storage", &format!("{}\npetnames = \"petnames\"", introducers(numbers)));
    network
}

fn done(ended: Ended) -> Ended {
    assert_eq!(ended.code, 0, "{}", ended.said);
    ended
}

fn fails(ended: &Ended, code: i32, why: &str) {
    assert_eq!(ended.code, code, "{}", ended.said);
    assert!(ended.said.contains(why), "{}", ended.said);
    assert!(!ended.said.contains("panicked"), "{}", ended.said);
}

/// The line for somebody, at these introducers.
fn invite(network: &Network, name: &str, numbers: &[u8], more: &[&str]) -> String {
    let addresses: Vec<String> = numbers.iter().map(|number| onion(*number)).collect();
    let mut arguments = vec!["grid", "invite", name, "--key", "grid.key"];
    for address in &addresses {
        arguments.extend(["--introducer", address]);
    }
    arguments.extend(more);
    done(network.node.run(&arguments)).out.trim().to_owned()
}

/// `anteroom join`, with the line on standard input.
fn join(network: &Network, directory: &str, line: &str) -> Ended {
    let mut command = network.node.command(&["join", directory, "--socks", "socks"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that has no use for it may be gone.
    let _ = child.stdin.take().unwrap().write_all(format!("{line}\n").as_bytes());
    child.wait_with_output().unwrap().into()
}

/// Types a service into the configuration that `join` wrote, and publishes it.
fn publish(network: &Network, directory: &str) -> Ended {
    let file = format!("{directory}/node.toml");
    let text = network.node.read(&file);
    if !text.contains("\n[[service]]") {
        network.node.write(&file, &format!("{text}\n[[service]]\nname = \"storage\"\naddresses = [\"{ONION}\"]\n"));
    }
    network.node.run(&["node", "publish", "--config", &file])
}

fn id(network: &Network, directory: &str) -> String {
    let config = format!("{directory}/node.toml");
    done(network.node.run(&["node", "show", "--config", &config, "--json"])).json()["node"].as_str().unwrap().to_owned()
}

/// The invitation of a name, as the book has it.
fn entry(network: &Network, name: &str, more: &[&str]) -> serde_json::Value {
    let list = done(network.node.run(&[&["grid", "invitations", "--json"], more].concat())).json();
    list.as_array().unwrap().iter().find(|entry| entry["name"] == name).unwrap().clone()
}

fn confirm(network: &Network, more: &[&str]) -> Ended {
    network.node.run(&[&["grid", "confirm", "--key", "grid.key", "--config", "node.toml"], more].concat())
}

const CONFIG: [&str; 2] = ["--config", "node.toml"];

#[test]
fn a_friend_comes_in_by_an_invitation_and_stays() {
    let network = grid_of(&[1, 2]);
    let line = invite(&network, "Bob", &[1, 2], &["--services", "storage"]);
    assert!(line.starts_with("anteroom-invite1"));
    assert_eq!(fs::metadata(network.node.path("invitations.json")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!network.node.read("invitations.json").contains(&line[16..60]), "the book does not hold the invitation");
    assert_eq!(entry(&network, "Bob", &[])["state"], "open");

    let joined = done(join(&network, "bob", &line));
    assert!(joined.said.contains("it answers"), "{}", joined.said);
    assert_eq!(fs::metadata(network.node.path("bob")).unwrap().permissions().mode() & 0o777, 0o700);
    let bob = id(&network, "bob");
    done(join(&network, "bob", ""));
    assert_eq!(id(&network, "bob"), bob, "a second run makes nothing new");
    done(publish(&network, "bob"));
    assert!(network.listed(2).iter().any(|record| record["node"] == bob.as_str()));

    let seen = entry(&network, "Bob", &CONFIG);
    assert_eq!((&seen["state"], &seen["used_by"][0]), (&"redeemed".into(), &bob.clone().into()));
    let confirmed = done(confirm(&network, &[]));
    assert!(confirmed.said.contains("may stay"), "{}", confirmed.said);
    assert_eq!(entry(&network, "Bob", &[])["state"], "confirmed");
    let names = done(network.node.run(&["petname", "list", "--petnames", "petnames"]));
    assert!(names.out.contains("Bob") && names.out.contains(&bob), "{}", names.out);

    let grant = ["grid", "show", "--grant", "bob/node.grant", "--json"];
    assert_eq!(done(network.node.run(&grant)).json()["keys"].as_array().unwrap().len(), 2, "by the invitation");
    let told = done(publish(&network, "bob"));
    assert!(told.said.contains("lets it stay"), "{}", told.said);
    assert_eq!(done(network.node.run(&grant)).json()["keys"].as_array().unwrap().len(), 1, "by the grid");
    done(publish(&network, "bob"));
    done(confirm(&network, &[]));

    // The invitation is used up, though nobody rests on it any more.
    done(join(&network, "eve", &line));
    fails(&publish(&network, "eve"), 3, "the invitation was used for another node");
    assert_eq!(entry(&network, "Bob", &CONFIG)["state"], "used twice");
}

#[test]
fn a_second_use_is_shown_to_whoever_invited_and_nobody_is_confirmed_by_it() {
    let network = grid_of(&[1, 2]);
    let line = invite(&network, "Bob", &[1, 2], &["--services", "storage"]);
    done(join(&network, "bob", &line));
    done(publish(&network, "bob"));
    done(join(&network, "eve", &line));
    fails(&publish(&network, "eve"), 3, "the invitation was used for another node");
    let told = done(confirm(&network, &[]));
    assert!(told.said.contains("somebody else has seen it"), "{}", told.said);
    let seen = entry(&network, "Bob", &[]);
    assert_eq!((&seen["state"], &seen["confirmed"]), (&"used twice".into(), &serde_json::Value::Null));
    let (bob, eve) = (id(&network, "bob"), id(&network, "eve"));
    assert_eq!(seen["used_by"], serde_json::json!([bob, eve]));
    // Whoever knows better says so.
    done(confirm(&network, &["Bob", "--node", &bob]));
    assert!(done(publish(&network, "bob")).said.contains("lets it stay"));
}

#[test]
fn a_second_use_at_another_introducer_is_found_by_comparing() {
    let mut network = grid_of(&[1, 2]);
    let line = invite(&network, "Bob", &[1, 2], &["--any-service"]);
    done(join(&network, "bob", &line));
    done(join(&network, "eve", &line));
    let only = |directory: &str, number: u8| {
        let file = format!("{directory}/node.toml");
        let other = format!("    \"{}\",\n", onion(3 - number));
        let text = network.node.read(&file);
        assert!(text.contains(&other));
        network.node.write(&file, &text.replace(&other, ""));
    };
    only("bob", 1);
    only("eve", 2);
    done(publish(&network, "bob"));
    done(publish(&network, "eve"));
    assert_eq!(entry(&network, "Bob", &CONFIG)["state"], "used twice");

    // Where one does not answer, nobody is confirmed by itself: that may be where the other one is.
    let line = invite(&network, "Dan", &[1, 2], &["--any-service"]);
    done(join(&network, "dan", &line));
    done(publish(&network, "dan"));
    network.end(2);
    let told = confirm(&network, &["Dan"]);
    fails(&told, 7, "a second use there would not be seen");
    assert_eq!(entry(&network, "Dan", &[])["state"], "redeemed");
}

#[test]
fn an_invitation_can_be_taken_back() {
    let network = grid_of(&[1]);
    let line = invite(&network, "Bob", &[1], &["--services", "storage"]);
    done(join(&network, "bob", &line));
    done(publish(&network, "bob"));
    let bob = id(&network, "bob");
    let uninvite = ["grid", "uninvite", "Bob", "--key", "grid.key", "--list", "revoked"];
    let told = done(network.node.run(&uninvite));
    assert!(told.out.contains(entry(&network, "Bob", &[])["key"].as_str().unwrap()), "{}", told.out);
    assert_eq!(entry(&network, "Bob", &[])["state"], "revoked");
    done(network.node.run(&[&["grid", "publish", "--list", "revoked"], &CONFIG[..]].concat()));
    assert!(!network.listed(1).iter().any(|record| record["node"] == bob.as_str()), "gone");
    fails(&publish(&network, "bob"), 3, "was revoked");
    done(confirm(&network, &[]));
    assert_eq!(entry(&network, "Bob", &[])["confirmed"], serde_json::Value::Null);
    fails(&network.node.run(&["grid", "uninvite", "Nobody"]), 2, "no invitation for");
}

#[test]
fn a_member_who_may_invite_does_so_with_a_key_of_its_own() {
    let network = grid_of(&[1]);
    let alice = done(network.node.run(&["node", "show", "--config", "node.toml", "--json"])).json()["node"].clone();
    let grant = ["grid", "grant", "--key", "grid.key", "--any-service", "--out", "alice.grant", "--node"];
    let with =
        |links: &str| done(network.node.run(&[&grant[..], &[alice.as_str().unwrap(), "--links", links]].concat()));
    let address = onion(1);
    let as_alice = ["--node-key", "node.key", "--grant", "alice.grant"];
    let invite = ["grid", "invite", "Bob", "--services", "storage", "--introducer", &address];
    with("1");
    fails(&network.node.run(&[&invite[..], &as_alice].concat()), 2, "nobody could use this invitation");
    with("2");
    let line = done(network.node.run(&[&invite[..], &as_alice].concat())).out;
    done(join(&network, "bob", line.trim()));
    done(publish(&network, "bob"));
    let told = done(confirm(&network, &[]));
    assert!(told.said.contains("only that one can confirm"), "{}", told.said);
    done(network.node.run(&[&["grid", "confirm"], &CONFIG[..], &as_alice].concat()));
    assert!(done(publish(&network, "bob")).said.contains("lets it stay"));
    let shown = done(network.node.run(&["grid", "show", "--grant", "bob/node.grant", "--json"])).json();
    assert_eq!(shown["keys"], serde_json::json!([alice, id(&network, "bob")]));
}

#[test]
fn a_reader_gets_keys_and_no_rights() {
    let network = grid_of(&[1, 2]);
    let addresses = [onion(1), onion(2)];
    let arguments = ["grid", "invite", "Carol Ä", "--reader", "--key", "grid.key", "--json"];
    let more = ["--introducer", &addresses[0], "--introducer", &addresses[1]];
    let invited = done(network.node.run(&[&arguments[..], &more].concat())).json();
    let clients = invited["clients"].as_array().unwrap();
    assert_eq!((clients.len(), &clients[0]["name"]), (2, &"carol".into()));
    assert_ne!(clients[0]["key"], clients[1]["key"], "nobody can join two operators' lists");
    done(join(&network, "carol", invited["invitation"].as_str().unwrap()));
    assert!(!network.node.path("carol/node.key").exists());
    let keys = fs::read_dir(network.node.path("carol/tor/clients")).unwrap().count();
    assert_eq!(keys, 2);
    done(network.node.run(&["list", "--config", "carol/node.toml"]));
    let told = done(network.node.run(&["grid", "uninvite", "Carol Ä"]));
    assert!(told.said.contains("anteroom client-auth remove carol"), "{}", told.said);
}

#[test]
fn what_can_not_be_used_is_refused_and_makes_nothing() {
    let network = grid_of(&[1]);
    let line = invite(&network, "Bob", &[1], &["--services", "storage"]);
    let address = onion(1);
    let again = ["grid", "invite", "Bob", "--key", "grid.key", "--any-service", "--introducer", &address];
    fails(&network.node.run(&again), 2, "there is an invitation for \"Bob\"");
    fails(&network.node.run(&[&again[..], &["--days", "15"]].concat()), 2, "15");
    for (text, why) in [
        ("", "is wrong or missing"),
        (&line[..line.len() - 1], "is wrong or missing"),
        (&line.to_uppercase(), "written exactly as it was printed"),
        (&"x".repeat(5000), "larger than"),
    ] {
        let ended = join(&network, "bob", text);
        fails(&ended, 2, why);
        assert!(text.is_empty() || !ended.said.contains(text), "a secret is not repeated");
        assert!(!network.node.path("bob").exists() && !network.node.path("bob.joining").exists());
    }
    fs::create_dir(network.node.path("bob")).unwrap();
    network.node.write("bob/diary", "mine");
    fails(&join(&network, "bob", &line), 2, "holds something else");
    network.node.write("line", &line);
    fs::set_permissions(network.node.path("line"), fs::Permissions::from_mode(0o644)).unwrap();
    let file = ["join", "dan", "--socks", "socks", "--invitation", "line"];
    fails(&network.node.run(&file), 2, "can be read or written by others");
    fs::set_permissions(network.node.path("line"), fs::Permissions::from_mode(0o600)).unwrap();
    done(network.node.run(&file));
    let drawn = ["grid", "invite", "Eve", "--key", "grid.key", "--any-service", "--introducer", &address, "--qr"];
    let (line, code) =
        done(network.node.run(&drawn)).out.split_once('\n').map(|(a, b)| (a.len(), b.to_owned())).unwrap();
    assert!(line < 1024 && code.lines().count() > 20 && code.contains('█'), "{code}");
    // It was cut short after it had made everything: the next run asks the introducers, and needs no invitation.
    fs::remove_file(network.node.path("line")).unwrap();
    done(network.node.run(&["join", "dan", "--socks", "socks"]));
}

#[test]
fn an_introducer_that_is_not_ready_is_named() {
    let mut network = grid_of(&[1, 2]);
    let line = invite(&network, "Bob", &[1, 2], &["--services", "storage"]);
    network.end(2);
    network.route(2, network.node.path("nobody"));
    let ended = join(&network, "bob", &line);
    fails(&ended, 7, "1 of 2 introducers are not ready");
    assert!(ended.said.contains(&onion(2)), "{}", ended.said);
}
