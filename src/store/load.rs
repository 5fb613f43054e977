//! Opening: nothing is written before everything has been read.

use std::{path::Path, sync::Arc};

use redb::{Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _};

use super::{
    Chunk, Evidence, Limits, Marks, Row,
    commit::Store,
    error::{Damage, Failure, OpenError, contained, discard},
    header::{HEADER_BYTES, Header, TOO_SHORT},
    invitation,
    log::{Index, Spot},
    medium::{Medium, Place},
    quarantine::{Quarantine, Shared},
    row::{self, Entry, State},
};
use crate::{
    grid::{SignedKeyEpoch, SignedRevocations},
    record::NodeId,
};

/// Rows in a chunk: two megabytes at most, and enough for every core to verify some.
pub const CHUNK_ROWS_MAX: usize = 1024;

/// redb's cache. Reads are answered from memory elsewhere, so it serves a group's own pages: the near and the far end of
/// the log. Measured at 64 records a group among a million: 2, 8 and 64 MiB cost the same.
const CACHE_BYTES: usize = 8 << 20;

/// A verified store of which nothing has been loaded.
pub struct Opened {
    place: Place,
    limits: Limits,
    base: Base,
}

/// A loaded store that is still as it was found.
pub struct Loaded {
    opened: Opened,
    index: Index,
}

/// An open database, its writes still held back.
pub(super) struct Base {
    pub(super) database: Held,
    pub(super) quarantine: Arc<Quarantine>,
    pub(super) state: State,
    documents: Documents,
}

/// A database that is given up without a last word to the file.
pub(super) struct Held(Option<(Database, Arc<Quarantine>)>);

/// Opens the store in `directory`, or creates one there.
///
/// # Errors
/// In each case nothing has been changed; the error says what to do.
pub fn open(directory: &Path, limits: Limits) -> Result<Opened, OpenError> {
    Opened::at(Place::lock(directory)?, limits)
}

/// Makes the directory of a store where there is none, so that a process can give up the right to.
///
/// # Errors
/// The system's; a store that is there was not touched.
pub fn make_directory(directory: &Path) -> Result<(), OpenError> {
    Place::make(directory)
}

impl Opened {
    pub(super) fn at(place: Place, limits: Limits) -> Result<Self, OpenError> {
        match place.existing().and_then(|medium| medium.map_or_else(|| place.create(create), Ok)).and_then(verify) {
            Ok(base) => Ok(Self { place, limits, base }),
            Err(failure) => Err(failure.opening(place.path())),
        }
    }

    /// The marks of the last group that was committed.
    pub const fn marks(&self) -> Marks {
        self.base.state.marks
    }

    /// How many rows there are.
    pub const fn rows(&self) -> u64 {
        self.base.state.rows
    }

    /// The grid's list of revoked keys, decoded; nobody has verified it since it was written.
    pub const fn revocations(&self) -> Option<&SignedRevocations> {
        self.base.documents.revocations.as_ref()
    }

    /// The newest key of a sealed grid, decoded; nobody has verified it since it was written.
    pub const fn key_epoch(&self) -> Option<&SignedKeyEpoch> {
        self.base.documents.key_epoch.as_ref()
    }

    /// Reads everything, in chunks.
    ///
    /// # Errors
    /// When a row does not decode, or rows are missing.
    ///
    /// # Security
    /// Records come back unverified: the caller verifies each of them before it calls [`Loaded::accept`].
    pub fn load(self, mut visit: impl FnMut(Chunk)) -> Result<Loaded, OpenError> {
        let read = contained(|| {
            let index = scan(&self.base, |node, row| row.decode(node).map(Some), &mut visit)?;
            evidence(&self.base, &mut visit)?;
            let transaction = self.base.database.database()?.begin_read()?;
            invitation::load(&transaction, &mut visit)?;
            Ok(index)
        });
        match read {
            Ok(index) => Ok(Loaded { opened: self, index }),
            Err(failure) => Err(failure.opening(self.place.path())),
        }
    }
}

impl Loaded {
    /// Takes the store into use. Only now may it change.
    ///
    /// # Errors
    /// When the note that it is in use can't be written.
    pub fn accept(self) -> Result<Store, OpenError> {
        let Opened { place, limits, base } = self.opened;
        match base.release() {
            Ok((database, state)) => Ok(Store::new(place, limits, database, state, self.index)),
            Err(failure) => Err(failure.opening(place.path())),
        }
    }
}

impl Base {
    /// The database, whose writes reach the file from now on.
    pub(super) fn release(self) -> Result<(Database, State), Failure> {
        self.quarantine.release()?;
        self.database.into_inner().map(|database| (database, self.state))
    }
}

impl Held {
    fn database(&self) -> Result<&Database, Failure> {
        self.0.as_ref().map(|(database, _)| database).ok_or(Failure::Damaged(Damage::Panicked))
    }

    fn into_inner(mut self) -> Result<Database, Failure> {
        self.0.take().map(|(database, _)| database).ok_or(Failure::Damaged(Damage::Panicked))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((database, quarantine)) = self.0.take() {
            quarantine.refuse();
            discard(database);
        }
    }
}

