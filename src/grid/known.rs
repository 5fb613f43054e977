//! Grants whose signature was checked before: a chain is paid for once, and so is the part of it that many share.

use alloc::collections::{BTreeSet, VecDeque};

use sha2::{Digest, Sha256};

use super::chain::VerifiedChain;

/// SHA-256 of a whole signed grant. A grant names its grid, its issuer and its subject, so its signature holds or not
/// whatever chain it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GrantDigest([u8; 32]);

impl GrantDigest {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// A bounded memory of verified grants; the oldest go first.
#[derive(Debug)]
pub struct KnownGrants {
    max: usize,
    digests: BTreeSet<GrantDigest>,
    order: VecDeque<GrantDigest>,
}

impl KnownGrants {
    /// Of at most `max` grants, some 150 bytes each.
    pub const fn new(max: usize) -> Self {
        Self { max, digests: BTreeSet::new(), order: VecDeque::new() }
    }

    /// Remembers the grants of a chain.
    pub fn learn(&mut self, chain: &VerifiedChain) {
        for digest in chain.digests() {
            if self.max == 0 || !self.digests.insert(*digest) {
                continue;
            }
            self.order.push_back(*digest);
            while self.order.len() > self.max {
                if let Some(oldest) = self.order.pop_front() {
                    self.digests.remove(&oldest);
                }
            }
        }
    }

    pub(super) fn knows(&self, digest: &GrantDigest) -> bool {
        self.digests.contains(digest)
    }
}
