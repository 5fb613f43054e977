//! A restart verifies everything again: what lies on a disk is no more to be trusted than what comes from a stranger.

use std::{sync::Arc, thread};

use crate::{
    directory::{Directory, Evidence, Marks, Now, Policy},
    record::{GridId, SignatureError, SignedRecord, Timestamp, VerifiedRecord},
    store::{self, Chunk, OpenError, Opened, Row, Store},
};

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
    let grid = policy.grid;
    let mut directory = Directory::new(policy, now, Marks { latest_hour, forgotten_until }, generation);
    let mut taken = Ok(());
    let loaded = opened.load(|chunk| {
        if taken.is_ok() {
            taken = take(&mut directory, &grid, chunk);
        }
    })?;
    taken?;
    Ok((loaded.accept()?, directory))
}

fn take(directory: &mut Directory, grid: &GridId, chunk: Chunk) -> Result<(), RestartError> {
    match chunk {
        Chunk::Rows(rows) => {
            for (place, record) in verify(rows)? {
                if record.claims().grid != *grid {
                    return Err(RestartError::WrongGrid);
                }
                directory.restore(place.accepted, place.floor_until, record);
            }
        }
        Chunk::Evidence(proofs) => {
            for store::Evidence { node, pair } in proofs {
                let [first, second] = pair.map(SignedRecord::verify);
                let pair = [first?, second?].map(|record| Arc::from(record.into_parts().0));
                directory.restore_evidence(Evidence { node, pair });
            }
        }
    }
    Ok(())
}

struct Place {
    accepted: Timestamp,
    floor_until: Timestamp,
}

fn verify(rows: Vec<Row>) -> Result<Vec<(Place, VerifiedRecord)>, RestartError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = rows.len().div_ceil(cores).max(1);
    let mut shares: Vec<Vec<Row>> = Vec::with_capacity(cores);
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        shares.push(rows.by_ref().take(share).collect());
    }
    let verified = thread::scope(|scope| {
        let workers: Vec<_> = shares.into_iter().map(|share| scope.spawn(move || verify_share(share))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or(Err(SignatureError))).collect::<Result<Vec<_>, _>>()
    });
    Ok(verified?.into_iter().flatten().collect())
}

fn verify_share(rows: Vec<Row>) -> Result<Vec<(Place, VerifiedRecord)>, SignatureError> {
    rows.into_iter()
        .map(|row| {
            let place = Place { accepted: row.accepted, floor_until: row.floor_until };
            row.record.verify().map(|record| (place, record))
        })
        .collect()
}
