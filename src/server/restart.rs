//! A restart verifies everything again: what lies on a disk is no more to be trusted than what comes from a stranger.

use std::{
    collections::VecDeque,
    sync::{Arc, mpsc},
    thread,
};

use crate::{
    directory::{AdmissionPolicy, Directory, Evidence, Marks, Now, Policy},
    grid::{Chain, GrantBundle, KnownGrants, VerifiedChain, VerifiedDocument},
    record::{Outline, SignatureError, SignedEnvelope, Timestamp, VerifiedEnvelope},
    store::{self, Chunk, Loaded, OpenError, Opened, Row, Store},
};

/// One that is verified and one that waits, so that no core does: four megabytes at most for each.
const CHUNKS_PER_CHECKER_MAX: usize = 2;

/// Why the store's content is not taken back. Nothing of it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestartError {
    /// It can't be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A record whose signature does not hold any more.
    #[error(
        "the store is damaged: a record in it does not verify. Nothing was changed. Restore the state directory from a \
         backup, or move it away: nodes publish again by themselves"
    )]
    Signature,
    /// Another grid's store.
    #[error("the store belongs to another grid: set `state` to another directory, or `grid` to the grid of this one")]
    WrongGrid,
    /// The store of a clear grid for a sealed one, or the other way round.
    #[error(
        "the store holds records in clear and the grid is sealed, or the other way round: set `state` to another \
         directory. What was in clear stays readable in the old one: destroy it"
    )]
    Sealing,
}

impl From<SignatureError> for RestartError {
    fn from(SignatureError: SignatureError) -> Self {
        Self::Signature
    }
}

/// Reads, verifies on all cores, and lists; only then the store is taken into use. Blocks.
pub(super) fn restore(
    opened: Opened,
    policy: Policy,
    now: Now,
    generation: u64,
) -> Result<(Store, Directory), RestartError> {
    let store::Marks { latest_hour, forgotten_until } = opened.marks();
    let granted = policy.admission == AdmissionPolicy::Granted;
    let mut directory = Directory::new(policy, now, Marks { latest_hour, forgotten_until }, generation);
    if let Some(list) = opened.revocations() {
        directory.restore_document(VerifiedDocument::Revocations(list.clone().verify()?));
    }
    if let Some(epoch) = opened.key_epoch() {
        directory.restore_document(VerifiedDocument::KeyEpoch(epoch.clone().verify()?));
    }
    let loaded = thread::scope(|scope| -> Result<Loaded, RestartError> {
        let checkers = Checker::one_a_core(scope, granted);
        let mut restoring = Restoring { directory: &mut directory, checkers };
        let mut taken = Ok(());
        let loaded = opened.load(|chunk| {
            if taken.is_ok() {
                taken = restoring.take(chunk);
            }
        })?;
        taken?;
        restoring.finish()?;
        Ok(loaded)
    })?;
    Ok((loaded.accept()?, directory))
}

struct Restoring<'a> {
    directory: &'a mut Directory,
    /// The one whose turn it is, in front.
    checkers: VecDeque<Checker>,
}

