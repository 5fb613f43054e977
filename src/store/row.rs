//! What stands in the tables, byte by byte. All numbers are big-endian.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | `format` | u32, [`FORMAT`] |
//! | `meta` | `state` | [`State`]: seven u64, then latest hour and forgotten-until hour as u32 |
//! | `meta` | `revocations` | the grid's list of revoked keys, signed; absent before the first |
//! | `meta` | `key-epoch` | the newest key of a sealed grid, wrapped for its members, signed; absent before the first |
//! | `log` | u64, one higher each time | node (32 bytes) ‖ accepted hour (u32) ‖ floor-until hour (u32) ‖ signed record |
//! | `log` | the same | node (32 bytes): what came before about this node is void |
//! | `evidence` | node (32 bytes) | length of the first (u16) ‖ first signed record ‖ second signed record |
//! | `invitations` | key of the invitation (32 bytes) | three times length (u16) ‖ bytes: signed record, grants, second signed record; the last two may be empty. The table is absent before the first |
//!
//! The log is what makes a durable publish cheap. Keyed by node, each record would change a page of its own in a random
//! place and the pages above it: 36 µs of processor time a record among a million. In a log it is 7 to 12 (64 records of
//! 512 bytes a group, the dropping of old entries included). The latest entry of a node counts; older ones are dropped at
//! the far end.

use redb::TableDefinition;

use super::{
    Marks, Row,
    error::{Damage, Failure},
};
use crate::record::{NodeId, SignedEnvelope, Timestamp};

/// The format this software reads and writes. A change that an older version would misread raises it.
pub(super) const FORMAT: u32 = 1;

pub(super) const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
pub(super) const LOG: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("log");
pub(super) const EVIDENCE: TableDefinition<'static, &[u8; 32], &[u8]> = TableDefinition::new("evidence");
pub(super) const INVITATIONS: TableDefinition<'static, &[u8; 32], &[u8]> = TableDefinition::new("invitations");
/// Keys of [`META`].
pub(super) const FORMAT_KEY: &str = "format";
pub(super) const STATE_KEY: &str = "state";
pub(super) const REVOCATIONS_KEY: &str = "revocations";
pub(super) const KEY_EPOCH_KEY: &str = "key-epoch";

/// What the store knows about itself, written with every group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// Groups committed, ever: shows whether one that failed is there after all, and whether one is missing.
    pub(super) commits: u64,
    /// Key of the next log entry.
    pub(super) next: u64,
    /// Entries in the log, so that a missing piece of the tree is noticed.
    pub(super) entries: u64,
    /// Nodes with a row.
    pub(super) rows: u64,
    /// Bytes of the values of these rows.
    pub(super) row_bytes: u64,
    /// Nodes with evidence.
    pub(super) pairs: u64,
    /// Bytes of the evidence.
    pub(super) pair_bytes: u64,
    pub(super) marks: Marks,
}

/// Seven u64 and two u32.
const STATE_BYTES: usize = 7 * 8 + 2 * 4;

impl State {
    /// Of an empty store.
    pub(super) const EMPTY: Self = Self {
        commits: 0,
        next: 0,
        entries: 0,
        rows: 0,
        row_bytes: 0,
        pairs: 0,
        pair_bytes: 0,
        marks: Marks { latest_hour: Timestamp::EPOCH, forgotten_until: Timestamp::EPOCH },
    };

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(STATE_BYTES);
        let numbers = [self.commits, self.next, self.entries, self.rows, self.row_bytes, self.pairs, self.pair_bytes];
        for number in numbers {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.marks.latest_hour.hours().to_be_bytes());
        bytes.extend_from_slice(&self.marks.forgotten_until.hours().to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Failure> {
        let bytes: &[u8; STATE_BYTES] = bytes.try_into().map_err(|_| ROW)?;
        let (numbers, hours) = bytes.split_at(7 * 8);
        let [commits, next, entries, rows, row_bytes, pairs, pair_bytes] = words(numbers)?.map(u64::from_be_bytes);
        let [latest_hour, forgotten_until] = words(hours)?.map(u32::from_be_bytes).map(Timestamp::from_hours);
        let marks = Marks { latest_hour, forgotten_until };
        Ok(Self { commits, next, entries, rows, row_bytes, pairs, pair_bytes, marks })
    }
}

/// `N` numbers of `BYTES` bytes.
fn words<const N: usize, const BYTES: usize>(bytes: &[u8]) -> Result<[[u8; BYTES]; N], Failure> {
    let (words, rest) = bytes.as_chunks::<BYTES>();
    if rest.is_empty() { words.try_into().map_err(|_| ROW) } else { Err(ROW) }
}

/// An entry of the log.
pub(super) struct Entry<'a> {
    pub(super) node: NodeId,
    /// `None`: what came before is void.
    pub(super) row: Option<EntryRow<'a>>,
}

/// The row in an entry.
pub(super) struct EntryRow<'a> {
    accepted: Timestamp,
    floor_until: Timestamp,
    record: &'a [u8],
}

impl<'a> Entry<'a> {
    pub(super) fn decode(value: &'a [u8]) -> Result<Self, Failure> {
        let (node, rest) = value.split_first_chunk::<32>().ok_or(ROW)?;
        let node = NodeId::from_bytes(*node);
        if rest.is_empty() {
            return Ok(Self { node, row: None });
        }
        let (hours, record) = rest.split_first_chunk::<8>().ok_or(ROW)?;
        let [accepted, floor_until] = words(hours)?.map(u32::from_be_bytes).map(Timestamp::from_hours);
        Ok(Self { node, row: Some(EntryRow { accepted, floor_until, record }) })
    }

    /// Writes a row's entry into `buffer`.
    pub(super) fn encode(buffer: &mut Vec<u8>, node: &NodeId, accepted: Timestamp, floor: Timestamp, record: &[u8]) {
        buffer.clear();
        buffer.extend_from_slice(node.as_bytes());
        buffer.extend_from_slice(&accepted.hours().to_be_bytes());
        buffer.extend_from_slice(&floor.hours().to_be_bytes());
        buffer.extend_from_slice(record);
    }
}

impl EntryRow<'_> {
    /// The row, its record decoded but unverified.
    pub(super) fn decode(&self, node: &NodeId) -> Result<Row, Failure> {
        Ok(Row { accepted: self.accepted, floor_until: self.floor_until, record: record(self.record, node)? })
    }
}

/// Writes evidence.
pub(super) fn encode_pair(pair: &[std::sync::Arc<[u8]>; 2]) -> Option<Vec<u8>> {
    let [first, second] = pair;
    let length = u16::try_from(first.len()).ok()?;
    Some([length.to_be_bytes().as_slice(), first, second].concat())
}

/// Reads evidence.
pub(super) fn decode_pair(node: &NodeId, value: &[u8]) -> Result<[SignedEnvelope; 2], Failure> {
    let (length, rest) = value.split_first_chunk::<2>().ok_or(ROW)?;
    let (first, second) = rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(ROW)?;
    Ok([record(first, node)?, record(second, node)?])
}

fn record(bytes: &[u8], node: &NodeId) -> Result<SignedEnvelope, Failure> {
    let record = SignedEnvelope::decode(bytes).map_err(|_| RECORD)?;
    if record.claims().node == *node { Ok(record) } else { Err(RECORD) }
}

pub(super) const ROW: Failure = Failure::Damaged(Damage::Row);
const RECORD: Failure = Failure::Damaged(Damage::Record);
