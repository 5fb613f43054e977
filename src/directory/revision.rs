//! What the grid's key signed for everybody, in two steps as records: reserved, and in force once it is durable.

use alloc::sync::Arc;

use super::{Bucket, CLOCK_SKEW_HOURS_MAX, Directory, Now, Policy, Rejection, Screening};
use crate::{
    grid::{DocumentHead, SignedDocument, VerifiedDocument, VerifiedKeyEpoch, VerifiedRevocations},
    record::{Seq, Timestamp},
};

/// A document that is admitted and not durable yet.
///
/// # Security
/// Give it back by [`Directory::apply_revision`] or [`Directory::abandon_revision`]; until then there is no other.
#[derive(Debug)]
#[must_use = "apply it once durable, or abandon it"]
pub struct Revision(VerifiedDocument);

impl Revision {
    /// What is to be made durable.
    pub const fn document(&self) -> &VerifiedDocument {
        &self.0
    }
}

/// The one of its kind that is in force.
struct InForce<'a> {
    seq: Seq,
    bytes: &'a [u8],
}

impl Directory {
    /// The checks of a document that cost nothing, and the verification budgets.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn screen_document(
        &mut self,
        now: Now,
        document: &SignedDocument,
        circuit: &mut Bucket,
    ) -> Result<Screening, Rejection> {
        self.clock.observe(now);
        let epoch = matches!(document, SignedDocument::KeyEpoch(_));
        if self.refuse_document(now, epoch, document.head(), document.bytes())? == Screening::AlreadyCurrent {
            return Ok(Screening::AlreadyCurrent);
        }
        self.quota.refuse_verification(now, circuit, 1)?;
        Ok(Screening::Verify)
    }

    /// Admits a verified document; `None` when it is in force already. It is in force once it is applied.
    ///
    /// # Errors
    /// The first rule it breaks; every rule of [`Self::screen_document`] is asked again but the budgets.
    pub fn revise(&mut self, now: Now, document: VerifiedDocument) -> Result<Option<Revision>, Rejection> {
        self.clock.observe(now);
        let epoch = matches!(document, VerifiedDocument::KeyEpoch(_));
        if self.refuse_document(now, epoch, document.head(), document.bytes())? == Screening::AlreadyCurrent {
            return Ok(None);
        }
        super::admission::refuse_in_flight(self.members.revising)?;
        self.members.revising = true;
        Ok(Some(Revision(document)))
    }

    /// Puts a durable document into force: what rests on a revoked key is not shown from now on. `true` when other nodes
    /// than before may be listed, which no record says.
    pub fn apply_revision(&mut self, revision: Revision) -> bool {
        self.members.revising = false;
        let listed = matches!(revision.0, VerifiedDocument::Revocations(_));
        self.restore_document(revision.0);
        listed
    }

    /// Forgets a document that could not be made durable.
    pub fn abandon_revision(&mut self, revision: Revision) {
        drop(revision);
        self.members.revising = false;
    }

    /// Takes back what the store kept. It was verified again; one of another grid, or an older one, is left out.
    pub fn restore_document(&mut self, document: VerifiedDocument) {
        let head = document.head();
        let epoch = matches!(document, VerifiedDocument::KeyEpoch(_));
        if head.grid != self.policy.grid || self.in_force(epoch).is_some_and(|current| current.seq >= head.seq) {
            return;
        }
        match document {
            VerifiedDocument::Revocations(list) => {
                self.members.revocations = Some(list);
                self.judge_again();
            }
            VerifiedDocument::KeyEpoch(epoch) => self.members.key_epoch = Some(epoch),
        }
    }

    /// The list of revoked keys in force.
    pub const fn revocations(&self) -> Option<&VerifiedRevocations> {
        self.members.revocations.as_ref()
    }

    /// The newest key of a sealed grid, wrapped for its members.
    pub const fn key_epoch(&self) -> Option<&VerifiedKeyEpoch> {
        self.members.key_epoch.as_ref()
    }

    fn in_force(&self, epoch: bool) -> Option<InForce<'_>> {
        if epoch {
            let current = self.key_epoch()?;
            return Some(InForce { seq: current.document().terms.seq, bytes: current.bytes() });
        }
        let current = self.revocations()?;
        Some(InForce { seq: current.list().seq, bytes: current.bytes() })
    }

    fn refuse_document(&self, now: Now, epoch: bool, head: DocumentHead, bytes: &[u8]) -> Result<Screening, Rejection> {
        refuse_foreign(&self.policy, head)?;
        if epoch && !self.policy.sealed {
            return Err(Rejection::Sealing);
        }
        refuse_future(now.wall, head)?;
        let current = self.in_force(epoch);
        if current.as_ref().is_some_and(|current| current.bytes == bytes) {
            return Ok(Screening::AlreadyCurrent);
        }
        refuse_old(current, head)?;
        Ok(Screening::Verify)
    }
}

fn refuse_foreign(policy: &Policy, head: DocumentHead) -> Result<(), Rejection> {
    if head.grid == policy.grid { Ok(()) } else { Err(Rejection::WrongGrid) }
}

fn refuse_future(wall: Timestamp, head: DocumentHead) -> Result<(), Rejection> {
    if head.issued > wall.plus_hours(CLOCK_SKEW_HOURS_MAX) { Err(Rejection::IssuedInFuture) } else { Ok(()) }
}

/// The number of a document never goes back, and each has one document.
fn refuse_old(current: Option<InForce<'_>>, head: DocumentHead) -> Result<(), Rejection> {
    let Some(known) = current else { return Ok(()) };
    let current = || Arc::from(known.bytes);
    match head.seq.cmp(&known.seq) {
        core::cmp::Ordering::Less => Err(Rejection::Stale { current: current() }),
        core::cmp::Ordering::Equal => Err(Rejection::SeqConflict { current: current() }),
        core::cmp::Ordering::Greater => Ok(()),
    }
}
