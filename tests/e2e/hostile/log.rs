//! What the log does not say.

use std::io::Write as _;

use anteroom::{
    protocol::{Blob, Hello, Request},
    record::{ContactRecord, HashedNodeId},
};

use super::{limits, siege::Siege};
use crate::support::{
    introducer::Introducer,
    records::{Node, grid},
};

/// A number that no other number in a log is equal to by chance.
const CIRCUIT: u32 = 0x5ade_cafe;
const NICKNAME: &str = "quidditas";

/// Lines at info and above.
fn loud(log: &str) -> Vec<String> {
    log.lines().filter(|line| !line.contains("DEBUG") && !line.contains("TRACE")).map(String::from).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that a line could give away, as it might be spelled.
fn needles(node: &Node, claims: &ContactRecord) -> Vec<String> {
    let hash = HashedNodeId::new(&grid(), &node.id());
    let id = node.id().to_string();
    let mut needles = vec![
        CIRCUIT.to_string(),
        format!("{CIRCUIT:x}"),
        "5ade:cafe".into(),
        "fc00:".into(),
        NICKNAME.into(),
        hex(node.id().as_bytes()),
        hex(hash.as_bytes()),
        // Bytes as Rust's `{:?}` prints them.
        format!("{:?}", &node.id().as_bytes()[..4]).trim_matches(['[', ']']).into(),
        id.trim_start_matches(|c: char| c != '1')[1..17].into(),
    ];
    needles.extend(claims.addresses().map(|address| address.to_string()[..16].into()));
    needles
}

#[test]
fn no_line_per_request_and_none_that_names_anybody() {
    let mut introducer = Introducer::with_config(&limits(""));
    let siege = Siege::begin(&introducer);
    let node = Node::new(77);
    let claims = ContactRecord { nickname: NICKNAME.parse().ok(), ..node.claims(2) };
    let (record, mut wire) = (node.sign(&claims), introducer.wire(CIRCUIT));
    let before = loud(&introducer.log());
    let mut forged = record.bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    for bytes in [record.bytes(), &forged, &[1; 100], &[2; 100], node.record(1).bytes(), node.record(2).bytes()] {
        wire.publish(bytes).unwrap();
    }
    let prefix = *HashedNodeId::new(&grid(), &node.id()).as_bytes();
    wire.lookup(prefix).unwrap();
    wire.list(Some("storage"), None).unwrap();
    wire.send(&Request::Evidence { node: *node.id().as_bytes() }).unwrap();
    wire.receive().unwrap();
    wire.send(&Request::Watch { service: None, since_hours: None }).unwrap();
    wire.pages().unwrap();
    wire.send(&Request::About).unwrap();
    assert!(wire.is_closed());
    let publish = Request::Publish { record: Blob(record.bytes()) }.encode(Some(Hello::OURS)).unwrap();
    for broken in [&[0xff; 64], &publish[4..68], &[0; 64]] {
        let mut wire = introducer.wire(CIRCUIT);
        wire.stream.write_all(broken).unwrap();
        assert!(wire.is_closed());
    }
    siege.wait_rounds(20);
    siege.end(&introducer, "logging");
    assert_eq!(loud(&introducer.log()), before, "lines per request");
    assert!(introducer.terminate().success());
    introducer.launch();
    assert!(introducer.terminate().success());
    let log = introducer.log();
    assert!(log.contains("ready"), "the log is the one that is looked at");
    for needle in needles(&node, &claims) {
        assert!(!log.contains(&needle), "{needle} is in the log");
    }
}
