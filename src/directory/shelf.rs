//! Lookups: whoever asks names a shelf, not a node, and takes all that stands on it.

use alloc::vec::Vec;

use super::{
    Directory,
    feed::{BYTES_PER_RECORD_OVERHEAD, RECORDS_SCANNED_PER_PAGE_MAX},
};
use crate::record::{HashedNodeId, Timestamp};

/// Anonymity set of a lookup: the announced prefix fits so many records on average.
pub const RECORDS_PER_SHELF_MIN: u32 = 16;

/// One page of a lookup.
#[derive(Debug, PartialEq, Eq)]
pub struct Shelf<'a> {
    /// Signed records.
    pub records: Vec<&'a [u8]>,
    /// Where to go on, if there is more.
    pub more_after: Option<HashedNodeId>,
}

impl Directory {
    /// All shown records whose hashed node id starts with the first `bits` of `prefix`, up to `bytes_max`, in the order of
    /// their hashes, after `after`.
    pub fn lookup(
        &self,
        now: Timestamp,
        prefix: HashedNodeId,
        bits: u16,
        after: Option<HashedNodeId>,
        bytes_max: usize,
    ) -> Shelf<'_> {
        let (first, last) = (prefix.with_tail(bits, false), prefix.with_tail(bits, true));
        let start = match after {
            Some(after) if after >= first => core::ops::Bound::Excluded(after.min(last)),
            _ => core::ops::Bound::Included(first),
        };
        let mut shelf = Shelf { records: Vec::new(), more_after: None };
        let (mut bytes_left, mut passed) = (bytes_max, None);
        for (scanned, (hashed, slot)) in self.by_hash.range((start, core::ops::Bound::Included(last))).enumerate() {
            if scanned >= RECORDS_SCANNED_PER_PAGE_MAX {
                shelf.more_after = passed;
                break;
            }
            let Some(entry) = self.slots.entry(*slot) else { continue };
            if entry.shown(now, self.policy.addresses) {
                let size = entry.record.len() + BYTES_PER_RECORD_OVERHEAD;
                if size > bytes_left {
                    shelf.more_after = passed;
                    break;
                }
                bytes_left -= size;
                shelf.records.push(&entry.record);
            }
            passed = Some(*hashed);
        }
        shelf
    }

    /// Length of the prefix that a lookup should send: the longest that keeps [`RECORDS_PER_SHELF_MIN`] records together.
    pub fn lookup_bits(&self) -> u16 {
        (self.listed() / RECORDS_PER_SHELF_MIN).checked_ilog2().map_or(0, |bits| bits as u16)
    }
}
