//! Who gets in: one `refuse_*` function a rule, each a few lines, none of them changing anything.

use alloc::sync::Arc;

use super::{Roll, clock::CLOCK_SKEW_HOURS_MAX, entry::Entry};
use crate::{
    grid::{Chain, ChainError, Rights, ServiceSet, VerifiedRevocations},
    record::{AddressKind, AddressKinds, GridId, NodeId, Outline, Seq, Timestamp},
};

/// Who may publish.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdmissionPolicy {
    /// Whoever signs for this grid.
    Open,
    /// Whoever shows grants that lead from the grid's key to the node, and none of whose keys is revoked.
    Granted,
    /// Whom the operator lists. Grants are not looked at: the same record may be for other introducers, too.
    Listed(Roll),
}

/// The rules of one introducer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The one grid served.
    pub grid: GridId,
    /// Who may publish.
    pub admission: AdmissionPolicy,
    /// Records are sealed, every one of them; else none is.
    pub sealed: bool,
    /// Which kinds of addresses may be in a record.
    pub addresses: AddressKinds,
    /// Keys kept at most, each with its record of at most 2 KiB.
    pub records_max: u32,
    /// Keys never seen before that may come in an hour.
    pub new_keys_per_hour_max: u32,
    /// Changes a known key may make in an hour.
    pub updates_per_key_per_hour_max: u16,
    /// Signatures checked in a second, for everybody together.
    pub verifications_per_second_max: u32,
    /// Proofs of equivocation kept at most.
    pub evidence_max: u32,
    /// Keys kept that rest on one issuer's grants, the grid's own key excepted.
    pub records_per_issuer_max: u32,
}

impl Policy {
    /// First values, for a small machine.
    pub const fn new(grid: GridId) -> Self {
        Self {
            grid,
            admission: AdmissionPolicy::Open,
            sealed: false,
            addresses: AddressKinds { onion: true, i2p: true, clearnet: false },
            records_max: 100_000,
            new_keys_per_hour_max: 10_000,
            updates_per_key_per_hour_max: 60,
            verifications_per_second_max: 5_000,
            evidence_max: 1_024,
            records_per_issuer_max: 10_000,
        }
    }
}

/// Why a record is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// Signed for another grid.
    #[error("the record is for another grid")]
    WrongGrid,
    /// In clear for a sealed grid, or sealed for one that is not.
    #[error("the grid is sealed and the record is not, or the other way round")]
    Sealing,
    /// An open grid has no use for grants, and does not store them.
    #[error("the grid is open: records carry no grants here")]
    Grants,
    /// The grid is granted, and the record carries no grant.
    #[error("the record carries no grant, and only nodes that were granted it may publish here")]
    NoGrant,
    /// The grants do not lead from the grid's key to the node.
    #[error("the grants do not lead from the grid to the node: {0}")]
    GrantChain(ChainError),
    /// The signature of a grant does not hold.
    #[error("the signature of a grant does not hold")]
    GrantSignature,
    /// A grant has ended.
    #[error("a grant has expired")]
    GrantExpired,
    /// The record would hold on when a grant it rests on has ended.
    #[error("the record holds for longer than its grants")]
    OutlivesGrant,
    /// A key of the chain is revoked.
    #[error("the node, or somebody who granted to it, was revoked")]
    Revoked,
    /// A service that the node may not offer.
    #[error("the node offers a service that it has no right to")]
    Rights,
    /// The operator does not list the node.
    #[error("the node is not on the introducer's list")]
    NotListed,
    /// As many keys as may rest on one issuer do.
    #[error("too many nodes rest on one who granted to this one")]
    IssuerFull,
    /// Another node is listed through the same invitation.
    #[error("the invitation was used for another node")]
    InvitationUsed,
    /// A kind of address the grid does not admit.
    #[error("an address is of a kind this grid does not admit: {0}")]
    AddressKind(AddressKind),
    /// Issued more than two hours ahead of the introducer's clock.
    #[error("issued in the future: one of the two clocks is wrong")]
    IssuedInFuture,
    /// Over by the introducer's clock, or so old that its seq can't be judged any more.
    #[error("the record has expired")]
    Expired,
    /// Signature checks are rationed.
    #[error("too many records to check at the moment")]
    VerificationBudget {
        /// When it is worth another try.
        retry_millis: u64,
    },
    /// A higher seq is known.
    #[error("a newer record of this node is known")]
    Stale {
        /// The newer one.
        current: Arc<[u8]>,
    },
    /// The same seq with other content is known.
    #[error("another record of this node with the same seq is known")]
    SeqConflict {
        /// The one that came first.
        current: Arc<[u8]>,
    },
    /// The signature does not hold.
    #[error("the signature does not hold")]
    Signature,
    /// A change of this key is on its way to the disk.
    #[error("a change of this node is being stored")]
    InFlight,
    /// A key new to this introducer asks for more hours than it gives to new keys now.
    #[error("new nodes may ask for a lifetime of at most {hours_max} hours at the moment")]
    LifetimeTooLong {
        /// What it gives.
        hours_max: u16,
    },
    /// Too many keys never seen before.
    #[error("too many new nodes at the moment")]
    NewKeyRate {
        /// When it is worth another try.
        retry_millis: u64,
    },
    /// The introducer keeps as many keys as it may.
    #[error("the introducer is full")]
    Full,
    /// The key changes its record too often.
    #[error("this node changes its record too often")]
    UpdateRate {
        /// When it is worth another try.
        retry_millis: u64,
    },
}

