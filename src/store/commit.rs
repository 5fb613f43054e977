//! The store in use: groups of changes, each durable before it is acknowledged; and what happens when the disk is full.

use std::{borrow::Borrow, collections::BTreeMap};

use redb::{Database, Durability, Table, WriteTransaction};

use super::{
    Limits, Marks, Write,
    error::{CommitError, Damage, Failure, FatalError, contained, discard},
    invitation, load,
    log::{self, DROPS_PER_ENTRY, DROPS_PER_GROUP, Index, Spot, Staged},
    medium::Place,
    row::{self, Entry, State},
};
use crate::record::{NodeId, Timestamp};

/// How long a store that ran full answers [`CommitError::Full`] before it looks again whether there is room. Looking
/// writes a few megabytes, and opening reads the whole store: at a million rows a second of work.
pub const RETRY_MILLIS: u64 = 5_000;

/// The store, open and in use.
pub struct Store {
    condition: Condition,
    state: State,
    index: Index,
    limits: Limits,
    place: Place,
}

enum Condition {
    Ready(Database),
    /// redb does nothing more after an error of the disk; the database is closed and will be opened again.
    Full {
        retry_at_millis: u64,
    },
    Failed,
}

/// What a transaction changes in memory once it is durable.
type Outcome = (State, BTreeMap<NodeId, Option<Spot>>);

/// Why a transaction is not committed.
enum Stop {
    /// The configured cap; the database is as good as before.
    Cap,
    TooLarge,
    Failure(Failure),
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

impl Store {
    pub(super) const fn new(place: Place, limits: Limits, database: Database, state: State, index: Index) -> Self {
        Self { condition: Condition::Ready(database), state, index, limits, place }
    }

    /// The marks of the last group.
    pub const fn marks(&self) -> Marks {
        self.state.marks
    }

    /// How many rows there are.
    pub const fn rows(&self) -> u64 {
        self.state.rows
    }

    /// Entries in the log.
    #[cfg(test)]
    pub(super) const fn entries(&self) -> u64 {
        self.state.entries
    }

    /// Makes all of `writes` and `marks` durable, or none. `now_millis` is any clock that only goes forward.
    ///
    /// # Errors
    /// [`CommitError::Full`]: there is no room; ask again later. (When the very last step of writing failed, the group may
    /// be there after a restart nonetheless. It was not acknowledged, and doing it again is harmless.)
    /// [`CommitError::Fatal`]: the process has to end. Every later commit fails too.
    pub fn commit(&mut self, writes: &[impl Borrow<Write>], marks: Marks, now_millis: u64) -> Result<(), CommitError> {
        let database = self.ready(now_millis)?;
        let done = contained(|| Ok(transact(&database, (&self.state, &self.index), self.limits, writes, marks)))
            .unwrap_or_else(|failure| Err(Stop::Failure(failure)));
        match done {
            Ok((state, changes)) => {
                log::apply(&mut self.index, changes);
                self.state = state;
                self.condition = Condition::Ready(database);
                Ok(())
            }
            Err(Stop::Cap) => {
                self.condition = Condition::Ready(database);
                Err(CommitError::Full)
            }
            Err(Stop::TooLarge) => {
                self.condition = Condition::Ready(database);
                Err(CommitError::Fatal(FatalError::TooLarge))
            }
            Err(Stop::Failure(failure)) => {
                discard(database);
                let error = failure.writing();
                if matches!(error, CommitError::Full) {
                    self.full(now_millis);
                }
                Err(error)
            }
        }
    }

    /// The database, taken out: who does not put it back leaves a failed store.
    fn ready(&mut self, now_millis: u64) -> Result<Database, CommitError> {
        match std::mem::replace(&mut self.condition, Condition::Failed) {
            Condition::Ready(database) => Ok(database),
            Condition::Failed => Err(CommitError::Fatal(FatalError::Earlier)),
            Condition::Full { retry_at_millis } if now_millis < retry_at_millis => {
                self.condition = Condition::Full { retry_at_millis };
                Err(CommitError::Full)
            }
            Condition::Full { .. } => self.reopen().map_err(|failure| match failure {
                Failure::Full => {
                    self.full(now_millis);
                    CommitError::Full
                }
                failure => CommitError::Fatal(FatalError::Reopen(Box::new(failure.opening(self.place.path())))),
            }),
        }
    }

    fn full(&mut self, now_millis: u64) {
        self.condition = Condition::Full { retry_at_millis: now_millis.saturating_add(RETRY_MILLIS) };
    }

