//! Who is listed: a state machine without clock, randomness, files or sockets. The same events give the same answers.
//!
//! A publish passes in two steps, so that nothing is shown before it is durable: [`Directory::publish`] reserves a
//! [`Change`]; once the store has it, [`Directory::apply`] shows it, else [`Directory::abandon`] forgets it. There is one
//! entry a key, and it stays until the latest expiry ever accepted for that key: the kept record *is* the seq floor.

mod admission;
mod clock;
mod entry;
mod feed;
mod invited;
mod members;
mod quota;
mod revision;
mod roll;
mod shelf;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};

pub use admission::{AdmissionPolicy, Policy, Rejection};
pub use clock::{CLOCK_JUMP_HOURS_MAX, CLOCK_SKEW_HOURS_MAX, Marks, Now};
use entry::{Entry, Slot, Slots};
pub use feed::{Cursor, Filter, Gap, Page, RECORDS_SCANNED_PER_PAGE_MAX};
use feed::{Feeds, Position};
pub use invited::InvitationUse;
use members::Members;
use quota::Quota;
pub use quota::{Bucket, Rate};
pub use revision::Revision;
pub use roll::Roll;
pub use shelf::{RECORDS_PER_SHELF_MIN, Shelf};

use crate::{
    grid::VerifiedChain,
    record::{HashedNodeId, NodeId, Outline, ServiceName, SignedEnvelope, Timestamp, VerifiedEnvelope},
};

/// Entries forgotten in one step, so that a step stays short.
pub const EXPIRIES_PER_STEP_MAX: usize = 1024;

/// A change that is admitted and not durable yet.
///
/// # Security
/// Give it back by [`Directory::apply`] or [`Directory::abandon`]; until then its key can't change.
#[derive(Debug)]
#[must_use = "apply it once durable, or abandon it"]
pub struct Change {
    /// Whose record it is.
    pub node: NodeId,
    /// The signed bytes.
    pub record: Arc<[u8]>,
    /// The hour it was accepted in.
    pub accepted: Timestamp,
    /// Until when its seq counts.
    pub floor_until: Timestamp,
    entry: Entry,
    names: Vec<ServiceName>,
    new_key: bool,
}

/// Two records that one key signed with one seq: it ran twice, or came back from a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whose.
    pub node: NodeId,
    /// Both signed records, whole.
    pub pair: [Arc<[u8]>; 2],
}

/// What becomes of a verified record.
#[derive(Debug)]
pub enum Admission {
    /// These very bytes are listed and durable: nothing to do.
    AlreadyCurrent,
    /// To be made durable.
    Change(Change),
    /// Refused, and a proof worth keeping: make it durable without haste.
    Equivocation {
        /// The proof.
        evidence: Evidence,
        /// What stays listed.
        current: Arc<[u8]>,
    },
    /// Refused, since another node came through the same invitation, and a proof worth keeping.
    InvitationUsed(Box<InvitationUse>),
}

/// What cheap checks say before a signature is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screening {
    /// These very bytes were verified before.
    AlreadyCurrent,
    /// Go on to the signature.
    Verify,
}

/// The records of one grid.
#[derive(Debug)]
pub struct Directory {
    policy: Policy,
    clock: clock::Clock,
    quota: Quota,
    slots: Slots,
    by_hash: BTreeMap<HashedNodeId, Slot>,
    by_floor: BTreeSet<(Timestamp, Slot)>,
    feeds: Feeds,
    evidence: BTreeMap<NodeId, [Arc<[u8]>; 2]>,
    members: Members,
    in_flight: BTreeSet<NodeId>,
    in_flight_new: u32,
}

impl Directory {
    /// An empty directory that goes on from `marks`. `generation` is random: positions of another one are a [`Gap`].
    pub fn new(policy: Policy, now: Now, marks: Marks, generation: u64) -> Self {
        Self {
            clock: clock::Clock::new(now, marks),
            quota: Quota::new(&policy),
            feeds: Feeds::new(generation, marks.latest_hour),
            policy,
            slots: Slots::default(),
            by_hash: BTreeMap::new(),
            by_floor: BTreeSet::new(),
            evidence: BTreeMap::new(),
            members: Members::new(),
            in_flight: BTreeSet::new(),
            in_flight_new: 0,
        }
    }

