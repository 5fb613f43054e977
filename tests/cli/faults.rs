//! What goes wrong on the way, and what a command makes of it.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the introducer that has no time is a socket and a thread of the test"
)]

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixListener,
    path::Path,
    thread,
};

use anteroom::protocol::{Hello, Response};

use crate::{
    network::{Network, introducers, onion},
    program::Ended,
};

fn node(network: &Network, command: &[&str]) -> Ended {
    network.node.run(&[command, &["--config", "node.toml"]].concat())
}

fn publish(network: &Network) -> Ended {
    node(network, &["node", "publish", "--json"])
}

/// Answers each stream that it has no time, whatever is asked.
fn busy_introducer(socket: &Path) {
    let listener = UnixListener::bind(socket).unwrap();
    let answer = Response::Busy { retry_after_seconds: 600 }.encode(Some(Hello::OURS.highest)).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // A part of the PROXY line and of the question is enough to answer.
            if stream.read(&mut [0; 4096]).is_ok_and(|bytes| bytes > 0) {
                let _ = stream.write_all(&answer);
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
    });
}

#[test]
fn who_takes_no_more_new_nodes_is_busy_and_is_not_waited_for_an_hour() {
    let mut network = Network::new(&[1]);
    network.serve(1, "[limits]\nnew_keys_per_hour_max = 1");
    assert_eq!(publish(&network).code, 0);
    assert_eq!(publish(&network).code, 0, "who is known may go on");
    network.node.write("other.toml", &network.node.read("node.toml").replace("node.key", "other.key"));
    assert_eq!(network.node.run(&["node", "keygen", "--out", "other.key"]).code, 0);
    let ended = network.node.run(&["node", "publish", "--config", "other.toml", "--json"]);
    assert_eq!(ended.code, 5, "{}", ended.said);
    assert!(ended.said.contains("the introducer is busy: try again in "), "{}", ended.said);
    let outcome = ended.json()["introducers"][0].clone();
    assert_eq!((&outcome["accepted"], &outcome["exit_code"]), (&false.into(), &5.into()));
    assert_eq!(network.listed(1).len(), 1);
}

#[test]
fn a_busy_introducer_is_passed_over_when_there_is_another() {
    let mut network = Network::new(&[1, 2]);
    let socket = network.node.path("busy");
    busy_introducer(&socket);
    network.route(1, socket);
    network.serve(2, "");
    for command in [["list"], ["about"]] {
        let ended = node(&network, &command);
        assert_eq!(ended.code, 0, "{}", ended.said);
        assert!(ended.said.contains(&format!("{}: the introducer is busy", onion(1))), "{}", ended.said);
    }
    let ended = publish(&network);
    assert_eq!(ended.code, 7, "{}", ended.said);
    let codes = [0, 1].map(|index| ended.json()["introducers"][index]["exit_code"].as_u64());
    assert_eq!(codes, [Some(5), Some(0)]);
    network.end(2);
    assert_eq!(node(&network, &["list"]).code, 4);
    network.node.configure("storage", &introducers(&[1]));
    for command in [["list"], ["about"]] {
        let ended = node(&network, &command);
        assert_eq!((ended.code, ended.out.as_str()), (5, ""), "{}", ended.said);
        assert!(ended.said.contains("ask again in 600 seconds"), "{}", ended.said);
    }
}

#[test]
fn the_proxys_refusal_is_told_in_words() {
    let mut network = Network::new(&[1]);
    let unreachable = |network: &Network, words: &str| {
        let commands: [&[&str]; 5] =
            [&["about", "--json"], &["list", "--json"], &["watch"], &["node", "publish"], &["node", "withdraw"]];
        for command in commands {
            let ended = node(network, command);
            assert_eq!((ended.code, ended.out.as_str()), (4, ""), "{command:?}: {}", ended.said);
            assert!(ended.said.contains(words), "{command:?}: {}", ended.said);
        }
    };
    unreachable(&network, "the onion service's descriptor can't be found: the introducer is down, or the address");
    network.serve(1, "");
    network.end(1);
    unreachable(&network, "the onion service does not listen on this port");
    network.node.write("node.toml", &network.node.read("node.toml").replace("\"socks\"", "\"none\""));
    unreachable(&network, "no SOCKS proxy answers on its socket");
}

#[test]
fn who_one_introducer_does_not_know_the_next_one_may() {
    let mut network = Network::new(&[2]);
    network.serve(1, "");
    network.serve(2, "");
    let id = publish(&network).json()["record"]["node"].as_str().unwrap().to_owned();
    network.node.configure("storage", &introducers(&[1, 2]));
    let ended = node(&network, &["lookup", &id, "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.said);
    assert_eq!(ended.json()["record"]["node"], id);
    // One that can't be asked does not hide that the other knows nothing.
    network.end(2);
    let ended = node(&network, &["lookup", &id, "--json"]);
    assert_eq!(ended.code, 6, "{}", ended.said);
    assert!(ended.said.contains(&onion(2)), "{}", ended.said);
}

#[test]
fn a_restored_backup_goes_on_by_itself_and_leaves_evidence() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    assert_eq!(publish(&network).json()["record"]["seq"], 1);
    let backup = network.node.read("node.key.seq");
    network.node.configure("changed", &introducers(&[1]));
    assert_eq!(publish(&network).json()["record"]["seq"], 2);
    network.node.write("node.key.seq", &backup);
    network.node.configure("again", &introducers(&[1]));
    let ended = publish(&network);
    assert_eq!((ended.code, &ended.json()["record"]["seq"]), (0, &3.into()), "{}", ended.said);
    assert_eq!(network.listed(1)[0]["services"][0]["name"], "again");
    let id = ended.json()["record"]["node"].as_str().unwrap().to_owned();
    let evidence = node(&network, &["lookup", &id, "--evidence", "--json"]).json()["evidence"].clone();
    let mut names = [0, 1].map(|index| evidence[index]["services"][0]["name"].as_str().unwrap().to_owned());
    names.sort();
    assert_eq!(names, ["again", "changed"]);
    assert!([0, 1].iter().all(|index| evidence[index]["seq"] == 2));
}

#[test]
fn no_record_leaves_before_its_number_is_on_the_disk() {
    let mut network = Network::new(&[1]);
    network.serve(1, "");
    // In the way of the counter, also for a test that runs as root.
    fs::create_dir(network.node.path("node.key.seq.new")).unwrap();
    for command in [&["node", "publish"] as &[&str], &["node", "withdraw"], &["node", "sign", "--out", "record"]] {
        let ended = node(&network, command);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{}", ended.said);
        assert!(ended.said.contains("node.key.seq"), "{}", ended.said);
    }
    assert!(network.dials.lock().unwrap().is_empty() && !network.node.path("record").exists());
    fs::remove_dir(network.node.path("node.key.seq.new")).unwrap();
    assert_eq!(publish(&network).json()["record"]["seq"], 1, "no number was used up");
}
