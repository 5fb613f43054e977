//! Publish, look up, list, watch, withdraw: what an introducer is for.

use anteroom::{
    protocol::{Blob, LookupMode, RefusalCode, Request, Response, WatchMode},
    record::{ContactRecord, GridId, HashedNodeId, Lifetime, SignedRecord},
};

use crate::support::{
    introducer::Introducer,
    records::{Node, grid, this_hour},
    wire::{Answer, Wire},
};

const IMMEDIATE: &str = "[watch]\ndelivery = \"immediate\"";

fn hash(node: &Node) -> [u8; 32] {
    *HashedNodeId::new(&grid(), &node.id()).as_bytes()
}

#[test]
fn a_record_is_accepted_listed_found_and_withdrawn() {
    let introducer = Introducer::start();
    let (node, mut wire) = (Node::new(1), introducer.wire(1));
    let record = node.record(1);
    assert_eq!(wire.publish(record.bytes()).unwrap(), Answer::Accepted);
    assert_eq!(wire.publish(record.bytes()).unwrap(), Answer::Accepted, "the same bytes again");
    assert_eq!(wire.lookup(hash(&node)).unwrap().as_deref(), Some(record.bytes()));
    assert_eq!(introducer.wire(2).list(Some("storage"), None).unwrap(), [record.bytes()]);
    assert_eq!(introducer.wire(2).list(Some("relay"), None).unwrap(), Vec::<Vec<u8>>::new());

    let withdrawal = node.withdrawal(2);
    assert_eq!(wire.publish(withdrawal.bytes()).unwrap(), Answer::Accepted);
    assert_eq!(wire.list(Some("storage"), None).unwrap(), Vec::<Vec<u8>>::new());
    let replayed = wire.publish(record.bytes()).unwrap();
    assert_eq!(replayed, Answer::Refused(RefusalCode::Stale, Some(withdrawal.bytes().to_vec())));
    let since = Some(this_hour().minus_hours(2).hours());
    assert_eq!(wire.list(Some("storage"), since).unwrap(), [withdrawal.bytes()], "who resumes hears of it");
}

#[test]
fn everything_is_still_there_after_a_restart() {
    let mut introducer = Introducer::start();
    let records: Vec<_> = (0..100).map(|number| Node::new(number).record(1)).collect();
    let mut wire = introducer.wire(1);
    for record in &records {
        assert_eq!(wire.publish(record.bytes()).unwrap(), Answer::Accepted);
    }
    let other = Node::new(5).sign(&ContactRecord { nickname: "twin".parse().ok(), ..Node::new(5).claims(1) });
    assert!(matches!(wire.publish(other.bytes()).unwrap(), Answer::Refused(RefusalCode::SeqConflict, Some(_))));
    let order = wire.list(None, None).unwrap();
    assert!(introducer.terminate().success());
    introducer.launch();
    let mut wire = introducer.wire(1);
    let mut listed = wire.list(None, None).unwrap();
    listed.sort();
    let mut expected = order;
    expected.sort();
    assert_eq!(listed, expected);
    let stale = Node::new(7).sign(&ContactRecord { seq: 0, ..Node::new(7).claims(0) });
    assert!(matches!(wire.publish(stale.bytes()).unwrap(), Answer::Refused(RefusalCode::Stale, Some(_))));
    let pair = wire.ask(&Request::Evidence { node: *Node::new(5).id().as_bytes() }, |response| match response {
        Response::Evidence { pair } => pair.map(|(Blob(a), Blob(b))| [a.to_vec(), b.to_vec()]),
        other => panic!("{other:?}"),
    });
    assert_eq!(pair.unwrap().unwrap(), [records[5].bytes(), other.bytes()]);
}