    /// Takes back what the store kept. The record was verified again; policy is not asked, since what was accepted stays
    /// (and is hidden where policy does not admit it any more). `chain` is that of its grants, where policy asks for one.
    pub fn restore(
        &mut self,
        accepted: Timestamp,
        floor_until: Timestamp,
        record: VerifiedEnvelope,
        chain: Option<&VerifiedChain>,
    ) {
        let (bytes, claims) = record.into_parts();
        let floor_until = floor_until.max(claims.expires());
        let keys = self.restored_keys(&claims, chain);
        self.members.charge(&keys);
        let entry = Entry::new(bytes.into(), &claims, floor_until, None, keys);
        let hashed = HashedNodeId::new(&self.policy.grid, &claims.node);
        let position = self.feeds.restored(accepted);
        self.place(hashed, entry, position, claims.names());
    }

    /// Takes back kept evidence.
    pub fn restore_evidence(&mut self, evidence: Evidence) {
        if self.evidence.len() < self.policy.evidence_max as usize {
            self.evidence.insert(evidence.node, evidence.pair);
        }
    }

    /// The checks that cost nothing, in the order of the protocol, the verification budgets among them: a circuit's own
    /// and the one of all.
    ///
    /// # Errors
    /// The first rule the record breaks.
    pub fn screen(&mut self, now: Now, record: &SignedEnvelope, circuit: &mut Bucket) -> Result<Screening, Rejection> {
        self.clock.observe(now);
        let claims = record.claims();
        admission::refuse_wrong_grid(&self.policy, claims)?;
        admission::refuse_sealing(&self.policy, claims)?;
        admission::refuse_addresses(&self.policy, claims)?;
        admission::refuse_time_window(now.wall, self.clock.marks().forgotten_until, claims)?;
        let chain = self.screen_member(now, claims)?;
        let checks = 1 + self.checks_due(chain.as_ref()) as u64;
        self.quota.refuse_verification(now, circuit, checks)?;
        match self.current(&claims.node) {
            Some(entry) if *entry.record == *record.bytes() && !entry.barred => Ok(Screening::AlreadyCurrent),
            current => {
                let proven = self.evidence.contains_key(&claims.node);
                admission::refuse_stale(current, claims.seq)?;
                admission::refuse_conflict(current.filter(|_| proven), claims.seq)?;
                Ok(Screening::Verify)
            }
        }
    }

    /// Admits a verified record. Nothing shows until the change is applied.
    ///
    /// # Errors
    /// The first rule the record breaks; every rule of [`Self::screen`] is asked again but the budgets.
    pub fn publish(&mut self, now: Now, record: VerifiedEnvelope) -> Result<Admission, Rejection> {
        self.clock.observe(now);
        let (bytes, claims) = record.into_parts();
        admission::refuse_wrong_grid(&self.policy, &claims)?;
        admission::refuse_sealing(&self.policy, &claims)?;
        admission::refuse_addresses(&self.policy, &claims)?;
        admission::refuse_time_window(now.wall, self.clock.marks().forgotten_until, &claims)?;
        let chain = self.screen_member(now, &claims)?;
        admission::refuse_in_flight(self.in_flight.contains(&claims.node))?;
        let standing = self.prove(chain)?;
        let current = self.current(&claims.node);
        let held = current.map_or(&[][..], |entry| &entry.keys);
        if let Err(rejection) = self.members.refuse_full_issuer(&self.policy, &standing, held) {
            return self.second_use(rejection, &standing, &claims, bytes.into());
        }
        let Some(entry) = current else {
            self.quota.refuse_new_key(now, self.listed() + self.in_flight_new, &claims)?;
            let floor_until = claims.expires();
            let entry = Entry::new(bytes.into(), &claims, floor_until, None, standing.keys);
            return Ok(Admission::Change(self.reserve(entry, &claims, true)));
        };
        if *entry.record == *bytes {
            self.stand(&claims.node, standing.keys);
            return Ok(Admission::AlreadyCurrent);
        }
        admission::refuse_stale(current, claims.seq)?;
        if claims.seq == entry.seq {
            return self.equivocation(&claims, bytes.into());
        }
        let updates = entry.updates.next(now, self.policy.updates_per_key_per_hour_max, claims.is_withdrawal())?;
        let floor_until = entry.floor_until.max(claims.expires());
        let entry = Entry::new(bytes.into(), &claims, floor_until, Some(updates), standing.keys);
        Ok(Admission::Change(self.reserve(entry, &claims, false)))
    }

