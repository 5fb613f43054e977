//! Who belongs: what policy asks of whoever publishes, what rests on whom, and what becomes of records when that changes.

use alloc::{boxed::Box, collections::BTreeMap};

use super::{AdmissionPolicy, Directory, Now, Policy, Rejection, admission, entry::Entry, invited::Invited};
use crate::{
    grid::{Chain, KnownGrants, VerifiedChain, VerifiedKeyEpoch, VerifiedRevocations},
    record::{NodeId, Outline},
};

/// Grants remembered as verified: one for each key of the usual store, with room for those that many share. 20 MB when
/// full, in granted grids alone.
const GRANTS_KNOWN_MAX: usize = 131_072;
/// Nodes listed at a time through the one-use key of an invitation.
const RECORDS_PER_INVITATION_MAX: u32 = 1;

/// What makes a record one of a member's.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The keys its chain leads through, down to its node; none where policy asks for no chain.
    pub(super) keys: Box<[NodeId]>,
    pub(super) invitation: Option<NodeId>,
}

impl Standing {
    /// Who granted: all but the node.
    fn issuers(&self) -> &[NodeId] {
        issuers(&self.keys)
    }
}

fn issuers(keys: &[NodeId]) -> &[NodeId] {
    keys.split_last().map_or(&[], |(_, issuers)| issuers)
}

#[derive(Debug)]
pub(super) struct Members {
    pub(super) known: KnownGrants,
    pub(super) revocations: Option<VerifiedRevocations>,
    /// Of a sealed grid.
    pub(super) key_epoch: Option<VerifiedKeyEpoch>,
    /// A newer document is on its way to the disk.
    pub(super) revising: bool,
    /// Records that rest on each issuer, those in flight among them: three issuers a record at most.
    resting: BTreeMap<NodeId, u32>,
    pub(super) invited: Invited,
}

impl Members {
    pub(super) const fn new() -> Self {
        let known = KnownGrants::new(GRANTS_KNOWN_MAX);
        Self {
            known,
            revocations: None,
            key_epoch: None,
            revising: false,
            resting: BTreeMap::new(),
            invited: Invited::new(),
        }
    }

    /// Is a record hidden by policy, or by what was revoked?
    pub(super) fn bars(&self, policy: &AdmissionPolicy, entry: &Entry) -> bool {
        match policy {
            AdmissionPolicy::Open => false,
            AdmissionPolicy::Granted => {
                entry.keys.is_empty() || admission::refuse_revoked(self.revocations.as_ref(), &entry.keys).is_err()
            }
            AdmissionPolicy::Listed(roll) => {
                entry.outline().is_none_or(|claims| admission::refuse_unlisted(roll, &claims).is_err())
            }
        }
    }

    /// A record rests on the keys of its chain from now on.
    pub(super) fn charge(&mut self, keys: &[NodeId]) {
        for issuer in issuers(keys) {
            *self.resting.entry(*issuer).or_default() += 1;
        }
    }

    /// It does not any more.
    pub(super) fn discharge(&mut self, keys: &[NodeId]) {
        for issuer in issuers(keys) {
            if let Some(count) = self.resting.get_mut(issuer) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.resting.remove(issuer);
                }
            }
        }
    }

    /// Every issuer of a chain answers for what rests on it. `held` are the keys of the record that would be replaced.
    pub(super) fn refuse_full_issuer(
        &self,
        policy: &Policy,
        standing: &Standing,
        held: &[NodeId],
    ) -> Result<(), Rejection> {
        if let Some(invitation) = &standing.invitation {
            self.invited.refuse_used(invitation, standing.keys.last())?;
        }
        for issuer in standing.issuers().iter().filter(|issuer| !issuers(held).contains(issuer)) {
            let resting = self.resting.get(issuer).copied().unwrap_or(0);
            if standing.invitation == Some(*issuer) && resting >= RECORDS_PER_INVITATION_MAX {
                return Err(Rejection::InvitationUsed);
            }
            if resting >= policy.records_per_issuer_max {
                return Err(Rejection::IssuerFull);
            }
        }
        Ok(())
    }
}

impl Directory {
    /// Everything policy asks of whoever publishes that costs no signature; the chain whose signatures are left.
    pub(super) fn screen_member(&self, now: Now, claims: &Outline) -> Result<Option<Chain>, Rejection> {
        match &self.policy.admission {
            AdmissionPolicy::Open => admission::refuse_grants(claims).map(|()| None),
            AdmissionPolicy::Listed(roll) => admission::refuse_unlisted(roll, claims).map(|()| None),
            AdmissionPolicy::Granted => {
                admission::refuse_without_grant(claims)?;
                let chain =
                    Chain::read(&self.policy.grid, &claims.node, &claims.grants).map_err(Rejection::GrantChain)?;
                admission::refuse_grant_time(now.wall, &chain, claims)?;
                admission::refuse_revoked(self.members.revocations.as_ref(), chain.keys())?;
                admission::refuse_rights(chain.rights(), claims)?;
                Ok(Some(chain))
            }
        }
    }

    /// Signatures that the chain of a record would take beside its own.
    pub(super) fn checks_due(&self, chain: Option<&Chain>) -> usize {
        chain.map_or(0, |chain| chain.checks_due(&self.members.known))
    }

    /// Checks what signatures of the chain are not known to hold.
    pub(super) fn prove(&mut self, chain: Option<Chain>) -> Result<Standing, Rejection> {
        let Some(chain) = chain else { return Ok(Standing::default()) };
        let invitation = chain.invitation();
        let verified = chain.verify(&self.members.known).map_err(|_| Rejection::GrantSignature)?;
        self.members.known.learn(&verified);
        Ok(Standing { keys: verified.keys().into(), invitation })
    }

    /// What a kept record rests on: nothing, where its chain does not allow what it says.
    pub(super) fn restored_keys(&mut self, claims: &Outline, chain: Option<&VerifiedChain>) -> Box<[NodeId]> {
        let fits = |chain: &&VerifiedChain| {
            chain.keys().last() == Some(&claims.node)
                && admission::refuse_rights(chain.rights(), claims).is_ok()
                && claims.expires() <= chain.expires()
        };
        let Some(chain) = chain.filter(fits) else { return Box::default() };
        self.members.known.learn(chain);
        chain.keys().into()
    }

    /// Hides and shows every record anew, after policy or the list of revoked keys changed: one pass over what is kept.
    /// `true` when that changed anything.
    pub(super) fn judge_again(&mut self) -> bool {
        let Self { slots, policy, members, .. } = self;
        let mut changed = false;
        for entry in slots.iter_mut() {
            let barred = members.bars(&policy.admission, entry);
            changed |= entry.barred != barred;
            entry.barred = barred;
        }
        changed
    }
}
