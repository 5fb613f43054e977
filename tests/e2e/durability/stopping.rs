//! SIGTERM: what is on its way is answered, watchers are told, and it ends soon.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anteroom::protocol::{Request, Response};

use super::{LIMITS, hash};
use crate::support::{
    introducer::{Introducer, exists, until},
    records::{Node, Random},
    wire::{Answer, Wire},
};

const ROUNDS: u64 = 12;
const PUBLISHERS: u64 = 8;
/// The grace for streams, and as much again for a machine with other things to do.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// Publishes until the stream ends; the numbers that were acknowledged.
fn publish(socket: &Path, first: u64, counter: &AtomicU64) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    let Ok(mut wire) = Wire::connect(socket, first as u32) else { return acknowledged };
    for number in first.. {
        match wire.publish(Node::new(number).record(1).bytes()) {
            Ok(Answer::Accepted) => {
                acknowledged.push(number);
                counter.fetch_add(1, Ordering::Relaxed);
            }
            // Busy would say that nothing was changed.
            Ok(other) => panic!("while stopping, a publish was answered {other:?}"),
            Err(_) => break,
        }
    }
    acknowledged
}

/// A watch that has caught up.
fn watcher(introducer: &Introducer) -> Wire {
    let mut wire = introducer.wire(1);
    wire.send(&Request::Watch { service: Some("unheard-of"), since_hours: None }).expect("a stream");
    wire.pages().expect("a listing");
    wire
}

fn is_reset(wire: &mut Wire) -> bool {
    let (payload, _) = wire.receive().expect("a last word");
    matches!(Response::decode(&payload), Ok(Response::Reset)) && wire.is_closed()
}

#[test]
fn what_is_on_its_way_is_answered_before_the_end() {
    let mut random = Random::announced();
    for (round, delivery) in (0..ROUNDS).zip(["tick", "immediate"].into_iter().cycle()) {
        let mut introducer = Introducer::with_config(&format!("[watch]\ndelivery = \"{delivery}\"\n{LIMITS}"));
        let (mut watcher, mut idle) = (watcher(&introducer), introducer.wire(2));
        let (socket, counter) = (introducer.socket(), AtomicU64::new(0));
        let enough = random.below(40);
        let (acknowledged, took) = thread::scope(|scope| {
            let publish = |publisher| {
                let (socket, counter) = (&socket, &counter);
                scope.spawn(move || publish(socket, publisher * 1_000_000, counter))
            };
            let publishers: Vec<_> = (1..=PUBLISHERS).map(publish).collect();
            until("enough is acknowledged", || counter.load(Ordering::Relaxed) >= enough);
            let start = Instant::now();
            assert!(introducer.terminate().success());
            let took = start.elapsed();
            let acknowledged = publishers.into_iter().flat_map(|publisher| publisher.join().expect("no wrong answer"));
            (acknowledged.collect::<Vec<_>>(), took)
        });
        assert!(took < STOPS_WITHIN, "stopped after {took:?}");
        assert!(is_reset(&mut watcher), "a watcher is told");
        assert!(idle.is_closed());
        assert!(!exists(&socket), "the socket is removed");
        println!("round {round}: stopped in {took:?} after {} publishes", acknowledged.len());
        introducer.launch();
        let mut wire = introducer.wire(3);
        for number in &acknowledged {
            assert!(wire.lookup(hash(&Node::new(*number))).expect("an answer").is_some(), "node {number} is gone");
        }
        // Each publisher had at most one on its way whose answer it could not hear.
        let listed = wire.list(None, None).expect("a listing").len();
        assert!(
            (acknowledged.len()..=acknowledged.len() + PUBLISHERS as usize).contains(&listed),
            "{listed} are listed"
        );
    }
}

#[test]
fn a_reader_who_never_reads_does_not_hold_it_up_for_long() {
    let mut introducer = Introducer::prepared(LIMITS);
    crate::support::records::fill_store(&introducer.state(), 1000, 2000);
    introducer.launch();
    let mut reader = introducer.wire(1);
    reader.send(&Request::List { service: None, since_hours: None, credit_pages: u16::MAX }).expect("a stream");
    std::io::Read::read_exact(&mut reader.stream, &mut [0]).expect("the listing begins");
    let start = Instant::now();
    assert!(introducer.terminate().success());
    assert!(start.elapsed() < STOPS_WITHIN, "stopped after {:?}", start.elapsed());
}
