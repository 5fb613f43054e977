//! Ordinary clients who go on publishing and looking up while others misbehave; and what the introducer's memory does.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anteroom::record::HashedNodeId;

use crate::support::{
    introducer::{Introducer, allow_many_files, until},
    records::{Node, grid},
    wire::{Answer, Wire},
};

/// What hostile peers may make an introducer hold.
const GROWTH_KIB_MAX: u64 = 64 * 1024;
/// Circuits of ordinary clients, far from those that tests use.
const FIRST_CIRCUIT: u32 = 0xeeee_0000;
const CLIENTS: u32 = 3;
/// An ordinary client asks again after so long.
const PAUSE: Duration = Duration::from_millis(50);
/// Nobody ordinary waits longer than this for a publish and a lookup together, on a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// An introducer under attack.
pub struct Siege {
    before_kib: u64,
    rounds: Arc<AtomicU32>,
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Duration>>,
}

impl Siege {
    /// Ordinary clients are being served when this returns.
    pub fn begin(introducer: &Introducer) -> Self {
        allow_many_files();
        let (rounds, over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let client = |client| {
            let (socket, rounds, over) = (introducer.socket(), Arc::clone(&rounds), Arc::clone(&over));
            thread::spawn(move || {
                let mut slowest = Duration::ZERO;
                for round in 1.. {
                    let start = Instant::now();
                    let wire = Wire::connect(&socket, FIRST_CIRCUIT + client).expect("an ordinary client gets in");
                    publish_and_look_up(wire, &Node::new(u64::from(FIRST_CIRCUIT + client)), round);
                    slowest = slowest.max(start.elapsed());
                    rounds.fetch_add(1, Ordering::Relaxed);
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    thread::sleep(PAUSE);
                }
                slowest
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        let mut siege = Self { before_kib: 0, rounds, over, clients };
        siege.wait_rounds(2 * CLIENTS);
        siege.before_kib = introducer.memory().resident_kib;
        siege
    }

    /// How often ordinary clients were served.
    pub fn rounds(&self) -> u32 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Ordinary clients were served so many times more.
    pub fn wait_rounds(&self, more: u32) {
        let start = self.rounds();
        until("ordinary clients are served", || {
            let alive = self.clients.iter().all(|client| !client.is_finished());
            assert!(alive, "an ordinary client was not served");
            self.rounds() >= start + more
        });
    }

    /// Nobody ordinary was refused, and memory stayed bounded.
    pub fn end(mut self, introducer: &Introducer, what: &str) {
        self.wait_rounds(2 * CLIENTS);
        self.over.store(true, Ordering::Relaxed);
        let slowest = self.clients.drain(..).map(|client| client.join().expect("ordinary clients are served")).max();
        let slowest = slowest.unwrap_or_default();
        let memory = introducer.memory();
        let growth = memory.peak_kib.saturating_sub(self.before_kib);
        println!(
            "{what}: memory {} KiB before, {} after, peak {} (+{growth}); ordinary clients: {} rounds, slowest {slowest:?}",
            self.before_kib,
            memory.resident_kib,
            memory.peak_kib,
            self.rounds(),
        );
        assert!(growth <= GROWTH_KIB_MAX, "{what}: memory grew by {growth} KiB");
        assert!(slowest < PATIENCE, "{what}: an ordinary client waited {slowest:?}");
    }
}

fn publish_and_look_up(mut wire: Wire, node: &Node, round: u64) {
    let record = node.record(round);
    assert_eq!(wire.publish(record.bytes()).expect("an answer"), Answer::Accepted);
    let hash = *HashedNodeId::new(&grid(), &node.id()).as_bytes();
    assert_eq!(wire.lookup(hash).expect("an answer").as_deref(), Some(record.bytes()));
}