#[test]
fn each_refusal_has_its_code() {
    let introducer = Introducer::start();
    let (node, mut wire) = (Node::new(1), introducer.wire(1));
    let claims = node.claims(1);
    let refused = |wire: &mut Wire, bytes: &[u8]| match wire.publish(bytes).unwrap() {
        Answer::Refused(code, None) => code,
        other => panic!("{other:?}"),
    };
    let good = node.sign(&claims).bytes().to_vec();
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(refused(&mut wire, &forged), RefusalCode::Signature);
    assert_eq!(refused(&mut wire, &[1; 2049]), RefusalCode::TooLarge);
    assert_eq!(refused(&mut wire, &[1; 100]), RefusalCode::Malformed);
    assert_eq!(refused(&mut wire, &[3; 100]), RefusalCode::RecordVersion);
    let foreign = ContactRecord { grid: GridId::from_bytes([1; 32]), ..claims.clone() };
    assert_eq!(refused(&mut wire, node.sign(&foreign).bytes()), RefusalCode::WrongGrid);
    let granted = ContactRecord { grants: vec![vec![1]], ..claims.clone() };
    assert_eq!(refused(&mut wire, node.sign(&granted).bytes()), RefusalCode::Grants);
    let mut clearnet = claims.clone();
    clearnet.services[0].addresses = vec!["example.com:80".parse().unwrap()];
    assert_eq!(refused(&mut wire, node.sign(&clearnet).bytes()), RefusalCode::AddressKind);
    let future = ContactRecord { issued: this_hour().plus_hours(4), ..claims.clone() };
    assert_eq!(refused(&mut wire, node.sign(&future).bytes()), RefusalCode::IssuedInFuture);
    let lifetime = Lifetime::from_hours(1).unwrap();
    let past = ContactRecord { issued: this_hour().minus_hours(2), lifetime, ..claims };
    assert_eq!(refused(&mut wire, node.sign(&past).bytes()), RefusalCode::Expired);
    assert_eq!(wire.list(None, None).unwrap(), Vec::<Vec<u8>>::new(), "nothing of that is listed");
    assert_eq!(wire.publish(&good).unwrap(), Answer::Accepted, "the stream is still good");
}

#[test]
fn about_tells_the_rules() {
    let introducer = Introducer::with_config("[lookup]\nmode = \"exact\"\n[watch]\ntick_seconds = 30");
    let about = introducer.wire(1).ask(&Request::About, |response| match response {
        Response::About(about) => about,
        other => panic!("{other:?}"),
    });
    let about = about.unwrap();
    assert_eq!(about.grid, *grid().as_bytes());
    assert_eq!((about.onion, about.i2p, about.clearnet), (true, true, false));
    assert_eq!(about.lookup, LookupMode::Exact);
    assert_eq!(about.watch, WatchMode::Tick { seconds: 30 });
}

#[test]
fn a_prefix_finds_a_crowd_and_each_member_once() {
    let introducer = Introducer::start();
    let mut wire = introducer.wire(1);
    for number in 0..200 {
        assert_eq!(wire.publish(Node::new(number).record(1).bytes()).unwrap(), Answer::Accepted);
    }
    let mut found = 0;
    for shelf in 0_u8..4 {
        let mut prefix = [0; 32];
        prefix[0] = shelf << 6;
        let mut after = None;
        loop {
            let request = Request::Lookup { prefix, bits: 2, after };
            let more = wire.ask(&request, |response| match response {
                Response::Shelf { records, more_after, bits } => {
                    assert_eq!(bits, 3, "16 or more of 200 share three bits");
                    for Blob(bytes) in &records {
                        let claims = SignedRecord::decode(bytes).unwrap().claims().clone();
                        assert_eq!(HashedNodeId::new(&grid(), &claims.node).as_bytes()[0] >> 6, shelf);
                    }
                    found += records.len();
                    more_after
                }
                other => panic!("{other:?}"),
            });
            after = more.unwrap();
            if after.is_none() {
                break;
            }
        }
    }
    assert_eq!(found, 200);
}

#[test]
fn known_and_unknown_nodes_get_answers_of_one_size() {
    let introducer = Introducer::start();
    let mut wire = introducer.wire(1);
    wire.publish(Node::new(1).record_of_size(1, 2048).bytes()).unwrap();
    for bits in [0, 16, 256] {
        let sizes = [Node::new(1), Node::new(2)].map(|node| {
            wire.send(&Request::Lookup { prefix: hash(&node), bits, after: None }).unwrap();
            wire.receive().unwrap().1
        });
        assert_eq!(sizes[0], sizes[1], "{bits} bits");
    }
}

