//! Shares: how many streams, how many of them a circuit, how fast. Never per address: behind an onion service all have one.

use std::{collections::BTreeMap, time::Duration};

use tokio::task::AbortHandle;

use crate::{
    config::ServerLimits,
    directory::{Bucket, Now, Rate},
    net::CircuitId,
};

/// Seconds of a circuit's or of all bandwidth that may be used at once: a page or an answer is not slowed down.
const BANDWIDTH_BURST_SECONDS: u64 = 4;
const KIB: u64 = 1024;

/// A stream's number; the lowest waits longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// What becomes of a new stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It may stay.
    Stream(Ticket),
    /// All places are taken by streams that are being served.
    Full,
}

#[derive(Debug, Default)]
struct Circuit {
    streams: u32,
    verifications: Bucket,
    bandwidth: Bucket,
}

impl Circuit {
    /// Nothing would be forgiven by forgetting it.
    fn is_idle(&self, now: Now) -> bool {
        self.streams == 0 && self.verifications.is_full(now) && self.bandwidth.is_full(now)
    }
}

#[derive(Debug)]
pub(super) struct Fairness {
    streams_max: u32,
    streams_per_circuit_max: u32,
    circuits_max: u32,
    watchers_max: u32,
    bandwidth: Rate,
    bandwidth_per_circuit: Rate,
    bandwidth_level: Bucket,
    next_ticket: u64,
    streams: u32,
    watchers: u32,
    /// Streams that have not sent a request yet.
    waiting: BTreeMap<Ticket, AbortHandle>,
    circuits: BTreeMap<CircuitId, Circuit>,
}

impl Fairness {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        let rate = |kib_per_second: u32| {
            let bytes = u64::from(kib_per_second) * KIB;
            Rate::new(bytes, 1, bytes * BANDWIDTH_BURST_SECONDS)
        };
        Self {
            streams_max: limits.streams_max,
            streams_per_circuit_max: limits.streams_per_circuit_max,
            circuits_max: limits.circuits_max,
            watchers_max: limits.watchers_max,
            bandwidth: rate(limits.bandwidth_kib_per_second_max),
            bandwidth_per_circuit: rate(limits.bandwidth_per_circuit_kib_per_second_max),
            bandwidth_level: Bucket::default(),
            next_ticket: 0,
            streams: 0,
            watchers: 0,
            waiting: BTreeMap::new(),
            circuits: BTreeMap::new(),
        }
    }

    /// New limits for what comes; what is there stays.
    pub(super) fn reload(&mut self, limits: &ServerLimits) {
        let fresh = Self::new(limits);
        let old = std::mem::replace(self, fresh);
        self.bandwidth_level = old.bandwidth_level;
        self.next_ticket = old.next_ticket;
        self.streams = old.streams;
        self.watchers = old.watchers;
        self.waiting = old.waiting;
        self.circuits = old.circuits;
    }

    /// A place for a stream. When all are taken, the stream that waits longest without a request loses its own.
    pub(super) fn admit_stream(&mut self) -> Admitted {
        if self.streams >= self.streams_max {
            match self.waiting.pop_first() {
                Some((_, task)) => task.abort(),
                None => return Admitted::Full,
            }
        }
        self.streams += 1;
        self.next_ticket += 1;
        Admitted::Stream(Ticket(self.next_ticket))
    }

    pub(super) fn waits(&mut self, ticket: Ticket, task: AbortHandle) {
        if !task.is_finished() {
            self.waiting.insert(ticket, task);
        }
    }

    /// It sent a request: it is not pushed out any more.
    pub(super) fn proved(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }

    pub(super) fn enter_circuit(&mut self, id: CircuitId, now: Now) -> bool {
        if self.circuits.len() >= self.circuits_max as usize && !self.circuits.contains_key(&id) {
            self.circuits.retain(|_, circuit| !circuit.is_idle(now));
            if self.circuits.len() >= self.circuits_max as usize {
                return false;
            }
        }
        let circuit = self.circuits.entry(id).or_default();
        if circuit.streams >= self.streams_per_circuit_max {
            return false;
        }
        circuit.streams += 1;
        true
    }

    pub(super) fn leave(&mut self, ticket: Ticket, circuit: Option<CircuitId>) {
        self.waiting.remove(&ticket);
        self.streams = self.streams.saturating_sub(1);
        if let Some(circuit) = circuit.and_then(|id| self.circuits.get_mut(&id)) {
            circuit.streams = circuit.streams.saturating_sub(1);
        }
    }

    pub(super) fn enter_watch(&mut self) -> bool {
        let admitted = self.watchers < self.watchers_max;
        self.watchers += u32::from(admitted);
        admitted
    }

    pub(super) fn leave_watch(&mut self) {
        self.watchers = self.watchers.saturating_sub(1);
    }

    /// A circuit's allowance of signature checks.
    pub(super) fn verifications(&mut self, id: CircuitId) -> &mut Bucket {
        &mut self.circuits.entry(id).or_default().verifications
    }

    /// Books bytes that are about to be written; how long to wait before.
    pub(super) fn charge(&mut self, id: CircuitId, now: Now, bytes: usize) -> Option<Duration> {
        let bytes = bytes as u64;
        let circuit = self.circuits.entry(id).or_default();
        let own = circuit.bandwidth.charge(now, self.bandwidth_per_circuit, bytes);
        let all = self.bandwidth_level.charge(now, self.bandwidth, bytes);
        let millis = own.max(all);
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// Forgets circuits that ask nothing and owe nothing.
    pub(super) fn forget_idle(&mut self, now: Now) {
        self.circuits.retain(|_, circuit| !circuit.is_idle(now));
    }
}
