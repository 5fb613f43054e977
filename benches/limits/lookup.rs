//! Lookups against an echo: the same sizes there and back, nothing in between.

use anteroom::protocol::{LENGTH_BYTES, Request, Response};

use crate::{
    ROUNDS, Scale,
    drive::{self, Round, Target, of},
    peer::{Peer, Work},
    records::hash,
    report::{Goal, Report, row},
};

const STREAMS: usize = 16;
const REQUEST_BYTES: usize = LENGTH_BYTES + 1024;
const EXACT_CPU_MICROS_MAX: f64 = 23.0;
const RECORDS_PER_SHELF: usize = 16;
/// Nodes that are asked for, again and again.
const NODES: usize = 1000;

/// Asks `target`, which holds records `0..records`.
pub fn measure(scale: Scale, target: &Target, records: usize, report: &mut Report) {
    let prefix_bits = (records / RECORDS_PER_SHELF).ilog2() as u16;
    let step = records / NODES.min(records);
    let hashes: Vec<[u8; 32]> = (0..records).step_by(step).map(hash).collect();
    for (name, bits, answer) in [("exact", 256, 4096), ("prefix", prefix_bits, 16_384)] {
        let answer_bytes = bytes(answer);
        let peer = Peer::start(Work::Echo { request_bytes: REQUEST_BYTES, answer_bytes });
        let bare = Target { socket: peer.socket(), pid: peer.pid(), introducer: false };
        let (mut rounds, mut echoes) = (Vec::new(), Vec::new());
        // Alternating, so that what else goes on here meets both.
        for _ in 0..ROUNDS {
            rounds.push(ask(target, &hashes, bits, answer_bytes, scale.lookups / ROUNDS));
            echoes.push(ask(&bare, &hashes, bits, answer_bytes, scale.lookups / ROUNDS));
        }
        let rate = row("lookup", format!("{name} lookups among {records}"), of(&rounds, Round::per_second), "/s");
        report.add(rate.against("echo", of(&echoes, Round::per_second)));
        let cpu = row(
            "lookup",
            format!("server CPU of one {name} lookup among {records}"),
            of(&rounds, Round::cpu_micros),
            "us",
        );
        let cpu = cpu.against("echo", of(&echoes, Round::cpu_micros));
        report.add(if bits == 256 { cpu.goal(Goal::AtMost(EXACT_CPU_MICROS_MAX)) } else { cpu });
    }
}

/// Of a whole frame.
pub const fn bytes(payload: usize) -> usize {
    LENGTH_BYTES + payload
}

pub fn ask(target: &Target, hashes: &[[u8; 32]], bits: u16, answer_bytes: usize, count: usize) -> Round {
    let (hashes, introducer) = (hashes.to_vec(), target.introducer);
    let request = move |index: usize| {
        let request = Request::Lookup { prefix: hashes[index % hashes.len()], bits, after: None };
        request.encode(None).expect("a small request")
    };
    let check = move |answer: &[u8]| {
        if introducer {
            match Response::decode(&answer[LENGTH_BYTES..]) {
                Ok(Response::ShelfExact { record }) => assert!(record.is_some(), "every node asked for is known"),
                Ok(Response::Shelf { records, .. }) => assert!(!records.is_empty(), "no shelf is empty"),
                other => panic!("a lookup was answered {other:?}"),
            }
        }
    };
    drive::round(target, STREAMS, answer_bytes, count, request, check)
}