/// Writes an empty store.
fn create(medium: Medium) -> Result<(), Failure> {
    let database = builder().create_with_backend(Shared(Quarantine::open(medium)))?;
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    {
        let mut meta = transaction.open_table(row::META)?;
        meta.insert(row::FORMAT_KEY, row::FORMAT.to_be_bytes().as_slice())?;
        meta.insert(row::STATE_KEY, State::EMPTY.encode().as_slice())?;
        transaction.open_table(row::LOG)?;
        transaction.open_table(row::EVIDENCE)?;
    }
    Ok(transaction.commit()?)
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Opens what is there, every page of it checked against the checksums.
pub(super) fn verify(medium: Medium) -> Result<Base, Failure> {
    let length = medium.len()?;
    let mut bytes = [0; HEADER_BYTES];
    if length < HEADER_BYTES as u64 {
        return Err(TOO_SHORT);
    }
    medium.read(0, &mut bytes)?;
    let header = Header::read(bytes)?;
    let (named, newer) = header.slots();
    // The named one has to hold in any case: were it damaged, its number could not be believed either, and an old state
    // would pass for the latest.
    let base = attempt(&medium, &header.showing(named))?;
    let Some(newer) = newer else { return Ok(base) };
    drop(base);
    attempt(&medium, &header.showing(newer)).or_else(|_| attempt(&medium, &header.showing(named)))
}

fn attempt(medium: &Medium, header: &[u8; HEADER_BYTES]) -> Result<Base, Failure> {
    let quarantine = Quarantine::holding(medium.clone(), header)?;
    contained(|| {
        let mut builder = builder();
        // From 0.3 on redb would go back to the other slot, which it has been shown to have none of.
        builder.set_repair_callback(|session| {
            if (0.2..0.5).contains(&session.progress()) {
                session.abort();
            }
        });
        let database = builder.create_with_backend(Shared(Arc::clone(&quarantine)))?;
        let database = Held(Some((database, Arc::clone(&quarantine))));
        let (state, documents) = state(database.database()?)?;
        Ok(Base { database, quarantine: Arc::clone(&quarantine), state, documents })
    })
}

/// What the grid's key signed.
struct Documents {
    revocations: Option<SignedRevocations>,
    key_epoch: Option<SignedKeyEpoch>,
}

fn state(database: &Database) -> Result<(State, Documents), Failure> {
    let transaction = database.begin_read()?;
    let meta = match transaction.open_table(row::META) {
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Err(Failure::Foreign),
        Ok(meta) => meta,
    };
    let format = meta.get(row::FORMAT_KEY)?.ok_or(Failure::Foreign)?;
    match format.value().try_into().map(u32::from_be_bytes) {
        Ok(row::FORMAT) => {}
        Ok(format) if format > row::FORMAT => return Err(Failure::Newer(format)),
        _ => return Err(Failure::Foreign),
    }
    let revocations = match meta.get(row::REVOCATIONS_KEY)? {
        Some(bytes) => Some(SignedRevocations::decode(bytes.value()).map_err(|_| row::ROW)?),
        None => None,
    };
    let key_epoch = match meta.get(row::KEY_EPOCH_KEY)? {
        Some(bytes) => Some(SignedKeyEpoch::decode(bytes.value()).map_err(|_| row::ROW)?),
        None => None,
    };
    let documents = Documents { revocations, key_epoch };
    Ok((State::decode(meta.get(row::STATE_KEY)?.ok_or(row::ROW)?.value())?, documents))
}

/// Reads the log from its near end: the first entry of a node is the one that counts.
///
/// `decode` makes a row of an entry, or `None` where only the index is wanted.
pub(super) fn scan(
    base: &Base,
    decode: impl Fn(&NodeId, &row::EntryRow<'_>) -> Result<Option<Row>, Failure>,
    visit: &mut impl FnMut(Chunk),
) -> Result<Index, Failure> {
    let transaction = base.database.database()?.begin_read()?;
    let log = transaction.open_table(row::LOG)?;
    let (mut index, mut void) = (Index::new(), Index::new());
    let (mut entries, mut row_bytes) = (0, 0);
    let mut chunk = Vec::new();
    for entry in log.iter()?.rev() {
        let (key, value) = entry?;
        let entry = Entry::decode(value.value())?;
        let spot = Spot::new(key.value(), value.value().len()).ok_or(row::ROW)?;
        entries += 1;
        if key.value() >= base.state.next {
            return Err(Failure::Damaged(Damage::Count));
        }
        if void.contains_key(&entry.node) || index.contains_key(&entry.node) {
            continue;
        }
        let Some(row) = entry.row else {
            void.insert(entry.node, spot);
            continue;
        };
        row_bytes += spot.length();
        index.insert(entry.node, spot);
        chunk.extend(decode(&entry.node, &row)?);
        if chunk.len() == CHUNK_ROWS_MAX {
            visit(Chunk::Rows(std::mem::take(&mut chunk)));
        }
    }
    if (entries, index.len() as u64, row_bytes) != (base.state.entries, base.state.rows, base.state.row_bytes) {
        return Err(Failure::Damaged(Damage::Count));
    }
    if !chunk.is_empty() {
        visit(Chunk::Rows(chunk));
    }
    Ok(index)
}

fn evidence(base: &Base, visit: &mut impl FnMut(Chunk)) -> Result<(), Failure> {
    let transaction = base.database.database()?.begin_read()?;
    let table = transaction.open_table(row::EVIDENCE)?;
    let mut pair_bytes = 0;
    let mut chunk = Vec::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        let node = NodeId::from_bytes(*key.value());
        pair_bytes += value.value().len() as u64;
        chunk.push(Evidence { node, pair: row::decode_pair(&node, value.value())? });
        if chunk.len() == CHUNK_ROWS_MAX {
            visit(Chunk::Evidence(std::mem::take(&mut chunk)));
        }
    }
    if (table.len()?, pair_bytes) != (base.state.pairs, base.state.pair_bytes) {
        return Err(Failure::Damaged(Damage::Count));
    }
    if !chunk.is_empty() {
        visit(Chunk::Evidence(chunk));
    }
    Ok(())
}
