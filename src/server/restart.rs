//! A restart verifies everything again: what lies on a disk is no more to be trusted than what comes from a stranger.

use std::{
    collections::VecDeque,
    sync::{Arc, mpsc},
    thread,
};

use crate::{
    directory::{Directory, Evidence, Marks, Now, Policy},
    record::{SignatureError, SignedRecord, Timestamp, VerifiedRecord},
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
    let mut directory = Directory::new(policy, now, Marks { latest_hour, forgotten_until }, generation);
    let loaded = thread::scope(|scope| -> Result<Loaded, RestartError> {
        let mut restoring = Restoring { directory: &mut directory, checkers: Checker::one_a_core(scope) };
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
                    let [first, second] = pair.map(SignedRecord::verify);
                    let pair = [first?, second?].map(|record| Arc::from(record.into_parts().0));
                    self.directory.restore_evidence(Evidence { node, pair });
                }
            }
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

    fn list(&mut self, rows: Vec<(Place, VerifiedRecord)>) -> Result<(), RestartError> {
        for (place, record) in rows {
            if record.claims().grid != self.directory.policy().grid {
                return Err(RestartError::WrongGrid);
            }
            self.directory.restore(place.accepted, place.floor_until, record);
        }
        Ok(())
    }
}

struct Place {
    accepted: Timestamp,
    floor_until: Timestamp,
}

type Checked = Result<Vec<(Place, VerifiedRecord)>, SignatureError>;

/// A thread that verifies while the store is read and the directory is filled. Chunks come back in the order they went.
struct Checker {
    rows: mpsc::Sender<Vec<Row>>,
    checked: mpsc::Receiver<Checked>,
    pending: usize,
}

impl Checker {
    fn one_a_core<'scope>(scope: &'scope thread::Scope<'scope, '_>) -> VecDeque<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (0..cores).map(|_| Self::start(scope)).collect()
    }

    fn start<'scope>(scope: &'scope thread::Scope<'scope, '_>) -> Self {
        let (rows, unchecked) = mpsc::channel();
        let (done, checked) = mpsc::channel();
        scope.spawn(move || unchecked.into_iter().map(verify).try_for_each(|chunk| done.send(chunk)));
        Self { rows, checked, pending: 0 }
    }

    fn check(&mut self, rows: Vec<Row>) -> Result<(), RestartError> {
        self.pending += 1;
        // Only a thread that panicked hears nothing: what it had is not verified.
        self.rows.send(rows).map_err(|_| RestartError::Signature)
    }

    fn checked(&mut self) -> Result<Vec<(Place, VerifiedRecord)>, RestartError> {
        self.pending -= 1;
        Ok(self.checked.recv().map_err(|_| RestartError::Signature)??)
    }
}

fn verify(rows: Vec<Row>) -> Checked {
    rows.into_iter()
        .map(|row| {
            let place = Place { accepted: row.accepted, floor_until: row.floor_until };
            row.record.verify().map(|record| (place, record))
        })
        .collect()
}
