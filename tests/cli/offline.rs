//! What needs no network: keys, records, generated files.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Stdio};

use crate::{
    network::unlabelled,
    program::{ONION, Place, grid},
};

fn sign(place: &Place, out: &str) -> crate::program::Ended {
    place.run(&["node", "sign", "--config", "node.toml", "--out", out, "--json"])
}

#[test]
fn a_node_signs_and_the_record_says_what_was_typed() {
    let place = Place::with_node("nickname = \"cellar\"\nlifetime_hours = 24");
    let id = place.run(&["node", "show", "--config", "node.toml", "--json"]).json();
    assert_eq!(id["seq"], 0);
    let signed = sign(&place, "record");
    assert_eq!((signed.code, signed.said.as_str()), (0, ""));
    let shown = place.run(&["node", "show", "--record", "record", "--json"]);
    let record = unlabelled(shown.json());
    assert_eq!(record, signed.json());
    assert_eq!(record["node"], id["node"]);
    assert_eq!(record["grid"], grid().to_string());
    assert_eq!((&record["seq"], &record["withdrawn"]), (&1.into(), &false.into()));
    assert_eq!(record["nickname"], "cellar");
    assert_eq!(record["services"][0]["addresses"][0], ONION);
    assert_eq!(record["expires_hours"].as_u64(), record["issued_hours"].as_u64().map(|hours| hours + 24));
    let text = place.run(&["node", "show", "--record", "record"]).out;
    for part in ["calls itself \"cellar\"", "record 1, holds for", "storage (version 1)", ONION] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn every_signature_has_a_number_of_its_own() {
    let place = Place::with_node("");
    for seq in 1..=3 {
        assert_eq!(sign(&place, "record").json()["seq"], seq);
        assert_eq!(place.read("node.key.seq"), format!("{seq}\n"));
    }
    assert_eq!(place.run(&["node", "show", "--config", "node.toml", "--json"]).json()["seq"], 3);
}

#[test]
fn a_withdrawal_offers_nothing_and_claims_nothing() {
    let place = Place::with_node("nickname = \"cellar\"");
    let arguments = ["node", "sign", "--config", "node.toml", "--out", "record", "--withdraw", "--json"];
    let record = place.run(&arguments).json();
    assert_eq!(record["withdrawn"], true);
    assert_eq!(record["nickname"], serde_json::Value::Null);
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let place = Place::with_node("");
    fs::set_permissions(place.path("node.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let ended = sign(&place, "record");
    assert_eq!(ended.code, 2);
    assert!(ended.said.contains("mode 0644") && ended.said.contains("chmod 600"), "{}", ended.said);
    assert!(!place.path("record").exists() && !place.path("node.key.seq").exists());
}

#[test]
fn nothing_but_a_record_is_written_over() {
    let place = Place::with_node("");
    let (key, config) = (place.read("node.key"), place.read("node.toml"));
    for taken in ["node.key", "node.toml", "."] {
        let ended = sign(&place, taken);
        assert_eq!(ended.code, 2, "{}", ended.said);
        assert!(ended.said.contains("exists and is no record file"), "{}", ended.said);
    }
    assert_eq!((place.read("node.key"), place.read("node.toml")), (key, config));
    let created = place.run(&["node", "keygen", "--out", "node.key"]);
    assert_eq!(created.code, 2);
    assert!(created.said.contains("exists already"), "{}", created.said);
}

#[test]
fn a_damaged_record_is_not_shown() {
    let place = Place::with_node("");
    sign(&place, "record");
    let whole = place.read("record");
    place.write("record", &whole[..whole.len() - 9]);
    let ended = place.run(&["node", "show", "--record", "record"]);
    assert_eq!((ended.code, ended.out.as_str()), (2, ""));
    assert!(ended.said.contains("is not a signed record"), "{}", ended.said);
}

#[test]
fn a_record_does_not_leave_for_another_grid() {
    let place = Place::with_node(&format!("introducers = [\"{ONION}\"]"));
    sign(&place, "record");
    let other = anteroom::record::GridSecret::from_seed([2; 32]).id().to_string();
    place.write("other.toml", &place.read("node.toml").replace(&grid().to_string(), &other));
    let ended = place.run(&["node", "publish", "--config", "other.toml", "--record", "record"]);
    assert_eq!(ended.code, 2);
    assert!(ended.said.contains("for another grid") && ended.said.contains("nothing was sent"), "{}", ended.said);
}

#[test]
fn what_does_not_fit_a_record_is_told() {
    let place = Place::with_node("");
    let long = "x".repeat(256);
    let attributes: String = (0..9).map(|index| format!("a{index} = \"{long}\"\n")).collect();
    place.write("node.toml", &format!("{}[service.attributes]\n{attributes}", place.read("node.toml")));
    let ended = sign(&place, "record");
    assert_eq!(ended.code, 2);
    assert!(ended.said.contains("larger than 2048 bytes"), "{}", ended.said);
}

#[test]
fn what_init_writes_can_be_filled_in_and_used() {
    let place = Place::new();
    let grid = grid().to_string();
    assert_eq!(place.run(&["init", "node", ".", "--grid", &grid]).code, 0);
    assert_eq!(place.run(&["node", "keygen", "--out", "node.key"]).code, 0);
    let uncommented: Vec<_> = ["key", "nickname", "[[service]]", "name", "addresses"].into();
    let fill = |line: &str| match line.strip_prefix('#') {
        Some(rest) if uncommented.iter().any(|key| rest.starts_with(key)) => rest.to_owned(),
        _ => line.to_owned(),
    };
    let text: Vec<_> = place.read("node.toml").lines().map(fill).collect();
    place.write("node.toml", &text.join("\n"));
    assert_eq!(sign(&place, "record").code, 0);
}

#[test]
fn there_is_a_man_page_for_every_command_and_a_script_for_every_shell() {
    let place = Place::new();
    assert_eq!(place.run(&["man", "--out", "man/man1"]).code, 0);
    for page in ["anteroom", "anteroom-serve", "anteroom-node-publish", "anteroom-init-introducer", "anteroom-lookup"] {
        assert!(place.read(&format!("man/man1/{page}.1")).contains(".TH"), "{page}");
    }
    for page in ["anteroom", "anteroom-node-publish", "anteroom-list"] {
        assert!(place.read(&format!("man/man1/{page}.1")).contains("Exit codes"), "{page}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = place.run(&["completions", shell]);
        assert!(ended.code == 0 && ended.out.contains("anteroom"), "{shell}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_panic_and_a_full_disk_no_success() {
    let place = Place::new();
    let mut child =
        place.command(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = crate::program::Ended::from(child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.said.as_str()), (0, ""));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let ended = place.command(&["completions", "bash"]).stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("can't write to standard output"));
}