    /// Shows a change that is durable.
    pub fn apply(&mut self, change: Change) {
        self.release(&change);
        let hashed = HashedNodeId::new(&self.policy.grid, &change.node);
        let position = self.feeds.newest(change.accepted);
        self.place(hashed, change.entry, position, &change.names);
    }

    /// Forgets a change that could not be made durable.
    pub fn abandon(&mut self, change: Change) {
        self.release(&change);
        self.members.discharge(&change.entry.keys);
    }

    /// Forgets entries whose floor has passed and returns their keys, at most [`EXPIRIES_PER_STEP_MAX`] a call. Nothing is
    /// forgotten while the clock is in doubt.
    pub fn expire(&mut self, now: Now) -> Vec<NodeId> {
        self.clock.observe(now);
        let mut forgotten = Vec::new();
        let Some(deadline) = self.clock.deletes_before(now) else {
            return forgotten;
        };
        let due: Vec<_> = self
            .by_floor
            .iter()
            .take_while(|(floor_until, _)| *floor_until <= deadline)
            .take(EXPIRIES_PER_STEP_MAX)
            .copied()
            .collect();
        for (floor_until, slot) in due {
            let Some(node) = self.slots.entry(slot).and_then(Entry::node) else {
                continue;
            };
            // A change in flight would come back after its own deletion.
            if self.in_flight.contains(&node) {
                continue;
            }
            self.remove(HashedNodeId::new(&self.policy.grid, &node), slot);
            self.evidence.remove(&node);
            self.clock.forget_until(floor_until);
            forgotten.push(node);
        }
        forgotten
    }

    /// The first hour in which there may be something to forget.
    pub fn next_expiry(&self) -> Option<Timestamp> {
        self.by_floor.first().map(|(floor_until, _)| floor_until.plus_hours(CLOCK_SKEW_HOURS_MAX))
    }

