//! What became of invitations: who used each, the grants with which that node may stay, and the proof of a second use.
//!
//! Whoever invited confirms a node by grants of their own, which wait here until the node asks for them. An invitation that
//! was confirmed, or used twice, stays used up after the records that rest on it are gone.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};

use super::{
    Admission, AdmissionPolicy, Bucket, CLOCK_SKEW_HOURS_MAX, Directory, Now, Rejection, Screening, admission,
    members::Standing,
};
use crate::{
    grid::{Chain, GrantBundle},
    record::{NodeId, Outline, SignedEnvelope, Timestamp},
};

/// Invitations remembered: some 5 KiB each. A grid of friends has a few at a time.
const USES_MAX: usize = 1024;
/// Of one issuer, so that one who may invite leaves room for others.
const USES_PER_ISSUER_MAX: usize = 128;
/// So long after the end of an invitation a node finds its grants, and whoever invited a proof: a month of absence.
const KEPT_HOURS: u32 = 30 * 24;

/// What became of one invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationUse {
    /// The one-use key.
    pub invitation: NodeId,
    /// Who used it first, here.
    pub node: NodeId,
    /// That node's signed record, which rests on the invitation.
    pub first: Arc<[u8]>,
    /// The grants with which the node may stay ([`GrantBundle`]).
    pub grants: Option<Arc<[u8]>>,
    /// The signed record of another node that rests on the same invitation.
    pub second: Option<Arc<[u8]>>,
    /// The keys above the one of the invitation, then the node: what grants that confirm it lead through.
    lasting: Box<[NodeId]>,
    until: Timestamp,
}

impl InvitationUse {
    /// Of a record that is known to hold; `None` when it rests on no invitation.
    fn of(first: Arc<[u8]>) -> Option<Self> {
        let record = SignedEnvelope::decode(&first).ok()?;
        let claims = record.claims();
        let chain = Chain::read(&claims.grid, &claims.node, &claims.grants).ok()?;
        let invitation = chain.invitation()?;
        let lasting = chain.keys().iter().filter(|key| **key != invitation).copied().collect();
        let until = chain.expires().plus_hours(KEPT_HOURS);
        Some(Self { invitation, node: claims.node, first, grants: None, second: None, lasting, until })
    }
}

/// By the key of the invitation.
#[derive(Debug, Default)]
pub(super) struct Invited(BTreeMap<NodeId, InvitationUse>);

impl Invited {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// One invitation is for one node, also when that node does not rest on it any more.
    pub(super) fn refuse_used(&self, invitation: &NodeId, node: Option<&NodeId>) -> Result<(), Rejection> {
        match self.0.get(invitation) {
            Some(used) if Some(&used.node) != node => Err(Rejection::InvitationUsed),
            _ => Ok(()),
        }
    }

    fn of_node(&self, node: &NodeId) -> Option<&InvitationUse> {
        self.0.values().find(|used| used.node == *node)
    }

    /// `issuer` is whoever invited; `None`: the grid's key.
    fn refuse_no_room(&self, invitation: &NodeId, issuer: Option<&NodeId>) -> Result<(), Rejection> {
        if self.0.contains_key(invitation) {
            return Ok(());
        }
        if self.0.len() >= USES_MAX {
            return Err(Rejection::Full);
        }
        let of_issuer = || self.0.values().filter(|other| inviter(&other.lasting) == issuer).count();
        if issuer.is_some() && of_issuer() >= USES_PER_ISSUER_MAX { Err(Rejection::IssuerFull) } else { Ok(()) }
    }
}

/// Of keys that grants to stay lead through, the one above the node.
fn inviter(lasting: &[NodeId]) -> Option<&NodeId> {
    lasting.iter().rev().nth(1)
}

impl Directory {
    /// The checks of grants that confirm a node which cost no signature, and the verification budgets.
    ///
    /// # Errors
    /// The first rule they break.
    pub fn screen_confirmation(
        &mut self,
        now: Now,
        bundle: &GrantBundle,
        circuit: &mut Bucket,
    ) -> Result<Screening, Rejection> {
        self.clock.observe(now);
        if self.confirmed(now, bundle)?.is_none() {
            return Ok(Screening::AlreadyCurrent);
        }
        let checks = bundle.chain.checks_due(&self.members.known) as u64;
        self.quota.refuse_verification(now, circuit, checks)?;
        Ok(Screening::Verify)
    }

    /// Admits grants that confirm a node; `None` when it has them already. They are handed out once they are durable and
    /// [`Self::apply_use`] was called.
    ///
    /// # Errors
    /// The first rule they break; every rule of [`Self::screen_confirmation`] is asked again but the budgets.
    pub fn confirm(&mut self, now: Now, bundle: GrantBundle) -> Result<Option<InvitationUse>, Rejection> {
        self.clock.observe(now);
        let Some(used) = self.confirmed(now, &bundle)? else { return Ok(None) };
        self.prove(Some(bundle.chain))?;
        Ok(Some(used))
    }

