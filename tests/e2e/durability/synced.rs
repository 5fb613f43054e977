//! The order of things as the kernel saw it: an acknowledgement leaves after the disk has the record.

use super::{LIMITS, hash};
use crate::{
    support::{introducer::Introducer, records::Node, wire::Answer},
    trace::{Call, parse, strace},
};

const EXCHANGES: u64 = 8;
/// Frames with their lengths: a publish and a lookup.
const PUBLISH_BYTES: i64 = 4100;
const LOOKUP_BYTES: i64 = 1028;

/// For each request of so many bytes: was the store synced between its arrival and its answer?
fn synced(calls: &[Call], request_bytes: i64) -> Vec<bool> {
    let named = |call: &Call, names: &[&str]| names.contains(&call.name.as_str());
    let requests =
        calls.iter().filter(|call| named(call, &["read", "recvfrom", "recvmsg"]) && call.result == request_bytes);
    let synced = requests.map(|request| {
        let answer = calls.iter().find(|call| {
            call.begun > request.done && named(call, &["write", "sendto", "sendmsg"]) && call.file() == request.file()
        });
        let answer = answer.expect("each request was answered");
        calls.iter().any(|call| {
            let store = named(call, &["fsync", "fdatasync"]) && call.file().contains("records.redb");
            store && call.result == 0 && call.begun > request.done && call.done < answer.begun
        })
    });
    synced.collect()
}

#[test]
fn an_acknowledgement_leaves_after_the_disk_has_the_record() {
    let mut introducer = Introducer::prepared(LIMITS);
    let file = introducer.directory.path().join("trace");
    introducer.wrap(&strace("read,recvfrom,recvmsg,write,sendto,sendmsg,fsync,fdatasync", &file));
    introducer.launch();
    let mut wire = introducer.wire(1);
    for number in 0..EXCHANGES {
        let record = Node::new(number).record(1);
        assert_eq!(wire.publish(record.bytes()).unwrap(), Answer::Accepted);
        assert_eq!(wire.lookup(hash(&Node::new(number))).unwrap().as_deref(), Some(record.bytes()));
    }
    // Refused: nothing to sync.
    assert!(matches!(wire.publish(&[1; 3000]).unwrap(), Answer::Refused(..)));
    assert!(introducer.terminate().success());
    let calls = parse(&file);
    let mut publishes = synced(&calls, PUBLISH_BYTES);
    assert_eq!(publishes.pop(), Some(false), "the one that was refused");
    assert_eq!(publishes, [true; EXCHANGES as usize], "publishes");
    let lookups = synced(&calls, LOOKUP_BYTES);
    // The first of these asks whether the introducer is ready.
    assert!(lookups.len() as u64 >= EXCHANGES);
    assert!(lookups.iter().all(|synced| !synced), "the test sees no sync where there is none: {lookups:?}");
}
