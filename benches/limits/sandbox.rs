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

/// Short turns, and many: what else goes on here meets both, and a ratio of two noisy numbers is noisier than either.
const TURNS: usize = 201;
/// So many lookups for one of the scale: a turn of less than some milliseconds measures its own beginning.
const LOOKUPS: usize = 4;
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
    let count = LOOKUPS * scale.lookups / TURNS;
    let lookups = in_turns(|sandboxed| {
        let target = if sandboxed { with.target() } else { without.target() };
        lookup::ask(&target, &hashes, EXACT_BITS, lookup::bytes(ANSWER), count)
    });
    for (what, turns) in [("durable publishes", publishes), ("exact lookups", lookups)] {
        let of = |number: fn(&Round) -> f64| {
            median(&mut turns.iter().map(|turn| number(&turn.with) / number(&turn.without)).collect::<Vec<_>>())
        };
        let name = format!("{what} with the sandbox, as a part of those without");
        report.add(row("sandbox", name, of(Round::per_second), "x").goal(Goal::AtLeast(THROUGHPUT_MIN)));
        report.add(row("sandbox", format!("… server CPU of one, {what}"), of(Round::cpu_micros), "x"));
    }
}

struct Turn {
    with: Round,
    without: Round,
}

/// With the sandbox and without; who begins alternates.
fn in_turns(mut round: impl FnMut(bool) -> Round) -> Vec<Turn> {
    let turn = |number: usize| {
        let begins = number.is_multiple_of(2);
        let (first, second) = (round(begins), round(!begins));
        if begins { Turn { with: first, without: second } } else { Turn { with: second, without: first } }
    };
    (0..TURNS).map(turn).collect()
}
