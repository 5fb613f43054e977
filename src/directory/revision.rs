//! The grid's list of revoked keys, in two steps as records: reserved, and in force once it is durable.

use alloc::sync::Arc;

use super::{Bucket, CLOCK_SKEW_HOURS_MAX, Directory, Now, Policy, Rejection, Screening};
use crate::{
    grid::{RevocationList, SignedRevocations, VerifiedRevocations},
    record::Timestamp,
};

/// A list that is admitted and not durable yet.
///
/// # Security
/// Give it back by [`Directory::apply_revision`] or [`Directory::abandon_revision`]; until then there is no other.
#[derive(Debug)]
#[must_use = "apply it once durable, or abandon it"]
pub struct Revision(VerifiedRevocations);

impl Revision {
    /// The signed bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl Directory {
    /// The checks of a list that cost nothing, and the verification budgets.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn screen_revocations(
        &mut self,
        now: Now,
        list: &SignedRevocations,
        circuit: &mut Bucket,
    ) -> Result<Screening, Rejection> {
        self.clock.observe(now);
        refuse_foreign(&self.policy, list.list())?;
        refuse_future(now.wall, list.list())?;
        if self.revocations().is_some_and(|current| current.bytes() == list.bytes()) {
            return Ok(Screening::AlreadyCurrent);
        }
        refuse_old(self.revocations(), list.list())?;
        self.quota.refuse_verification(now, circuit, 1)?;
        Ok(Screening::Verify)
    }

    /// Admits a verified list; `None` when it is in force already. It is in force once it is applied.
    ///
    /// # Errors
    /// The first rule it breaks; every rule of [`Self::screen_revocations`] is asked again but the budgets.
    pub fn revise(&mut self, now: Now, list: VerifiedRevocations) -> Result<Option<Revision>, Rejection> {
        self.clock.observe(now);
        refuse_foreign(&self.policy, list.list())?;
        refuse_future(now.wall, list.list())?;
        if self.revocations().is_some_and(|current| current.bytes() == list.bytes()) {
            return Ok(None);
        }
        refuse_old(self.revocations(), list.list())?;
        super::admission::refuse_in_flight(self.members.revising)?;
        self.members.revising = true;
        Ok(Some(Revision(list)))
    }

    /// Puts a durable list into force: what rests on a revoked key is not shown from now on.
    pub fn apply_revision(&mut self, revision: Revision) {
        self.members.revising = false;
        self.restore_revocations(revision.0);
    }

    /// Forgets a list that could not be made durable.
    pub fn abandon_revision(&mut self, revision: Revision) {
        drop(revision);
        self.members.revising = false;
    }

    /// Takes back the list that the store kept. It was verified again; one of another grid, or an older one, is left out.
    pub fn restore_revocations(&mut self, list: VerifiedRevocations) {
        let newer = self.revocations().is_none_or(|current| current.list().seq < list.list().seq);
        if newer && list.list().grid == self.policy.grid {
            self.members.revocations = Some(list);
            self.judge_again();
        }
    }

    /// The list in force.
    pub const fn revocations(&self) -> Option<&VerifiedRevocations> {
        self.members.revocations.as_ref()
    }
}

fn refuse_foreign(policy: &Policy, list: &RevocationList) -> Result<(), Rejection> {
    if list.grid == policy.grid { Ok(()) } else { Err(Rejection::WrongGrid) }
}

fn refuse_future(wall: Timestamp, list: &RevocationList) -> Result<(), Rejection> {
    if list.issued > wall.plus_hours(CLOCK_SKEW_HOURS_MAX) { Err(Rejection::IssuedInFuture) } else { Ok(()) }
}

/// The number of a list never goes back, and each has one list.
fn refuse_old(current: Option<&VerifiedRevocations>, list: &RevocationList) -> Result<(), Rejection> {
    let Some(known) = current else { return Ok(()) };
    let current = || Arc::from(known.bytes());
    match list.seq.cmp(&known.list().seq) {
        core::cmp::Ordering::Less => Err(Rejection::Stale { current: current() }),
        core::cmp::Ordering::Equal => Err(Rejection::SeqConflict { current: current() }),
        core::cmp::Ordering::Greater => Ok(()),
    }
}