    /// Keeps what is durable.
    pub fn apply_use(&mut self, used: InvitationUse) {
        self.members.invited.0.insert(used.invitation, used);
    }

    /// Takes back what the store kept, of records whose signatures and grants were verified again. What does not fit
    /// together is left out.
    pub fn restore_use(&mut self, first: Arc<[u8]>, grants: Option<Arc<[u8]>>, second: Option<Arc<[u8]>>) {
        if let Some(used) = InvitationUse::of(first)
            && self.members.invited.refuse_no_room(&used.invitation, inviter(&used.lasting)).is_ok()
        {
            self.apply_use(InvitationUse { grants, second, ..used });
        }
    }

    /// The grants with which a node may stay.
    pub fn confirmation(&self, node: &NodeId) -> Option<&[u8]> {
        self.members.invited.of_node(node)?.grants.as_deref()
    }

    /// Two records of different nodes that rest on one invitation.
    pub fn used_twice(&self, invitation: &NodeId) -> Option<[&[u8]; 2]> {
        let used = self.members.invited.0.get(invitation)?;
        Some([&used.first, used.second.as_deref()?])
    }

    /// Forgets invitations that ended long ago, and returns their keys. Nothing is forgotten while the clock is in doubt.
    pub fn forget_invitations(&mut self, now: Now) -> Vec<NodeId> {
        let Some(deadline) = self.clock.deletes_before(now) else { return Vec::new() };
        let uses = &mut self.members.invited.0;
        let over: Vec<NodeId> =
            uses.values().filter(|used| used.until <= deadline).map(|used| used.invitation).collect();
        for invitation in &over {
            uses.remove(invitation);
        }
        over
    }

    /// A record that is refused since its invitation was used: the first time that happens it is a proof.
    pub(super) fn second_use(
        &self,
        rejection: Rejection,
        standing: &Standing,
        claims: &Outline,
        second: Arc<[u8]>,
    ) -> Result<Admission, Rejection> {
        let Some(invitation) = standing.invitation.filter(|_| matches!(rejection, Rejection::InvitationUsed)) else {
            return Err(rejection);
        };
        let lasting: Vec<NodeId> = standing.keys.iter().filter(|key| **key != invitation).copied().collect();
        if self.members.invited.refuse_no_room(&invitation, inviter(&lasting)).is_err() {
            return Err(rejection);
        }
        let used = self.members.invited.0.get(&invitation).cloned().or_else(|| self.first_use(&invitation));
        match used.filter(|used| used.second.is_none() && used.node != claims.node) {
            Some(used) => Ok(Admission::InvitationUsed(Box::new(InvitationUse { second: Some(second), ..used }))),
            None => Err(rejection),
        }
    }

    /// Looks through what is listed: once an invitation, since the proof is kept.
    fn first_use(&self, invitation: &NodeId) -> Option<InvitationUse> {
        let entry = self.slots.iter().find(|entry| entry.keys.contains(invitation))?;
        InvitationUse::of(Arc::clone(&entry.record))
    }

    /// What would be kept of these grants; `None` when it is already.
    fn confirmed(&self, now: Now, bundle: &GrantBundle) -> Result<Option<InvitationUse>, Rejection> {
        if bundle.grid != self.policy.grid {
            return Err(Rejection::WrongGrid);
        }
        if self.policy.admission != AdmissionPolicy::Granted {
            return Err(Rejection::Grants);
        }
        let chain = &bundle.chain;
        if chain.issued() > now.wall.plus_hours(CLOCK_SKEW_HOURS_MAX) {
            return Err(Rejection::IssuedInFuture);
        }
        if chain.expires() <= now.wall {
            return Err(Rejection::GrantExpired);
        }
        admission::refuse_revoked(self.members.revocations.as_ref(), chain.keys())?;
        let known = self.members.invited.of_node(&bundle.node).cloned();
        let listed = || {
            InvitationUse::of(Arc::clone(&self.current(&bundle.node).filter(|entry| !entry.keys.is_empty())?.record))
        };
        // Only whoever invited can confirm: no other key may stand in the place of theirs.
        let used = known.or_else(listed).filter(|used| *used.lasting == *chain.keys());
        let Some(used) = used else { return Err(Rejection::NotListed) };
        let grants: Arc<[u8]> = GrantBundle::encode(&bundle.grants).into();
        if let Some(kept) = &used.grants {
            if **kept == *grants {
                return Ok(None);
            }
            let newer = GrantBundle::decode(kept).is_ok_and(|kept| kept.chain.issued() > chain.issued());
            if newer {
                return Err(Rejection::Stale { current: Arc::clone(kept) });
            }
        }
        self.members.invited.refuse_no_room(&used.invitation, inviter(&used.lasting))?;
        Ok(Some(InvitationUse { grants: Some(grants), ..used }))
    }
}