    /// As at a start: everything is verified before anything is written.
    fn reopen(&mut self) -> Result<Database, Failure> {
        self.place.probe_room()?;
        let medium = self.place.existing()?.ok_or(Failure::Damaged(Damage::Stale))?;
        let base = load::verify(medium)?;
        // The group that failed may be there after all, when it was the last step that failed.
        if base.state.commits != self.state.commits && base.state.commits != self.state.commits + 1 {
            return Err(Failure::Damaged(Damage::Stale));
        }
        let index = contained(|| load::scan(&base, |_, _| Ok(None), &mut |_| ()))?;
        let (database, state) = base.release()?;
        self.state = state;
        self.index = index;
        Ok(database)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Condition::Ready(database) = std::mem::replace(&mut self.condition, Condition::Failed) {
            discard(database);
        }
    }
}

fn transact(
    database: &Database,
    before: (&State, &Index),
    limits: Limits,
    writes: &[impl Borrow<Write>],
    marks: Marks,
) -> Result<Outcome, Stop> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    let (state, index) = before;
    let mut group = Group {
        state: State { commits: state.commits + 1, marks, ..*state },
        staged: Staged::new(index),
        buffer: Vec::new(),
    };
    {
        let mut log = transaction.open_table(row::LOG)?;
        group.append(&mut log, writes)?;
        group.evidence(&transaction, writes)?;
        invitation::write(&transaction, writes)?;
        let content = |state: &State| state.row_bytes.saturating_add(state.pair_bytes);
        if content(&group.state) > content(state).max(limits.content_bytes_max) {
            return Err(Stop::Cap);
        }
        group.drop_old(&mut log, DROPS_PER_ENTRY * (group.state.next - state.next) + DROPS_PER_GROUP)?;
        let mut meta = transaction.open_table(row::META)?;
        meta.insert(row::STATE_KEY, group.state.encode().as_slice())?;
        for write in writes {
            match write.borrow() {
                Write::Revocations(list) => drop(meta.insert(row::REVOCATIONS_KEY, &**list)?),
                Write::KeyEpoch(epoch) => drop(meta.insert(row::KEY_EPOCH_KEY, &**epoch)?),
                _ => {}
            }
        }
    }
    transaction.commit()?;
    Ok((group.state, group.staged.into_changes()))
}

/// A group on its way.
struct Group<'a> {
    state: State,
    staged: Staged<'a>,
    buffer: Vec<u8>,
}

type Log<'t> = Table<'t, u64, &'static [u8]>;

impl Group<'_> {
    fn append(&mut self, log: &mut Log<'_>, writes: &[impl Borrow<Write>]) -> Result<(), Stop> {
        for write in writes {
            match write.borrow() {
                Write::Put { node, accepted, floor_until, record } => {
                    self.put(log, *node, (*accepted, *floor_until), record)?;
                }
                Write::Delete(node) => self.delete(log, *node)?,
                Write::Evidence { .. } | Write::ForgetEvidence(_) | Write::Revocations(_) | Write::KeyEpoch(_) => {}
                Write::Invitation { .. } | Write::ForgetInvitation(_) => {}
            }
        }
        Ok(())
    }

    fn put(
        &mut self,
        log: &mut Log<'_>,
        node: NodeId,
        (accepted, floor): (Timestamp, Timestamp),
        record: &[u8],
    ) -> Result<(), Stop> {
        Entry::encode(&mut self.buffer, &node, accepted, floor, record);
        let spot = Spot::new(self.state.next, self.buffer.len()).ok_or(Stop::TooLarge)?;
        log.insert(spot.key(), self.buffer.as_slice())?;
        self.state.next += 1;
        self.state.entries += 1;
        self.state.rows += 1;
        self.state.row_bytes = self.state.row_bytes.saturating_add(spot.length());
        self.leave(self.staged.spot(&node));
        self.staged.set(node, Some(spot));
        Ok(())
    }

    fn delete(&mut self, log: &mut Log<'_>, node: NodeId) -> Result<(), Stop> {
        let Some(spot) = self.staged.set(node, None) else {
            return Ok(());
        };
        log.insert(self.state.next, node.as_bytes().as_slice())?;
        self.state.next += 1;
        self.state.entries += 1;
        self.leave(Some(spot));
        Ok(())
    }

    /// A row that does not count any more.
    const fn leave(&mut self, spot: Option<Spot>) {
        if let Some(spot) = spot {
            self.state.rows = self.state.rows.saturating_sub(1);
            self.state.row_bytes = self.state.row_bytes.saturating_sub(spot.length());
        }
    }

    fn evidence(&mut self, transaction: &WriteTransaction, writes: &[impl Borrow<Write>]) -> Result<(), Stop> {
        if !writes.iter().any(|write| matches!(write.borrow(), Write::Evidence { .. } | Write::ForgetEvidence(_))) {
            return Ok(());
        }
        let mut table = transaction.open_table(row::EVIDENCE)?;
        for write in writes {
            let before = match write.borrow() {
                Write::Evidence { node, pair } => {
                    let value = row::encode_pair(pair).ok_or(Stop::TooLarge)?;
                    self.state.pairs += 1;
                    self.state.pair_bytes = self.state.pair_bytes.saturating_add(value.len() as u64);
                    table.insert(node.as_bytes(), value.as_slice())?.map(|before| before.value().len())
                }
                Write::ForgetEvidence(node) => table.remove(node.as_bytes())?.map(|before| before.value().len()),
                _ => None,
            };
            if let Some(length) = before {
                self.state.pairs = self.state.pairs.saturating_sub(1);
                self.state.pair_bytes = self.state.pair_bytes.saturating_sub(length as u64);
            }
        }
        Ok(())
    }

    /// Drops old entries while there are too many, at most `budget`; one that still counts moves to the near end.
    fn drop_old(&mut self, log: &mut Log<'_>, budget: u64) -> Result<(), Stop> {
        for _ in 0..budget {
            if self.state.entries <= log::entries_kept(self.state.rows) {
                break;
            }
            let (node, counts) = {
                let Some((key, value)) = log.pop_first()? else { break };
                let entry = Entry::decode(value.value())?;
                let counts = self.staged.spot(&entry.node).is_some_and(|spot| spot.key() == key.value());
                self.buffer.clear();
                self.buffer.extend_from_slice(value.value());
                (entry.node, counts)
            };
            if counts {
                let spot = Spot::new(self.state.next, self.buffer.len()).ok_or(Stop::TooLarge)?;
                log.insert(spot.key(), self.buffer.as_slice())?;
                self.staged.set(node, Some(spot));
                self.state.next += 1;
            } else {
                self.state.entries = self.state.entries.saturating_sub(1);
            }
        }
        Ok(())
    }
}
