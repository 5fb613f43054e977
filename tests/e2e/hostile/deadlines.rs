//! Everything that waits for a peer has an end.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use anteroom::protocol::{Blob, Hello, Request};

use super::{WIDE, limits, siege::Siege};
use crate::support::{
    introducer::Introducer,
    records::{Node, fill_store},
    wire::Wire,
};

/// Machines are loaded; what counts is that there is an end.
const SLACK: Duration = Duration::from_secs(30);
/// Streams of each kind.
const STREAMS: u32 = 100;

struct Waiting {
    kind: &'static str,
    deadline_seconds: u64,
    wires: Vec<Wire>,
    /// What the peer goes on sending, a byte at a time.
    drip: Vec<u8>,
}

impl Waiting {
    /// Sends a byte on each stream, forgets those that are closed.
    fn advance(&mut self, place: usize) {
        let byte = self.drip.get(place).map(std::slice::from_ref).unwrap_or_default();
        self.wires.retain_mut(|wire| match self.kind {
            // It has pages to read; a write of nothing tells whether the other side is gone.
            "a reader who never reads" => wire.stream.write(&[]).is_ok(),
            _ => wire.stream.write_all(byte).is_ok() && wire.is_open(),
        });
    }
}

#[test]
fn whoever_keeps_an_introducer_waiting_is_let_go() {
    let mut introducer = Introducer::prepared(&limits(WIDE));
    fill_store(&introducer.state(), 1000, 2000);
    introducer.launch();
    let siege = Siege::begin(&introducer);
    let record = Node::new(1).record(1);
    let frame = Request::Publish { record: Blob(record.bytes()) }.encode(Some(Hello::OURS)).unwrap();
    let start = Instant::now();
    let mut all = waiting(&introducer, &frame);
    let mut place = 0;
    while !all.is_empty() {
        let passed = start.elapsed();
        for waiting in &mut all {
            waiting.advance(place);
            let deadline = Duration::from_secs(waiting.deadline_seconds);
            let some_went = waiting.wires.len() < STREAMS as usize;
            assert!(!some_went || passed + Duration::from_secs(1) >= deadline, "{}: early", waiting.kind);
            assert!(waiting.wires.is_empty() || passed < deadline + SLACK, "{}: still there", waiting.kind);
        }
        all.retain(|waiting| {
            if waiting.wires.is_empty() {
                println!("{}: let go after {passed:?}", waiting.kind);
            }
            !waiting.wires.is_empty()
        });
        place += 1;
        siege.wait_rounds(1);
    }
    siege.end(&introducer, "deadlines");
}

fn waiting(introducer: &Introducer, frame: &[u8]) -> Vec<Waiting> {
    let mut circuit = 0;
    let mut wires = |prepare: &dyn Fn(&mut Wire)| -> Vec<Wire> {
        let wire = |_| {
            circuit += 1;
            let mut wire = introducer.wire(circuit);
            prepare(&mut wire);
            wire
        };
        (0..STREAMS).map(wire).collect()
    };
    let listing = |wire: &mut Wire| {
        wire.send(&Request::List { service: None, since_hours: None, credit_pages: u16::MAX }).unwrap();
    };
    let half = &frame[..frame.len() / 2];
    let silent = (0..STREAMS).map(|_| Wire::connect_bare(&introducer.socket()).unwrap()).collect();
    vec![
        Waiting { kind: "no PROXY line", deadline_seconds: 10, wires: silent, drip: Vec::new() },
        Waiting { kind: "no request", deadline_seconds: 30, wires: wires(&|_| ()), drip: Vec::new() },
        Waiting {
            kind: "half a frame",
            deadline_seconds: 30,
            wires: wires(&|wire| wire.stream.write_all(half).unwrap()),
            drip: Vec::new(),
        },
        Waiting { kind: "a byte at a time", deadline_seconds: 30, wires: wires(&|_| ()), drip: frame.to_vec() },
        Waiting { kind: "a reader who never reads", deadline_seconds: 60, wires: wires(&listing), drip: Vec::new() },
    ]
}
