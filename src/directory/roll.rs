//! The nodes an operator lets in by name.

use alloc::{collections::BTreeMap, sync::Arc};

use crate::{grid::ServiceSet, record::NodeId};

/// Nodes and what each may offer. Cheap to clone: it is part of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roll(Arc<BTreeMap<NodeId, ServiceSet>>);

impl Roll {
    /// What `node` may offer; `None` when it is not let in.
    pub fn services(&self, node: &NodeId) -> Option<&ServiceSet> {
        self.0.get(node)
    }

    /// Each node, by id, with what it may offer.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&NodeId, &ServiceSet)> {
        self.0.iter()
    }

    /// How many nodes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Nobody at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(NodeId, ServiceSet)> for Roll {
    fn from_iter<I: IntoIterator<Item = (NodeId, ServiceSet)>>(nodes: I) -> Self {
        Self(Arc::new(nodes.into_iter().collect()))
    }
}
