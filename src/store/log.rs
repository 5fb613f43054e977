//! Which entry of the log counts for each node, and when old entries go.

use std::collections::BTreeMap;

use crate::record::NodeId;

/// Superseded entries that are kept in any case: dropping them one by one in a small store would cost a page each.
pub(super) const SLACK_ENTRIES: u64 = 1024;
/// Old entries looked at for each new one while there are too many. At two, entries that still count and have to move to
/// the near end (a second write) never let the log grow beyond twice the rows, whatever the order of publishing.
pub(super) const DROPS_PER_ENTRY: u64 = 2;
/// And in addition per group, so that a store in which nothing but deletions happens shrinks too.
pub(super) const DROPS_PER_GROUP: u64 = 16;

/// More entries than this for so many rows, and the oldest are looked at. Half as many again: nodes re-publish after
/// 0.75 to 1.25 of their interval, so the oldest third of such a log has been superseded whole and costs no second write.
pub(super) const fn entries_kept(rows: u64) -> u64 {
    rows.saturating_add(rows / 2).saturating_add(SLACK_ENTRIES)
}

/// Where a node's row is: key in the log and bytes of the value, in one word, since there are a million of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot(u64);

/// Bits of a length: more than a record and its head.
const LENGTH_BITS: u32 = 16;

impl Spot {
    /// `None` for a value that no record fits, or after 2⁴⁸ entries.
    pub(super) fn new(key: u64, length: usize) -> Option<Self> {
        let length = u16::try_from(length).ok()?;
        (key < 1 << (64 - LENGTH_BITS)).then_some(Self(key << LENGTH_BITS | u64::from(length)))
    }

    pub(super) const fn key(self) -> u64 {
        self.0 >> LENGTH_BITS
    }

    pub(super) const fn length(self) -> u64 {
        self.0 & ((1 << LENGTH_BITS) - 1)
    }
}

/// The spot of every node that has a row.
pub(super) type Index = BTreeMap<NodeId, Spot>;

/// Changes to an [`Index`] that count when their group is durable.
pub(super) struct Staged<'a> {
    index: &'a Index,
    changed: BTreeMap<NodeId, Option<Spot>>,
}

impl<'a> Staged<'a> {
    pub(super) const fn new(index: &'a Index) -> Self {
        Self { index, changed: BTreeMap::new() }
    }

    pub(super) fn spot(&self, node: &NodeId) -> Option<Spot> {
        self.changed.get(node).map_or_else(|| self.index.get(node).copied(), |spot| *spot)
    }

    /// The spot before.
    pub(super) fn set(&mut self, node: NodeId, spot: Option<Spot>) -> Option<Spot> {
        let before = self.spot(&node);
        self.changed.insert(node, spot);
        before
    }

    pub(super) fn into_changes(self) -> BTreeMap<NodeId, Option<Spot>> {
        self.changed
    }
}

/// Makes changes count.
pub(super) fn apply(index: &mut Index, changes: BTreeMap<NodeId, Option<Spot>>) {
    for (node, spot) in changes {
        match spot {
            Some(spot) => index.insert(node, spot),
            None => index.remove(&node),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::{
        fault::Disk,
        model::{Model, Workload, load_disk},
    };

    #[test]
    fn rows_that_are_never_published_again_move_and_stay_while_the_log_stays_short() {
        let disk = Arc::new(Disk::default());
        let mut store = load_disk(&disk).unwrap().1.accept().unwrap();
        let mut workload = Workload::new(21, 900);
        let mut model = Model::default();
        let marks = workload.marks();
        let cold: Vec<_> = (0..4000).map(|_| workload.put()).collect();
        let hot: Vec<_> = cold.iter().cycle().take(10_000).map(|_| cold[0].clone()).collect();
        let mut moved = 0;
        for writes in cold.chunks(100).chain(hot.chunks(100)) {
            let before = store.entries();
            store.commit(writes, marks, 0).unwrap();
            model.apply(writes, marks);
            let longest = 2 * store.rows() + SLACK_ENTRIES + 2 * writes.len() as u64;
            assert!(store.entries() <= longest, "{} entries, {} rows", store.entries(), store.rows());
            moved += u64::from(store.entries() > before && before > entries_kept(store.rows()));
        }
        assert!(moved > 3, "nothing had to move: {moved}");
        drop(store);
        assert!(load_disk(&disk).unwrap().0 == model);
    }
}
