//! What a service shows to strangers. Whoever may speak asks it; here the answers are judged.

use std::{collections::BTreeSet, path::Path};

use super::{
    finding::{Place, Report},
    rule::rules,
};

rules! {
    ADDRESS_KIND = "remote-address-kind", Leak:
        "the service serves records with a kind of address that its own rules do not admit"
        => "its software or its store is not what it should be: compare versions, look at [addresses]";
    CLEARNET = "remote-clearnet", Leak:
        "the service admits addresses on the open internet: every reader learns where those nodes are"
        => "remove `clearnet = true` from introducer.toml unless every node of this grid is public anyway";
    KNOWN_UNKNOWN = "remote-known-unknown", Leak:
        "a key that is listed and one that is not are answered differently: a watcher of sizes learns which is which"
        => "its software is not what it should be: compare versions";
    SIZE = "remote-size", Leak:
        "an answer has a length of its own: lengths tell what was asked for"
        => "its software is not what it should be: compare versions";
    BANNER = "remote-banner", Weak:
        "the service speaks before it is asked: what it says tells what it is, to everybody who scans addresses"
        => "find out what answers there: the introducer never speaks first";
    STRANGERS = "remote-answers-strangers", Weak:
        "the service answers what is no request of this protocol: the answer tells what it is"
        => "find out what answers there: the introducer closes such streams without a word";
    OTHER_PORT = "remote-other-port", Weak:
        "another port of this address answers: what is behind it can be recognised, and tell where the machine is"
        => "remove every HiddenServicePort but the introducer's";
    UNVERIFIABLE = "remote-unverifiable", Weak:
        "the service serves records that fail verification: clients drop them, and pay for it"
        => "its software or its store is not what it should be: compare versions";
    EXACT = "remote-lookup-exact", Weak:
        "the service asks clients to name the node they look for"
        => "remove `mode = \"exact\"` from introducer.toml";
    IMMEDIATE = "remote-watch-immediate", Weak:
        "the service tells changes at once: whoever watches learns to the second when a node publishes"
        => "remove `delivery = \"immediate\"` from introducer.toml";
}

/// What was seen of a service from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// It sent something before it was asked.
    pub spoke_first: bool,
    /// What is no request at all was answered, and with so many bytes.
    pub answered_strangers: bool,
    /// A frame's length was none of the four.
    pub odd_length: bool,
    /// What a listed key was answered with: kind and length of every frame. `None`: no record is listed.
    pub known: Option<Vec<(String, usize)>>,
    /// The same for keys that nobody has.
    pub unknown: Vec<Vec<(String, usize)>>,
    /// Other ports that let a stream in.
    pub other_ports: BTreeSet<u16>,
    /// Its rules admit addresses on the open internet.
    pub admits_clearnet: bool,
    /// It wants lookups that name the node.
    pub exact: bool,
    /// It tells changes at once.
    pub immediate: bool,
    /// Records with addresses of a kind that its own rules do not admit.
    pub wrong_kind: u64,
    /// Records that fail verification, or are of another grid.
    pub unverifiable: u64,
}

/// Judges what was seen of the service at `address`.
pub fn judge_remote(address: &str, seen: &Seen) -> Report {
    let mut report = Report::default();
    let mut find = |wrong: bool, rule, found: String| {
        if wrong {
            report.find(rule, Place::whole(Path::new(address)), found);
        }
    };
    find(seen.spoke_first, &BANNER, String::new());
    find(seen.answered_strangers, &STRANGERS, String::new());
    find(seen.odd_length, &SIZE, String::new());
    find(seen.admits_clearnet, &CLEARNET, String::new());
    find(seen.exact, &EXACT, String::new());
    find(seen.immediate, &IMMEDIATE, String::new());
    find(seen.wrong_kind > 0, &ADDRESS_KIND, format!("{} records", seen.wrong_kind));
    find(seen.unverifiable > 0, &UNVERIFIABLE, format!("{} records", seen.unverifiable));
    let answers = seen.known.iter().chain(&seen.unknown);
    let different: BTreeSet<_> = answers.collect();
    find(different.len() > 1, &KNOWN_UNKNOWN, format!("{} kinds of answers", different.len()));
    for port in &seen.other_ports {
        find(true, &OTHER_PORT, format!("port {port}"));
    }
    report.sort();
    report
}