    /// What is shown and matches `filter`, from `cursor` on, up to `bytes_max`. What is hidden while a reader passes it, it
    /// sees when it starts again (a clock that went ahead and came back).
    ///
    /// # Errors
    /// [`Gap`] when the cursor is of another generation: start from the beginning.
    pub fn page(&self, now: Timestamp, filter: &Filter, cursor: Cursor, bytes_max: usize) -> Result<Page<'_>, Gap> {
        self.feeds.page(filter, cursor, bytes_max, |slot| {
            let entry = self.slots.entry(slot)?;
            entry.shown(now, self.policy.addresses).then_some(&*entry.record)
        })
    }

    /// Where a listing starts: at the first change accepted in `since`, or at the very first.
    pub fn cursor(&self, since: Option<Timestamp>) -> Cursor {
        self.feeds.start(since)
    }

    /// Is there anything behind `cursor`?
    pub fn is_behind(&self, cursor: Cursor) -> bool {
        self.feeds.is_behind(cursor)
    }

    /// Are there more than `changes` behind `cursor`?
    pub fn lags(&self, cursor: Cursor, changes: usize) -> bool {
        self.feeds.lags(cursor, changes)
    }

    /// The proof against a key, if there is one.
    pub fn evidence(&self, node: &NodeId) -> Option<&[Arc<[u8]>; 2]> {
        self.evidence.get(node)
    }

    /// Longest lifetime, in hours, that a key new to this introducer may ask for now.
    pub fn new_key_lifetime_hours_max(&self) -> u16 {
        self.quota.new_key_lifetime_hours_max(self.listed() + self.in_flight_new)
    }

    /// Entries kept: shown, hidden and withdrawn ones.
    pub fn listed(&self) -> u32 {
        self.slots.used()
    }

    /// What is to be stored beside the records.
    pub fn marks(&self) -> Marks {
        self.clock.marks()
    }

    /// Is forgetting suspended until the operator confirms the clock?
    pub fn clock_is_in_doubt(&self) -> bool {
        self.clock.is_in_doubt()
    }

    /// The operator says that the clock is right.
    pub fn confirm_clock(&mut self, now: Now) {
        self.clock.confirm(now);
    }

    /// The rules in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Takes new rules. The grid stays, and whether it is sealed: another grid is another introducer. `true` when other nodes than before may be
    /// listed, which no record says.
    pub fn reload(&mut self, policy: Policy) -> bool {
        let Policy { grid, sealed, .. } = self.policy;
        self.quota.reload(&policy);
        self.policy = Policy { grid, sealed, ..policy };
        self.judge_again()
    }

    fn current(&self, node: &NodeId) -> Option<&Entry> {
        let slot = self.by_hash.get(&HashedNodeId::new(&self.policy.grid, node))?;
        self.slots.entry(*slot)
    }

    fn equivocation(&self, claims: &Outline, bytes: Arc<[u8]>) -> Result<Admission, Rejection> {
        let Some(entry) = self.current(&claims.node) else {
            return Err(Rejection::InFlight);
        };
        let kept = self.evidence.contains_key(&claims.node);
        if kept || self.evidence.len() >= self.policy.evidence_max as usize {
            return Err(Rejection::SeqConflict { current: Arc::clone(&entry.record) });
        }
        let evidence = Evidence { node: claims.node, pair: [Arc::clone(&entry.record), bytes] };
        Ok(Admission::Equivocation { evidence, current: Arc::clone(&entry.record) })
    }

    /// Keeps a proof that is durable.
    pub fn apply_evidence(&mut self, evidence: Evidence) {
        self.restore_evidence(evidence);
    }

    /// A record that is kept is one of a member's (again), by its own chain: policy changed since it came.
    fn stand(&mut self, node: &NodeId, keys: Box<[NodeId]>) {
        let slot = self.by_hash.get(&HashedNodeId::new(&self.policy.grid, node)).copied();
        let Some(entry) = slot.and_then(|slot| self.slots.entry_mut(slot)) else { return };
        self.members.charge(&keys);
        self.members.discharge(&entry.keys);
        entry.keys = keys;
        entry.barred = self.members.bars(&self.policy.admission, entry);
    }

    fn reserve(&mut self, entry: Entry, claims: &Outline, new_key: bool) -> Change {
        self.in_flight.insert(claims.node);
        self.in_flight_new += u32::from(new_key);
        self.members.charge(&entry.keys);
        Change {
            node: claims.node,
            record: Arc::clone(&entry.record),
            accepted: self.clock.marks().latest_hour,
            floor_until: entry.floor_until,
            names: claims.names().to_vec(),
            entry,
            new_key,
        }
    }

    fn release(&mut self, change: &Change) {
        self.in_flight.remove(&change.node);
        self.in_flight_new -= u32::from(change.new_key);
    }

    /// Puts an entry in the place of what its key had before.
    fn place(&mut self, hashed: HashedNodeId, mut entry: Entry, position: Position, names: &[ServiceName]) {
        let removal = match self.by_hash.get(&hashed).copied().and_then(|slot| self.remove(hashed, slot)) {
            Some(old) => old.removal || old.names.iter().any(|name| !names.contains(name)),
            None => false,
        };
        let floor_until = entry.floor_until;
        entry.position = position;
        // What rests on a key may have been revoked while the record was on its way to the disk.
        entry.barred = self.members.bars(&self.policy.admission, &entry);
        let slot = self.slots.insert(entry);
        self.feeds.insert(position, slot, names, removal || names.is_empty());
        self.by_hash.insert(hashed, slot);
        self.by_floor.insert((floor_until, slot));
    }

    /// Takes an entry out of every index.
    fn remove(&mut self, hashed: HashedNodeId, slot: Slot) -> Option<Removed> {
        self.by_hash.remove(&hashed);
        let entry = self.slots.remove(slot)?;
        self.members.discharge(&entry.keys);
        self.by_floor.remove(&(entry.floor_until, slot));
        let names = entry.names();
        Some(Removed { removal: self.feeds.remove(entry.position, &names), names })
    }
}

/// What an entry leaves behind.
struct Removed {
    names: Vec<ServiceName>,
    removal: bool,
}