pub(super) fn refuse_wrong_grid(policy: &Policy, claims: &Outline) -> Result<(), Rejection> {
    if claims.grid == policy.grid { Ok(()) } else { Err(Rejection::WrongGrid) }
}

/// What is in clear must not even be kept where members trust that nothing is.
pub(super) fn refuse_sealing(policy: &Policy, claims: &Outline) -> Result<(), Rejection> {
    if claims.sealed == policy.sealed { Ok(()) } else { Err(Rejection::Sealing) }
}

pub(super) fn refuse_grants(claims: &Outline) -> Result<(), Rejection> {
    if claims.grants.is_empty() { Ok(()) } else { Err(Rejection::Grants) }
}

pub(super) fn refuse_without_grant(claims: &Outline) -> Result<(), Rejection> {
    if claims.grants.is_empty() { Err(Rejection::NoGrant) } else { Ok(()) }
}

/// A record ends with its grants at the latest: so it ends for everybody who has it, by each one's own clock.
pub(super) fn refuse_grant_time(wall: Timestamp, chain: &Chain, claims: &Outline) -> Result<(), Rejection> {
    if chain.issued() > wall.plus_hours(CLOCK_SKEW_HOURS_MAX) {
        return Err(Rejection::IssuedInFuture);
    }
    if chain.expires() <= wall {
        return Err(Rejection::GrantExpired);
    }
    if claims.expires() > chain.expires() { Err(Rejection::OutlivesGrant) } else { Ok(()) }
}

/// Whoever is revoked takes along all that was granted below.
pub(super) fn refuse_revoked(revocations: Option<&VerifiedRevocations>, keys: &[NodeId]) -> Result<(), Rejection> {
    match revocations {
        Some(list) if keys.iter().any(|key| list.list().revokes(key)) => Err(Rejection::Revoked),
        _ => Ok(()),
    }
}

/// What a sealed record offers, its readers judge: only they can.
pub(super) fn refuse_rights(rights: &Rights, claims: &Outline) -> Result<(), Rejection> {
    match claims.services() {
        Some(services) if !rights.admit(services) => Err(Rejection::Rights),
        _ => Ok(()),
    }
}

pub(super) fn refuse_unlisted(roll: &Roll, claims: &Outline) -> Result<(), Rejection> {
    let Some(services) = roll.services(&claims.node) else {
        return Err(Rejection::NotListed);
    };
    // No reader knows this list: a limit that can't be checked here would be none.
    let admitted = match claims.services() {
        Some(offered) => offered.iter().all(|name| services.admits(name)),
        None => *services == ServiceSet::Any,
    };
    if admitted { Ok(()) } else { Err(Rejection::Rights) }
}

pub(super) fn refuse_addresses(policy: &Policy, claims: &Outline) -> Result<(), Rejection> {
    let every = [AddressKind::Onion, AddressKind::I2p, AddressKind::Clearnet];
    match every.into_iter().find(|kind| claims.addresses.admits(*kind) && !policy.addresses.admits(*kind)) {
        Some(kind) => Err(Rejection::AddressKind(kind)),
        None => Ok(()),
    }
}

/// What was forgotten counts as past, whatever the clock says by now: a record that ends by then may be an old one whose
/// successor is gone.
pub(super) fn refuse_time_window(
    wall: Timestamp,
    forgotten_until: Timestamp,
    claims: &Outline,
) -> Result<(), Rejection> {
    if claims.issued > wall.plus_hours(CLOCK_SKEW_HOURS_MAX) {
        return Err(Rejection::IssuedInFuture);
    }
    if claims.expires() <= wall.max(forgotten_until) {
        return Err(Rejection::Expired);
    }
    Ok(())
}

pub(super) fn refuse_stale(current: Option<&Entry>, seq: Seq) -> Result<(), Rejection> {
    match current {
        Some(entry) if seq < entry.seq => Err(Rejection::Stale { current: Arc::clone(&entry.record) }),
        _ => Ok(()),
    }
}

/// `proven` is the entry of a key against which there is evidence: a second proof is not worth a signature check.
pub(super) fn refuse_conflict(proven: Option<&Entry>, seq: Seq) -> Result<(), Rejection> {
    match proven {
        Some(entry) if seq == entry.seq => Err(Rejection::SeqConflict { current: Arc::clone(&entry.record) }),
        _ => Ok(()),
    }
}

pub(super) fn refuse_in_flight(in_flight: bool) -> Result<(), Rejection> {
    if in_flight { Err(Rejection::InFlight) } else { Ok(()) }
}
