//! The first 320 bytes of a redb file, as far as it takes to make redb verify everything before it trusts anything.
//!
//! Source: redb's `docs/design.md` (file format 3). A file has two commit slots; one bit of the "god byte" names the one
//! that counts. redb believes that bit, and after an orderly shutdown it believes the pages too. One flipped bit could so
//! bring back the state before the last acknowledged group, and a flipped bit in a page would be served. Therefore the
//! store shows redb a header (in memory, see [`super::quarantine`]) that says: "not shut down in an orderly way, not known
//! to be complete, and there is no other slot to fall back to". redb then checks every page against the checksums from the
//! root down, and either accepts all of it or gives up.

use super::error::{Damage, Failure};

/// Bytes of header and both slots.
pub(super) const HEADER_BYTES: usize = 320;

/// First bytes of every redb file.
const MAGIC: &[u8] = b"redb\x1a\x0a\xa9\x0d\x0a";
/// Offset of the flags.
const GOD_BYTE: usize = 9;
/// Which slot counts.
const PRIMARY: u8 = 1;
/// Not shut down in an orderly way.
const RECOVERY: u8 = 2;
/// Offset of the first slot, and size of each.
const SLOT_OFFSET: usize = 64;
const SLOT_BYTES: usize = 128;
/// Offset of the transaction number (u64, little-endian) in a slot.
const TRANSACTION_OFFSET: usize = 104;
/// The file format that redb 3 and 4 write: first byte of both slots.
const FILE_FORMAT: u8 = 3;

/// The header as it is in the file.
pub(super) struct Header([u8; HEADER_BYTES]);

impl Header {
    /// Takes the first bytes of a file.
    pub(super) fn read(bytes: [u8; HEADER_BYTES]) -> Result<Self, Failure> {
        if !bytes.starts_with(MAGIC) {
            return Err(Failure::Foreign);
        }
        let header = Self(bytes);
        match (header.format(0), header.format(1)) {
            // One damaged byte can't change both.
            (Some(a), Some(b)) if a == b && a > FILE_FORMAT => Err(Failure::Newer(a.into())),
            _ => Ok(header),
        }
    }

    /// The slot the god byte names, and the other one when it is newer: then a crash came between the two phases of a
    /// commit (all of it is in the file, only its name is missing), or the god byte is damaged.
    pub(super) fn slots(&self) -> (usize, Option<usize>) {
        let named = usize::from(self.0.get(GOD_BYTE).is_some_and(|byte| byte & PRIMARY != 0));
        let other = 1 - named;
        (named, (self.transaction(other) > self.transaction(named)).then_some(other))
    }

    /// What redb is shown so that it verifies `slot` completely, and nothing else will do.
    pub(super) fn showing(&self, slot: usize) -> [u8; HEADER_BYTES] {
        let mut shown = self.0;
        if let Some(god) = shown.get_mut(GOD_BYTE) {
            *god = RECOVERY | if slot == 1 { PRIMARY } else { 0 };
        }
        let hidden = SLOT_OFFSET + SLOT_BYTES * (1 - slot);
        if let Some(bytes) = shown.get_mut(hidden..hidden + SLOT_BYTES) {
            // The checksum of zeros is not zero: a slot that is certainly not valid.
            bytes.fill(0);
            if let Some(format) = bytes.first_mut() {
                *format = FILE_FORMAT;
            }
        }
        shown
    }

    fn slot(&self, slot: usize) -> &[u8] {
        let start = SLOT_OFFSET + SLOT_BYTES * slot;
        self.0.get(start..start + SLOT_BYTES).unwrap_or_default()
    }

    fn format(&self, slot: usize) -> Option<u8> {
        self.slot(slot).first().copied()
    }

    fn transaction(&self, slot: usize) -> u64 {
        let bytes = self.slot(slot).get(TRANSACTION_OFFSET..).and_then(<[u8]>::first_chunk);
        bytes.copied().map_or(0, u64::from_le_bytes)
    }
}

/// A file too short to hold a header was cut off: stores are created under another name and renamed when complete.
pub(super) const TOO_SHORT: Failure = Failure::Damaged(Damage::Truncated);
