//! The grants of one key in a row, as files and introducers carry them from whoever granted to the node.

use alloc::vec::Vec;

use super::{
    chain::{Chain, ChainError},
    grant::SignedGrant,
};
use crate::record::{GRANT_BYTES_MAX, GRANTS_MAX, GridId, NodeId};

/// A whole chain, each grant behind its length.
pub const BUNDLE_BYTES_MAX: usize = GRANTS_MAX * (GRANT_BYTES_MAX + LENGTH_BYTES);
/// A length, the larger byte first.
const LENGTH_BYTES: usize = 2;

/// Why bytes are not the grants of a node. No signature has been looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// More than a chain has.
    #[error("more than the grants of one node")]
    TooLarge,
    /// A length that does not fit what follows.
    #[error("a grant is cut off")]
    CutOff,
    /// They do not lead from the grid's key to one node.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// Grants that lead to a node, if their signatures hold.
#[derive(Clone, Debug)]
pub struct GrantBundle {
    /// Whom the last one is for.
    pub node: NodeId,
    /// Of this grid.
    pub grid: GridId,
    /// The links, as they stand in a record.
    pub grants: Vec<Vec<u8>>,
    /// What they say.
    pub chain: Chain,
}

impl GrantBundle {
    /// Takes bytes from anywhere: lengths, form, and how each grant follows from the one before it. There is one spelling.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge);
        }
        let grants = split(bytes).ok_or(BundleError::CutOff)?;
        let last = grants.last().ok_or(ChainError::Empty)?;
        let last = SignedGrant::decode(last).map_err(ChainError::Grant)?;
        let (grid, node) = (last.claims().grid, last.claims().subject);
        let chain = Chain::read(&grid, &node, &grants)?;
        Ok(Self { node, grid, grants, chain })
    }

    /// The bytes of grants in a row.
    pub fn encode(grants: &[Vec<u8>]) -> Vec<u8> {
        // A grant has at most 256 bytes: one that a length can't hold is no grant, and is not read back.
        let part = |grant: &Vec<u8>| [&(grant.len() as u16).to_be_bytes()[..], grant].concat();
        grants.iter().flat_map(part).collect()
    }
}

fn split(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut grants = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() {
        let (grant, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        grants.push(grant.to_vec());
        bytes = rest;
    }
    bytes.is_empty().then_some(grants)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn grants_come_back_as_they_were_put_together() {
        for grants in [vec![], vec![vec![1; 200]], vec![vec![1], vec![2; 256], vec![3; 255]]] {
            let joined = GrantBundle::encode(&grants);
            assert_eq!(split(&joined), Some(grants));
            for end in 1..joined.len() {
                let cut = split(&joined[..end]);
                assert!(cut.is_none_or(|cut| GrantBundle::encode(&cut).len() == end), "a part of a grant was taken");
            }
        }
    }

    #[test]
    fn what_no_chain_has_is_refused_before_it_is_taken_apart() {
        let error = |bytes: &[u8]| GrantBundle::decode(bytes).expect_err("no bundle");
        assert_eq!(error(&vec![0; BUNDLE_BYTES_MAX + 1]), BundleError::TooLarge);
        assert_eq!(error(&[]), BundleError::Chain(ChainError::Empty));
        assert_eq!(error(&[0]), BundleError::CutOff);
        assert_eq!(error(&[0, 9, 1]), BundleError::CutOff);
        assert!(matches!(error(&[0, 1, 1]), BundleError::Chain(ChainError::Grant(_))));
    }
}
