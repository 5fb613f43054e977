//! More work than an introducer takes on: it says `Busy`, and says so to who asks too much.

use std::time::{Duration, Instant};

use anteroom::protocol::{RefusalCode, Request, Response};

use super::{WIDE, limits, siege::Siege};
use crate::support::{introducer::Introducer, records::Node, wire::Answer};

const VERIFICATIONS_PER_SECOND: u64 = 800;
/// A circuit has a quarter of them, and a second's worth at once.
const SHARE: u64 = VERIFICATIONS_PER_SECOND / 4;
/// Ordinary clients are served so often while a flood lasts.
const ROUNDS: u32 = 60;

#[test]
fn forged_signatures_use_up_the_budget_of_their_circuit_only() {
    let introducer =
        Introducer::with_config(&limits(&format!("{WIDE}verifications_per_second_max = {VERIFICATIONS_PER_SECOND}\n")));
    let siege = Siege::begin(&introducer);
    let mut forged = Node::new(1).record(1).bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let mut wire = introducer.wire(1);
    let start = Instant::now();
    let (mut verified, mut busy) = (0, 0);
    while busy < 10 * SHARE || siege.rounds() < ROUNDS {
        match wire.publish(&forged).unwrap() {
            Answer::Refused(RefusalCode::Signature, None) => verified += 1,
            Answer::Busy(2..) => busy += 1,
            other => panic!("a forged record was answered {other:?}"),
        }
    }
    let allowed = SHARE * (start.elapsed().as_secs() + 2);
    println!("{verified} verified ({allowed} allowed) and {busy} sent away in {:?}", start.elapsed());
    assert!(verified <= allowed, "{verified} verified, {allowed} allowed");
    siege.end(&introducer, "forged signatures");
}

/// One every nine seconds, a quarter of an hour's at once.
const NEW_KEYS_PER_HOUR: u64 = 400;
/// What is asked for at the end: the delay has doubled several times.
const DELAY_SECONDS: u32 = 32;

#[test]
fn new_keys_beyond_their_rate_are_sent_away_for_longer_and_longer() {
    let limits =
        limits(&format!("{WIDE}verifications_per_second_max = 1000000\nnew_keys_per_hour_max = {NEW_KEYS_PER_HOUR}\n"));
    let introducer = Introducer::with_config(&limits);
    let siege = Siege::begin(&introducer);
    let known = Node::new(0);
    let mut wire = introducer.wire(1);
    assert_eq!(wire.publish(known.record(1).bytes()).unwrap(), Answer::Accepted);
    let (mut accepted, mut delays) = (0, Vec::new());
    for number in 1.. {
        match wire.publish(Node::new(number).record(1).bytes()).unwrap() {
            Answer::Accepted => accepted += 1,
            Answer::Busy(seconds) => delays.push(seconds),
            other => panic!("a new key was answered {other:?}"),
        }
        if delays.last().is_some_and(|seconds| *seconds >= DELAY_SECONDS) {
            break;
        }
    }
    println!("{accepted} accepted, {} sent away, for {} to {:?} seconds", delays.len(), delays[0], delays.last());
    assert!(accepted < NEW_KEYS_PER_HOUR / 2, "{accepted} accepted");
    assert!(delays[0] < DELAY_SECONDS / 2, "the first delay is {}", delays[0]);
    assert_eq!(wire.publish(known.record(2).bytes()).unwrap(), Answer::Accepted, "known keys are not concerned");
    assert_eq!(wire.publish(known.withdrawal(3).bytes()).unwrap(), Answer::Accepted);
    siege.end(&introducer, "new keys");
}

#[test]
fn credit_that_nobody_asked_for() {
    const CREDITS: u32 = 20_000;
    let introducer = Introducer::with_config(&limits(""));
    let siege = Siege::begin(&introducer);
    for number in 0..20 {
        assert_eq!(introducer.wire(1).publish(Node::new(number).record(1).bytes()).unwrap(), Answer::Accepted);
    }
    let mut streams: Vec<_> = (0..4).map(|circuit| introducer.wire(10 + circuit)).collect();
    for wire in &mut streams {
        wire.ask(&Request::About, |_| ()).unwrap();
        for _ in 0..CREDITS {
            wire.send(&Request::Credit { pages: u16::MAX }).unwrap();
        }
        let known = wire.ask(&Request::About, |response| matches!(response, Response::About(_)));
        assert!(known.unwrap(), "credit has no answer, and the stream goes on");
    }
    // Ahead of its need, to a listing, and none at all.
    let mut wire = introducer.wire(20);
    wire.send(&Request::List { service: None, since_hours: None, credit_pages: 1 }).unwrap();
    for _ in 0..CREDITS / 10 {
        wire.send(&Request::Credit { pages: u16::MAX }).unwrap();
    }
    assert!(wire.pages().unwrap().len() >= 20);
    wire.send(&Request::List { service: None, since_hours: None, credit_pages: 0 }).unwrap();
    wire.send(&Request::Credit { pages: 0 }).unwrap();
    assert!(wire.is_closed(), "credit of nothing is no credit");
    siege.end(&introducer, "credit");
}

#[test]
fn a_circuit_that_asks_for_more_than_its_bandwidth_waits() {
    // 64 KiB/s a circuit: a burst of 16 answers of 16 KiB, then four a second.
    let introducer = Introducer::with_config(&limits("bandwidth_per_circuit_kib_per_second_max = 64\n"));
    let siege = Siege::begin(&introducer);
    let mut wire = introducer.wire(1);
    let start = Instant::now();
    let lookup = Request::Lookup { prefix: [0; 32], bits: 0, after: None };
    for _ in 0..28 {
        assert!(wire.ask(&lookup, |response| matches!(response, Response::Shelf { .. })).unwrap());
    }
    let took = start.elapsed();
    assert!(took > Duration::from_millis(2_500), "28 answers of 16 KiB came in {took:?}");
    siege.end(&introducer, "bandwidth");
}
