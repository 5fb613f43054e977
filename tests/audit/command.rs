//! The command: exit codes by weight, a table, JSON, and words for what was not judged.

use anteroom::audit::rules;
use serde_json::Value;

use crate::program::{ONION, Place, grid};

const GOOD: &str = "SocksPort 0\nControlPort 0\n";

fn rule_ids(json: &Value) -> Vec<&str> {
    json["findings"].as_array().expect("a list").iter().map(|finding| finding["rule"].as_str().expect("text")).collect()
}

#[test]
fn the_exit_code_tells_the_weight_of_the_worst() {
    for (text, code) in [
        (GOOD.to_owned(), 0),
        (format!("{GOOD}Sandbox 0\n"), 0),
        (format!("{GOOD}VanguardsLiteEnabled 0\n"), 8),
        (format!("{GOOD}VanguardsLiteEnabled 0\nORPort 9001\n"), 9),
    ] {
        let place = Place::new();
        place.write("torrc", &text);
        let ended = place.run(&["audit", "torrc"]);
        assert_eq!(ended.code, code, "{text}: {ended:?}");
        // What can't be judged is worse than a weakness, and does not hide a leak.
        let ended = place.run(&["audit", "torrc", "none.torrc"]);
        assert_eq!(ended.code, if code == 9 { 9 } else { 2 }, "{text}: {ended:?}");
        assert!(ended.said.contains("not judged: none.torrc: No such file"), "{}", ended.said);
    }
}

#[test]
fn a_person_reads_why_where_and_what_to_do() {
    let place = Place::new();
    place.write("torrc", &format!("{GOOD}ORPort 9001\nVanguardsLiteEnabled 0\n"));
    let ended = place.run(&["audit", "torrc"]);
    let lines: Vec<_> = ended.out.lines().collect();
    assert!(lines[0].starts_with("leak  torrc-relay: this tor is a relay"), "{}", ended.out);
    assert_eq!(lines[1], "      torrc:3  ORPort 9001");
    assert!(lines[2].starts_with("      → remove the line"), "{}", ended.out);
    assert!(lines[3].starts_with("weak  torrc-vanguards-off: "), "{}", ended.out);
    assert_eq!(ended.said, "anteroom: leaks: 1, weaknesses: 1, notes: 0\n");
}

#[test]
fn a_program_reads_all_of_it_as_json() {
    let place = Place::new();
    place.write("torrc", &format!("{GOOD}ORPort 9001\nHiddenServiceDir /nonexistent/onion\n"));
    let json = place.run(&["audit", "--json", "torrc", "none.torrc"]).json();
    assert_eq!(rule_ids(&json), ["torrc-relay", "torrc-circuit-id", "torrc-max-streams"]);
    let first = &json["findings"][0];
    assert_eq!((&first["severity"], &first["line"], &first["offset"]), (&"leak".into(), &3.into(), &Value::Null));
    assert_eq!((&first["file"], &first["found"]), (&"torrc".into(), &"ORPort 9001".into()));
    assert_eq!(json["unread"][0]["file"], "none.torrc");
    assert_eq!(json["unseen"][0]["file"], "/nonexistent/onion");
}

#[test]
fn a_locked_process_is_attacked_and_what_was_denied_is_told() {
    for profile in ["--attack", "--attack=unix-connect", "--attack=egress-tcp"] {
        let ended = Place::new().run(&["audit", profile, "--json"]);
        let json = ended.json();
        assert!(!rule_ids(&json).contains(&"kernel-attack"), "{ended:?}");
        assert!(ended.said.contains("attempts denied\n  can't be denied whether a path exists"), "{}", ended.said);
    }
}

#[test]
fn the_rules_can_be_listed() {
    let place = Place::new();
    let listed = place.run(&["audit", "--rules", "--json"]).json();
    assert_eq!(listed["rules"].as_array().expect("a list").len(), rules().len());
    let text = place.run(&["audit", "--rules"]).out;
    for rule in rules() {
        assert!(text.contains(&format!("{}  {}\n", rule.severity(), rule.id())), "{}", rule.id());
    }
}

#[test]
fn addresses_are_listed_with_the_line_where_they_were_typed() {
    let place = Place::with_node("");
    let text = place.read("node.toml");
    let number = 1 + text.lines().position(|line| line.starts_with("addresses")).expect("addresses");
    let ended = place.run(&["audit", "--addresses", "node.toml"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.out, format!("published  {ONION}  for `storage`, typed in node.toml:{number}\n"));
    let json = place.run(&["audit", "--addresses", "--json", "node.toml"]).json();
    let expected = serde_json::json!({ "address": ONION, "service": "storage", "file": "node.toml", "line": number,
                                       "offset": null });
    assert_eq!(json["addresses"], serde_json::json!([expected]));
}

#[test]
fn what_init_writes_yields_nothing() {
    let place = Place::new();
    let grid = grid().to_string();
    assert_eq!(place.run(&["init", "introducer", ".", "--grid", &grid]).code, 0);
    assert_eq!(place.run(&["init", "node", ".", "--grid", &grid]).code, 0);
    let ended = place.run(&["audit", "--memory-mib", "1024", "introducer.toml", "node.toml"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{}", ended.said);
}

#[test]
fn without_anything_to_judge_it_says_so() {
    let ended = Place::new().run(&["audit"]);
    assert_eq!(ended.code, 2);
    assert!(ended.said.contains("nothing to judge") && ended.said.contains("/etc/tor/torrc"), "{}", ended.said);
}

#[test]
fn a_kind_that_is_named_is_not_guessed() {
    let place = Place::new();
    place.write("a", "ORPort 9001\nSocksPort 0\n");
    place.write("b", "[upnp]\nenabled = true\n");
    let json = place.run(&["audit", "--json", "--torrc", "a", "--i2pd", "b"]).json();
    assert_eq!(rule_ids(&json), ["torrc-relay", "i2p-upnp"]);
    assert_eq!(json["unread"], serde_json::json!([]));
}

#[test]
fn this_program_is_judged_when_no_other_is_named() {
    // A build of tests holds the paths of its machine, unless somebody remapped them.
    let ended = Place::new().run(&["audit", "--binary", "--json"]);
    let findings = ended.json();
    for finding in findings["findings"].as_array().expect("a list") {
        assert_eq!((&finding["rule"], &finding["file"]), (&"binary-build-path".into(), &"/proc/self/exe".into()));
        assert!(finding["offset"].is_u64());
        assert!(!finding["found"].as_str().expect("text").contains('/'), "the path itself is not repeated");
    }
}
