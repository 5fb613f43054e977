//! A live service looked at from outside, through a SOCKS proxy in the place of Tor.

use std::{io, path::PathBuf, sync::mpsc, thread, time::Duration};

use anteroom::{
    protocol::{About, AdmissionKind, Blob, LookupMode, RefusalCode, Request, Response, WatchMode},
    record::VerifiedRecord,
};
use serde_json::Value;

use crate::{
    fake_introducer::{FakeIntroducer, Peer},
    program::{Ended, ONION, Place},
    socks::SocksProxy,
    support::{
        introducer::Introducer,
        records::{Node, grid},
        wire::Answer,
    },
};

/// How long the fake waits before it speaks first; the audit waits longer.
const UNASKED: Duration = Duration::from_secs(2);
const REFUSED: u8 = 5;

/// Something that serves on an event loop of its own until this is dropped.
struct Served {
    path: PathBuf,
    _end: mpsc::Sender<()>,
}

impl Served {
    /// `start` gives the server, which lives as long as this, and the path of its socket.
    fn new<T>(start: impl FnOnce() -> io::Result<(T, PathBuf)> + Send + 'static) -> Self {
        let (end, ended) = mpsc::channel::<()>();
        let (started, path) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let (_server, path) = start().expect("a server");
                started.send(path).expect("the test waits");
                // The sender is dropped: the end, too.
                let _ = tokio::task::spawn_blocking(move || ended.recv()).await;
            });
        });
        Self { path: path.recv().expect("the server starts"), _end: end }
    }
}

/// Runs the audit with `ports` to try; `route` is the network.
fn looked_at(ports: &str, route: impl Fn(&str, u16) -> Result<PathBuf, u8> + Send + Sync + 'static) -> Ended {
    let place = Place::new();
    let directory = place.directory().to_owned();
    let proxy = Served::new(move || {
        let proxy = SocksProxy::start_by_port(&directory, route)?;
        let path = proxy.path.clone();
        Ok((proxy, path))
    });
    let (grid, socks) = (grid().to_string(), proxy.path.to_str().expect("UTF-8"));
    place.run(&["audit", "--json", "--remote", ONION, "--grid", &grid, "--socks", socks, "--ports", ports])
}

fn rule_ids(json: &Value) -> Vec<&str> {
    let findings = json["findings"].as_array().expect("a list");
    findings.iter().map(|finding| finding["rule"].as_str().expect("text")).collect()
}

#[test]
fn an_introducer_shows_nothing_that_it_should_not() {
    let introducer = Introducer::start();
    for number in 1..=3 {
        let accepted = introducer.wire(1).publish(Node::new(number).record(1).bytes()).expect("an answer");
        assert_eq!(accepted, Answer::Accepted);
    }
    let socket = introducer.socket();
    let ended = looked_at("22,80,443", move |_, port| if port == 80 { Ok(socket.clone()) } else { Err(REFUSED) });
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(rule_ids(&ended.json()), Vec::<&str>::new());
    assert!(ended.said.contains("looked at 3 records"), "{}", ended.said);
}

#[test]
fn an_empty_introducer_is_told_to_be_empty() {
    let introducer = Introducer::start();
    let socket = introducer.socket();
    let ended = looked_at("80", move |_, _| Ok(socket.clone()));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.said.contains("no record is listed"), "{}", ended.said);
}

#[test]
fn what_a_service_does_wrong_is_seen() {
    let place = Place::new();
    let directory = place.directory().to_owned();
    let fake = Served::new(move || {
        let fake = FakeIntroducer::start(&directory, "fake", misbehave)?;
        let path = fake.path.clone();
        Ok((fake, path))
    });
    let socket = fake.path.clone();
    let ended = looked_at("80,8080", move |_, _| Ok(socket.clone()));
    assert_eq!(ended.code, 9, "{ended:?}");
    let expected = [
        "remote-address-kind",
        "remote-known-unknown",
        "remote-answers-strangers",
        "remote-banner",
        "remote-lookup-exact",
        "remote-other-port",
        "remote-unverifiable",
        "remote-watch-immediate",
    ];
    let json = ended.json();
    let mut found = rule_ids(&json);
    found.sort_unstable();
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(found, sorted);
}

#[test]
fn a_service_that_is_down_is_a_failure_and_no_finding() {
    let ended = looked_at("80", |_, _| Err(0xf2));
    assert_eq!((ended.code, ended.out.as_str()), (4, ""), "{}", ended.said);
}

/// A record with an address on the open internet.
fn public_record() -> VerifiedRecord {
    let node = Node::new(1);
    let mut claims = node.claims(1);
    claims.services[0].addresses.push("storage.grid.example.org:443".parse().expect("an address"));
    node.sign(&claims)
}

async fn misbehave(mut peer: Peer) {
    let record = public_record();
    // Without a question it speaks first; what is no question it answers.
    let Ok(asked) = tokio::time::timeout(UNASKED, peer.request()).await else {
        return peer.send(b"SSH-2.0-example\r\n").await;
    };
    let Some(asked) = asked else { return peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n").await };
    let listed = matches!(asked, Request::Lookup { prefix, bits: 256, .. } if prefix == hash(&record));
    let (about, list) = (matches!(asked, Request::About), matches!(asked, Request::List { .. }));
    match (about, list) {
        (true, _) => {
            let about = About {
                grid: *grid().as_bytes(),
                admission: AdmissionKind::Open,
                onion: true,
                i2p: true,
                clearnet: false,
                record_bytes_max: 2048,
                lifetime_hours_max: 720,
                new_key_lifetime_hours_max: 720,
                lookup: LookupMode::Exact,
                watch: WatchMode::Immediate,
            };
            peer.answer(&Response::About(about)).await;
        }
        (_, true) => {
            let broken = [0; 100];
            peer.answer(&Response::Page { records: vec![Blob(record.bytes()), Blob(&broken)], end: true }).await;
        }
        _ if listed => peer.answer(&Response::ShelfExact { record: Some(Blob(record.bytes())) }).await,
        _ => peer.answer(&Response::Refused { code: RefusalCode::Full, current: None }).await,
    }
    peer.silence().await;
}

fn hash(record: &VerifiedRecord) -> [u8; 32] {
    *anteroom::record::HashedNodeId::new(&grid(), &record.claims().node).as_bytes()
}
