//! One entry a key, kept small: a million of them fit a small machine.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::{Now, Rejection, feed::Position};
use crate::record::{
    AddressKind, AddressKinds, NodeId, Outline, SECONDS_PER_HOUR, Seq, ServiceName, SignedEnvelope, Timestamp,
};

/// Withdrawals a key may make in an hour beyond its ordinary updates: taking back must not fail for want of quota.
const WITHDRAWALS_RESERVED_PER_HOUR: u16 = 4;
/// Offset of the node id in a record's bytes: behind the version and the grid.
const NODE_OFFSET_BYTES: usize = 33;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: Arc<[u8]>,
    pub(super) seq: Seq,
    pub(super) position: Position,
    expires: Timestamp,
    pub(super) floor_until: Timestamp,
    pub(super) updates: Updates,
    /// What it rests on: the keys its chain of grants leads through, down to its node; none without a verified chain.
    pub(super) keys: Box<[NodeId]>,
    /// Hidden by policy or by a revocation, and kept as a floor.
    pub(super) barred: bool,
    kinds: AddressKinds,
}

impl Entry {
    pub(super) fn new(
        record: Arc<[u8]>,
        claims: &Outline,
        floor_until: Timestamp,
        updates: Option<Updates>,
        keys: Box<[NodeId]>,
    ) -> Self {
        Self {
            record,
            seq: claims.seq,
            position: Position::default(),
            expires: claims.expires(),
            floor_until,
            updates: updates.unwrap_or_default(),
            keys,
            barred: false,
            kinds: claims.addresses,
        }
    }

    /// Neither expired by the wall clock, nor against the policy in force, nor revoked.
    pub(super) fn shown(&self, now: Timestamp, admitted: AddressKinds) -> bool {
        let every = [AddressKind::Onion, AddressKind::I2p, AddressKind::Clearnet];
        !self.barred
            && now < self.expires
            && every.into_iter().all(|kind| !self.kinds.admits(kind) || admitted.admits(kind))
    }

    /// Whose it is, read from where every record of this version has it.
    pub(super) fn node(&self) -> Option<NodeId> {
        let (_, rest) = self.record.split_at_checked(NODE_OFFSET_BYTES)?;
        rest.first_chunk().copied().map(NodeId::from_bytes)
    }

    /// What it is listed by, read from the bytes again: an entry keeps no second copy of it.
    pub(super) fn names(&self) -> Vec<ServiceName> {
        SignedEnvelope::decode(&self.record).map(|record| record.claims().names().to_vec()).unwrap_or_default()
    }

    /// What everybody may know of it, read from the bytes again.
    pub(super) fn outline(&self) -> Option<Outline> {
        SignedEnvelope::decode(&self.record).ok().map(|record| record.claims().clone())
    }
}

/// How often a key changed its record within the running hour of the steady clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Updates {
    steady_hour: u32,
    count: u16,
}

impl Updates {
    pub(super) fn next(self, now: Now, max: u16, withdrawal: bool) -> Result<Self, Rejection> {
        let hour_millis = 1000 * SECONDS_PER_HOUR;
        let steady_hour = (now.steady_millis / hour_millis) as u32;
        let count = if steady_hour == self.steady_hour { self.count } else { 0 };
        let max = if withdrawal { max.saturating_add(WITHDRAWALS_RESERVED_PER_HOUR) } else { max };
        if count >= max {
            return Err(Rejection::UpdateRate { retry_millis: hour_millis - now.steady_millis % hour_millis });
        }
        Ok(Self { steady_hour, count: count + 1 })
    }
}

/// Place of an entry; four bytes in every index instead of a key of 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u32);

#[derive(Debug, Default)]
pub(super) struct Slots {
    entries: Vec<Option<Entry>>,
    free: Vec<Slot>,
}

impl Slots {
    pub(super) fn insert(&mut self, entry: Entry) -> Slot {
        if let Some(slot) = self.free.pop() {
            if let Some(place) = self.entries.get_mut(slot.0 as usize) {
                *place = Some(entry);
            }
            return slot;
        }
        let slot = Slot(self.entries.len() as u32);
        self.entries.push(Some(entry));
        slot
    }

    pub(super) fn entry(&self, slot: Slot) -> Option<&Entry> {
        self.entries.get(slot.0 as usize)?.as_ref()
    }

    pub(super) fn entry_mut(&mut self, slot: Slot) -> Option<&mut Entry> {
        self.entries.get_mut(slot.0 as usize)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut().flatten()
    }

    pub(super) fn remove(&mut self, slot: Slot) -> Option<Entry> {
        let entry = self.entries.get_mut(slot.0 as usize)?.take()?;
        self.free.push(slot);
        Some(entry)
    }

    pub(super) fn used(&self) -> u32 {
        (self.entries.len() - self.free.len()) as u32
    }
}
