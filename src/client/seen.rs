//! Which seq of which node was shown, so that nothing is shown twice and nothing old after something new.

use std::collections::BTreeMap;

use crate::{
    grid::RevocationList,
    record::{NodeId, Seq},
};

/// Nodes remembered at least; up to twice as many are. Some 10 MB at the most, 30 in a granted grid.
pub const NODES_SEEN_MAX: usize = 65_536;

/// Two halves: when the newer is full the older is forgotten, so whoever was heard of lately stays.
#[derive(Debug, Default)]
pub(super) struct Seen {
    recent: BTreeMap<NodeId, Shown>,
    older: BTreeMap<NodeId, Shown>,
}

/// What was shown of a node.
#[derive(Debug)]
struct Shown {
    seq: Seq,
    /// What it rested on, in a granted grid.
    keys: Box<[NodeId]>,
}

impl Seen {
    /// Was a record of the node shown?
    pub(super) fn knows(&self, node: &NodeId) -> bool {
        self.recent.contains_key(node) || self.older.contains_key(node)
    }

    /// Takes note. `None`: no newer than what was shown already.
    pub(super) fn advance(&mut self, node: NodeId, seq: Seq, keys: Box<[NodeId]>) -> Option<()> {
        let known = self.recent.get(&node).or_else(|| self.older.get(&node));
        if known.is_some_and(|known| seq <= known.seq) {
            return None;
        }
        self.recent.insert(node, Shown { seq, keys });
        if self.recent.len() >= NODES_SEEN_MAX {
            self.older = std::mem::take(&mut self.recent);
        }
        Some(())
    }

    /// Forgets whoever rested on a key that is out by now, and tells who that was: should they come back, they are new.
    pub(super) fn forget_revoked(&mut self, list: &RevocationList) -> Vec<NodeId> {
        let mut gone = std::collections::BTreeSet::new();
        for half in [&mut self.recent, &mut self.older] {
            half.retain(|node, shown| {
                let out = shown.keys.iter().any(|key| list.revokes(key));
                if out {
                    gone.insert(*node);
                }
                !out
            });
        }
        // A newer record of the same node may rest on others.
        gone.into_iter().filter(|node| !self.knows(node)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Box<[NodeId]> {
        Box::default()
    }

    fn node(number: usize) -> NodeId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        NodeId::from_bytes(bytes)
    }

    #[test]
    fn only_what_is_newer_passes() {
        let mut seen = Seen::default();
        assert_eq!(seen.advance(node(1), 5, keys()), Some(()));
        assert_eq!(seen.advance(node(1), 5, keys()), None);
        assert_eq!(seen.advance(node(1), 4, keys()), None);
        assert_eq!(seen.advance(node(1), 6, keys()), Some(()));
        assert_eq!(seen.advance(node(2), 1, keys()), Some(()));
    }

    #[test]
    fn whoever_rests_on_a_revoked_key_is_forgotten_and_told() {
        let list = RevocationList {
            grid: crate::record::GridId::from_bytes([1; 32]),
            seq: 1,
            issued: crate::record::Timestamp::EPOCH,
            next_update_hours: 1,
            revoked: vec![crate::grid::Revocation { key: node(9), until: crate::record::Timestamp::from_hours(1) }],
        };
        let mut seen = Seen::default();
        seen.advance(node(1), 5, [node(9), node(1)].into());
        seen.advance(node(2), 5, [node(8), node(2)].into());
        assert_eq!(seen.forget_revoked(&list), [node(1)]);
        assert_eq!(seen.forget_revoked(&list), []);
        assert_eq!(seen.advance(node(1), 5, keys()), Some(()), "back in");
        assert_eq!(seen.advance(node(2), 5, keys()), None);
    }

    #[test]
    fn memory_is_bounded_and_the_latest_stay() {
        let mut seen = Seen::default();
        for number in 0..3 * NODES_SEEN_MAX {
            assert_eq!(seen.advance(node(number), 1, keys()), Some(()));
        }
        assert!(seen.recent.len() + seen.older.len() <= 2 * NODES_SEEN_MAX);
        assert_eq!(seen.advance(node(3 * NODES_SEEN_MAX - 1), 1, keys()), None);
        assert_eq!(seen.advance(node(0), 1, keys()), Some(()));
    }
}