impl Restoring<'_> {
    fn take(&mut self, chunk: Chunk) -> Result<(), RestartError> {
        match chunk {
            Chunk::Rows(rows) => {
                let Some(mut checker) = self.checkers.pop_front() else { return Err(RestartError::Signature) };
                if checker.pending >= CHUNKS_PER_CHECKER_MAX {
                    self.list(checker.checked()?)?;
                }
                checker.check(rows)?;
                self.checkers.push_back(checker);
            }
            Chunk::Evidence(proofs) => {
                for store::Evidence { node, pair } in proofs {
                    let [first, second] = pair.map(SignedEnvelope::verify);
                    let pair = [first?, second?].map(|record| Arc::from(record.into_parts().0));
                    self.directory.restore_evidence(Evidence { node, pair });
                }
            }
            Chunk::Invitations(invitations) => {
                for invitation in invitations {
                    self.take_invitation(invitation)?;
                }
            }
        }
        Ok(())
    }

    /// What does not verify any more is damage; what proves nothing is left out.
    fn take_invitation(&mut self, invitation: store::Invitation) -> Result<(), RestartError> {
        let mut known = KnownGrants::new(0);
        let mut prove = |record: SignedEnvelope| -> Result<Option<Arc<[u8]>>, RestartError> {
            let record = record.verify()?;
            let proven = prove(record.claims(), &mut known).is_some();
            Ok(proven.then(|| Arc::from(record.into_parts().0)))
        };
        let second = invitation.second.map(&mut prove).transpose()?.flatten();
        let first = prove(invitation.first)?;
        let confirms = |grants: &Arc<[u8]>| {
            GrantBundle::decode(grants).is_ok_and(|bundle| bundle.chain.verify(&KnownGrants::new(0)).is_ok())
        };
        let grants = invitation.grants.filter(confirms);
        if let Some(first) = first {
            self.directory.restore_use(first, grants, second);
        }
        Ok(())
    }

    /// Lists what the checkers still have.
    fn finish(mut self) -> Result<(), RestartError> {
        while let Some(mut checker) = self.checkers.pop_front() {
            if checker.pending > 0 {
                self.list(checker.checked()?)?;
                self.checkers.push_back(checker);
            }
        }
        Ok(())
    }

    fn list(&mut self, rows: Vec<CheckedRow>) -> Result<(), RestartError> {
        for CheckedRow { accepted, floor_until, record, chain } in rows {
            if record.claims().grid != self.directory.policy().grid {
                return Err(RestartError::WrongGrid);
            }
            if record.claims().sealed != self.directory.policy().sealed {
                return Err(RestartError::Sealing);
            }
            self.directory.restore(accepted, floor_until, record, chain.as_ref());
        }
        Ok(())
    }
}

/// What a row held, verified.
struct CheckedRow {
    accepted: Timestamp,
    floor_until: Timestamp,
    record: VerifiedEnvelope,
    chain: Option<VerifiedChain>,
}

type Checked = Result<Vec<CheckedRow>, SignatureError>;

/// Grants that one thread remembers while it checks: those that many records share.
const GRANTS_KNOWN_MAX: usize = 4096;

/// A thread that verifies while the store is read and the directory is filled. Chunks come back in the order they went.
struct Checker {
    rows: mpsc::Sender<Vec<Row>>,
    checked: mpsc::Receiver<Checked>,
    pending: usize,
}

impl Checker {
    /// `granted`: with the grants of each record.
    fn one_a_core<'scope>(scope: &'scope thread::Scope<'scope, '_>, granted: bool) -> VecDeque<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (0..cores).map(|_| Self::start(scope, granted)).collect()
    }

    fn start<'scope>(scope: &'scope thread::Scope<'scope, '_>, granted: bool) -> Self {
        let (rows, unchecked) = mpsc::channel();
        let (done, checked) = mpsc::channel();
        let mut known = granted.then(|| KnownGrants::new(GRANTS_KNOWN_MAX));
        let verify = move |rows| verify(rows, known.as_mut());
        scope.spawn(move || unchecked.into_iter().map(verify).try_for_each(|chunk| done.send(chunk)));
        Self { rows, checked, pending: 0 }
    }

    fn check(&mut self, rows: Vec<Row>) -> Result<(), RestartError> {
        self.pending += 1;
        // Only a thread that panicked hears nothing: what it had is not verified.
        self.rows.send(rows).map_err(|_| RestartError::Signature)
    }

    fn checked(&mut self) -> Result<Vec<CheckedRow>, RestartError> {
        self.pending -= 1;
        Ok(self.checked.recv().map_err(|_| RestartError::Signature)??)
    }
}

fn verify(rows: Vec<Row>, mut known: Option<&mut KnownGrants>) -> Checked {
    let verify = |row: Row| {
        let record = row.record.verify()?;
        let chain = known.as_deref_mut().and_then(|known| prove(record.claims(), known));
        Ok(CheckedRow { accepted: row.accepted, floor_until: row.floor_until, record, chain })
    };
    rows.into_iter().map(verify).collect()
}

/// The grants of a record; `None` where they prove nothing: it may have come when the policy was another one.
fn prove(claims: &Outline, known: &mut KnownGrants) -> Option<VerifiedChain> {
    let chain = Chain::read(&claims.grid, &claims.node, &claims.grants).ok()?.verify(known).ok()?;
    known.learn(&chain);
    Some(chain)
}