#[test]
fn a_listing_streams_against_credit() {
    let introducer = Introducer::start();
    let mut wire = introducer.wire(1);
    for number in 0..40 {
        wire.publish(Node::new(number).record_of_size(1, 2000).bytes()).unwrap();
    }
    wire.send(&Request::List { service: None, since_hours: None, credit_pages: 1 }).unwrap();
    let mut records = 0;
    for page in 0.. {
        let (payload, _) = wire.receive().unwrap();
        let Response::Page { records: some, end } = Response::decode(&payload).unwrap() else { panic!("no page") };
        records += some.len();
        if end {
            assert!(page >= 4, "40 records of 2,000 bytes are several pages");
            break;
        }
        wire.send(&Request::Credit { pages: 1 }).unwrap();
    }
    assert_eq!(records, 40);
    wire.send(&Request::Credit { pages: 1 }).unwrap();
    assert_eq!(wire.list(None, None).unwrap().len(), 40, "credit that came too late is forgotten");
}

#[test]
fn an_immediate_watch_brings_changes_and_nothing_else() {
    let introducer = Introducer::with_config(IMMEDIATE);
    let mut watcher = introducer.wire(1);
    let mut publisher = introducer.wire(2);
    publisher.publish(Node::new(1).record(1).bytes()).unwrap();
    watcher.send(&Request::Watch { service: Some("storage"), since_hours: None }).unwrap();
    assert_eq!(watcher.pages().unwrap().len(), 1);
    for change in [Node::new(2).record(1), Node::new(1).withdrawal(2)] {
        publisher.publish(change.bytes()).unwrap();
        let (payload, _) = watcher.receive().unwrap();
        match Response::decode(&payload).unwrap() {
            Response::Change { records } => assert_eq!(records, [Blob(change.bytes())]),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_ticking_watch_sends_equal_frames_changed_or_not() {
    let introducer = Introducer::with_config("[watch]\ntick_seconds = 1");
    let mut watcher = introducer.wire(1);
    watcher.send(&Request::Watch { service: None, since_hours: None }).unwrap();
    assert_eq!(watcher.pages().unwrap().len(), 0);
    let mut publisher = introducer.wire(2);
    let (mut sizes, mut seen) = (Vec::new(), Vec::new());
    for tick in 0..4 {
        if tick == 2 {
            publisher.publish(Node::new(1).record(1).bytes()).unwrap();
        }
        let (payload, size) = watcher.receive().unwrap();
        match Response::decode(&payload).unwrap() {
            Response::Tick { records, end } => {
                assert!(end);
                seen.extend(records.iter().map(|Blob(bytes)| bytes.to_vec()));
            }
            other => panic!("{other:?}"),
        }
        sizes.push(size);
    }
    assert_eq!(seen, [Node::new(1).record(1).bytes()]);
    assert!(sizes.iter().all(|size| *size == 16_384), "{sizes:?}");
}

#[test]
fn a_request_of_the_future_is_unsupported_and_the_stream_goes_on() {
    use std::io::Write as _;
    let introducer = Introducer::start();
    let mut wire = introducer.wire(1);
    wire.ask(&Request::About, |_| ()).unwrap();
    let mut frame = vec![0; 1028];
    frame[..4].copy_from_slice(&1024_u32.to_be_bytes());
    frame[4] = 99;
    wire.stream.write_all(&frame).unwrap();
    let (payload, _) = wire.receive().unwrap();
    assert_eq!(Response::decode(&payload).unwrap(), Response::Unsupported);
    assert!(wire.ask(&Request::About, |response| matches!(response, Response::About(_))).unwrap());
}

#[test]
fn a_reload_brings_new_rules_and_a_broken_one_none() {
    let introducer = Introducer::start();
    let kinds = |introducer: &Introducer| {
        introducer.wire(1).ask(&Request::About, |response| match response {
            Response::About(about) => about.clearnet,
            other => panic!("{other:?}"),
        })
    };
    introducer.configure("[addresses]\nclearnet = true");
    introducer.signal("-HUP");
    while !kinds(&introducer).unwrap() {
        std::thread::yield_now();
    }
    introducer.configure("nonsense = 1");
    introducer.signal("-HUP");
    while !introducer.log().contains("not reloaded") {
        std::thread::yield_now();
    }
    assert!(kinds(&introducer).unwrap(), "the old rules stay");
}
