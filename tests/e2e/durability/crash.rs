//! `kill -9` at any moment, under load.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anteroom::record::{NodeId, SignedRecord};

use super::LIMITS;
use crate::support::{
    introducer::{Introducer, until},
    records::{Node, Random},
    wire::{Answer, Wire},
};

const ROUNDS: u32 = 150;
const PUBLISHERS: u64 = 6;
/// Few keys that change often, and in each round new ones.
const NODES_EACH: u64 = 12;
/// Publishes acknowledged in a round before the end comes, at most.
const ACKNOWLEDGED_MAX: u64 = 60;
/// And then a little later, at any step of a commit.
const MICROS_MAX: u64 = 6_000;

/// One publisher's memory of what it did.
#[derive(Default)]
struct Book {
    next_seq: BTreeMap<u64, u64>,
    sent: BTreeMap<NodeId, BTreeSet<Vec<u8>>>,
    acknowledged: BTreeMap<NodeId, u64>,
}

impl Book {
    /// Publishes until the introducer is gone.
    fn publish(&mut self, socket: &Path, publisher: u64, round: u64, counter: &AtomicU64) {
        let Ok(mut wire) = Wire::connect(socket, publisher as u32) else { return };
        for step in 0.. {
            let known = step % 4 != 0;
            let number = if known { step % NODES_EACH } else { NODES_EACH + round * 1000 + step };
            let node = Node::new(publisher * 1_000_000 + number);
            let seq = self.next_seq.entry(number).or_insert(1);
            // Some are taken back.
            let record = if seq.is_multiple_of(5) { node.withdrawal(*seq) } else { node.record(*seq) };
            self.sent.entry(node.id()).or_default().insert(record.bytes().to_vec());
            match wire.publish(record.bytes()) {
                Ok(Answer::Accepted) => {
                    self.acknowledged.insert(node.id(), *seq);
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Answer::Busy(_)) => {}
                Ok(other) => panic!("seq {seq} was answered {other:?}"),
                Err(_) => {
                    *seq += 1;
                    return;
                }
            }
            *seq += 1;
        }
    }

    /// Everything acknowledged is in `listed`, and what is there was sent.
    fn compare(&self, listed: &BTreeMap<NodeId, (u64, Vec<u8>)>) {
        for (node, acknowledged) in &self.acknowledged {
            let (seq, _) = listed.get(node).unwrap_or_else(|| panic!("seq {acknowledged} of {node} is gone"));
            assert!(seq >= acknowledged, "{node} went back from {acknowledged} to {seq}");
        }
        for (node, sent) in &self.sent {
            if let Some((_, bytes)) = listed.get(node) {
                assert!(sent.contains(bytes), "{node} has a record that was never sent");
            }
        }
    }
}

fn list(introducer: &Introducer) -> BTreeMap<NodeId, (u64, Vec<u8>)> {
    let listed = introducer.wire(99).list(None, None).expect("a listing");
    let listed = listed.into_iter().map(|bytes| {
        let claims = SignedRecord::decode(&bytes).expect("a record").claims().clone();
        (claims.node, (claims.seq, bytes))
    });
    listed.collect()
}

#[test]
fn acknowledged_records_survive_a_kill_at_any_moment() {
    let mut random = Random::announced();
    let start = Instant::now();
    let mut introducer = Introducer::with_config(LIMITS);
    let mut books: Vec<_> = (0..PUBLISHERS).map(|_| Book::default()).collect();
    let mut before: BTreeMap<NodeId, (u64, Vec<u8>)> = BTreeMap::new();
    for round in 0..ROUNDS {
        let (socket, counter) = (introducer.socket(), Arc::new(AtomicU64::new(0)));
        let (enough, micros) = (random.below(ACKNOWLEDGED_MAX), random.below(MICROS_MAX));
        thread::scope(|scope| {
            for (publisher, book) in (0..).zip(&mut books) {
                let (socket, counter) = (&socket, &counter);
                scope.spawn(move || book.publish(socket, publisher, round.into(), counter));
            }
            until("enough is acknowledged", || counter.load(Ordering::Relaxed) >= enough);
            thread::sleep(Duration::from_micros(micros));
            introducer.kill();
        });
        introducer.launch();
        let listed = list(&introducer);
        for book in &books {
            book.compare(&listed);
        }
        for (node, (seq, _)) in &before {
            assert!(listed.get(node).is_some_and(|(now, _)| now >= seq), "{node} went back behind the last restart");
        }
        let sent: usize = books.iter().map(|book| book.sent.len()).sum();
        assert!(listed.len() <= sent, "more is listed than was ever sent");
        before = listed;
    }
    let acknowledged: usize = books.iter().map(|book| book.acknowledged.len()).sum();
    println!(
        "{ROUNDS} kills in {:?}: {} nodes at the end, {} of them never acknowledged",
        start.elapsed(),
        before.len(),
        before.len() - acknowledged,
    );
    assert!(before.len() > 100, "the rounds published next to nothing");
}
