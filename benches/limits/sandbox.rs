//! What the sandbox costs: two introducers, one with it and one without, asked in turns.

use crate::{
    Scale,
    drive::Round,
    lookup,
    machine::median,
    publish::{self, Filled},
    records::hash,
    report::{Goal, Report, row},
    support::introducer::Introducer,
};

/// In turns, so that what else goes on here meets both; more than elsewhere, since a ratio of two noisy numbers is noisier.
const TURNS: usize = 11;
const IN_FLIGHT: usize = 64;
/// Bytes of an exact lookup's answer.
const ANSWER: usize = 4096;
const EXACT_BITS: u16 = 256;
const THROUGHPUT_MIN: f64 = 0.95;

pub fn measure(scale: Scale, report: &mut Report) {
    let start = |level: &str| {
        let introducer = Introducer::with_config(&format!("sandbox = \"{level}\"\n{}", publish::LIMITS));
        Filled { introducer, records: 0 }
    };
    let (mut with, mut without) = (start("strict"), start("off"));
    let each = scale.published / TURNS;
    let publishes =
        in_turns(|sandboxed| publish::publish(if sandboxed { &mut with } else { &mut without }, IN_FLIGHT, each));
    let hashes: Vec<[u8; 32]> = (0..with.records).step_by(7).map(hash).collect();
    let count = scale.lookups / TURNS;
    let lookups = in_turns(|sandboxed| {
        let target = if sandboxed { with.target() } else { without.target() };
        lookup::ask(&target, &hashes, EXACT_BITS, lookup::bytes(ANSWER), count)
    });
    for (what, mut ratios) in [("durable publishes", publishes), ("exact lookups", lookups)] {
        let name = format!("{what} with the sandbox, as a part of those without");
        report.add(row("sandbox", name, median(&mut ratios), "x").goal(Goal::AtLeast(THROUGHPUT_MIN)));
    }
}

/// Throughput with the sandbox by that without, turn by turn; who begins alternates.
fn in_turns(mut round: impl FnMut(bool) -> Round) -> Vec<f64> {
    let ratio = |turn: usize| {
        let begins = turn.is_multiple_of(2);
        let (first, second) = (round(begins).per_second(), round(!begins).per_second());
        if begins { first / second } else { second / first }
    };
    (0..TURNS).map(ratio).collect()
}
