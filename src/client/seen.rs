//! Which seq of which node was shown, so that nothing is shown twice and nothing old after something new.

use std::collections::BTreeMap;

use crate::record::{NodeId, Seq};

/// Nodes remembered at least; up to twice as many are. Some 10 MB at the most.
pub const NODES_SEEN_MAX: usize = 65_536;

/// Two halves: when the newer is full the older is forgotten, so whoever was heard of lately stays.
#[derive(Debug, Default)]
pub(super) struct Seen {
    recent: BTreeMap<NodeId, Seq>,
    older: BTreeMap<NodeId, Seq>,
}

impl Seen {
    /// Was a record of the node shown?
    pub(super) fn knows(&self, node: &NodeId) -> bool {
        self.recent.contains_key(node) || self.older.contains_key(node)
    }

    /// Takes note. `None`: no newer than what was shown already.
    pub(super) fn advance(&mut self, node: NodeId, seq: Seq) -> Option<()> {
        let known = self.recent.get(&node).or_else(|| self.older.get(&node));
        if known.is_some_and(|known| seq <= *known) {
            return None;
        }
        self.recent.insert(node, seq);
        if self.recent.len() >= NODES_SEEN_MAX {
            self.older = std::mem::take(&mut self.recent);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: usize) -> NodeId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        NodeId::from_bytes(bytes)
    }

    #[test]
    fn only_what_is_newer_passes() {
        let mut seen = Seen::default();
        assert_eq!(seen.advance(node(1), 5), Some(()));
        assert_eq!(seen.advance(node(1), 5), None);
        assert_eq!(seen.advance(node(1), 4), None);
        assert_eq!(seen.advance(node(1), 6), Some(()));
        assert_eq!(seen.advance(node(2), 1), Some(()));
    }

    #[test]
    fn memory_is_bounded_and_the_latest_stay() {
        let mut seen = Seen::default();
        for number in 0..3 * NODES_SEEN_MAX {
            assert_eq!(seen.advance(node(number), 1), Some(()));
        }
        assert!(seen.recent.len() + seen.older.len() <= 2 * NODES_SEEN_MAX);
        assert_eq!(seen.advance(node(3 * NODES_SEEN_MAX - 1), 1), None);
        assert_eq!(seen.advance(node(0), 1), Some(()));
    }
}
