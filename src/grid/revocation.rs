//! The grid's list of keys that are out: signed by the grid's key, whole each time, due again at a stated hour.

use alloc::{boxed::Box, vec::Vec};

use serde::{Deserialize, Serialize};

use super::wire::{self, BodyError};
use crate::record::{
    Context, GridId, GridSecret, NodeId, SIGNATURE_BYTES, Seq, SignatureError, Timestamp, verify_signature,
};

/// First byte of every list.
pub const REVOCATION_LIST_VERSION: u8 = 1;
/// A whole signed document of a grid: what fits the largest request.
pub const DOCUMENT_BYTES_MAX: usize = 4032;
/// What fits a document with room to spare. Few: whoever is revoked takes along all that was granted below, and entries go
/// when the grants they revoke have ended.
pub const REVOCATIONS_MAX: usize = 100;
/// A quarter of a year: an introducer that withholds a list is noticed by then at the latest.
pub const NEXT_UPDATE_HOURS_MAX: u16 = 92 * 24;

/// Why bytes are not a revocation list. No signature has been looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// More than a document may have.
    #[error("larger than 4032 bytes")]
    TooLarge,
    /// Not even a signature's worth.
    #[error("too short to hold a list and a signature")]
    TooShort,
    /// A version this software does not know.
    #[error("a revocation list of another version")]
    Version,
    /// Not the structure of a list.
    #[error("not the structure of a revocation list")]
    Malformed,
    /// Bytes behind the last field.
    #[error("bytes behind the end of the list")]
    TrailingBytes,
    /// Another spelling of what has exactly one.
    #[error("not in canonical form")]
    NotCanonical,
    /// 0 hours, or more than a quarter of a year.
    #[error("the next list is due within 1 to 2208 hours (a quarter of a year)")]
    NextUpdate,
    /// More than a hundred.
    #[error("a list holds at most 100 keys")]
    TooMany,
    /// Unsorted, or one key twice.
    #[error("revoked keys must be sorted, each once")]
    Order,
    /// An entry that was over when the list was made.
    #[error("an entry had ended before the list was made")]
    Ended,
}

impl From<BodyError> for RevocationError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed => Self::Malformed,
            BodyError::TrailingBytes => Self::TrailingBytes,
            BodyError::NotCanonical => Self::NotCanonical,
        }
    }
}

/// A key through which no chain holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct WireRevocation {
    key: [u8; 32],
    until_hours: u32,
}

#[derive(Serialize, Deserialize)]
struct WireList {
    version: u8,
    grid: [u8; 32],
    seq: u64,
    issued_hours: u32,
    next_update_hours: u16,
    revoked: Vec<WireRevocation>,
}

/// A key through which no chain holds any more: not its own records, and nothing that it granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Who is out.
    pub key: NodeId,
    /// The hour in which the last grant to that key has ended. Then the entry may go, and a new list leaves it out.
    pub until: Timestamp,
}

/// Who is out of a grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// Of this grid.
    pub grid: GridId,
    /// Higher replaces lower, and never goes back.
    pub seq: Seq,
    /// The hour it was signed in.
    pub issued: Timestamp,
    /// Hours from then on within which the next list is due, even if nothing changed.
    pub next_update_hours: u16,
    /// Sorted by key, each once.
    pub revoked: Vec<Revocation>,
}

impl RevocationList {
    /// The hour by which the next list is due: from then on the grid is stale.
    pub const fn next_update(&self) -> Timestamp {
        self.issued.plus_hours(self.next_update_hours as u32)
    }

    /// Is this key out?
    pub fn revokes(&self, key: &NodeId) -> bool {
        self.revoked.binary_search_by(|entry| entry.key.cmp(key)).is_ok()
    }

    /// Signs the list with the grid's key.
    ///
    /// # Errors
    /// A limit; `Malformed` when the key is another grid's.
    pub fn sign(&self, secret: &GridSecret) -> Result<VerifiedRevocations, RevocationError> {
        if secret.id() != self.grid {
            return Err(RevocationError::Malformed);
        }
        self.refuse_malformed()?;
        let entry =
            |entry: &Revocation| WireRevocation { key: *entry.key.as_bytes(), until_hours: entry.until.hours() };
        let wire = WireList {
            version: REVOCATION_LIST_VERSION,
            grid: *self.grid.as_bytes(),
            seq: self.seq,
            issued_hours: self.issued.hours(),
            next_update_hours: self.next_update_hours,
            revoked: self.revoked.iter().map(entry).collect(),
        };
        let body = postcard::to_allocvec(&wire).map_err(|_| RevocationError::Malformed)?;
        let signature = secret.sign(Context::RevocationList, &body);
        let SignedRevocations { bytes, list } = SignedRevocations::decode(&[&body[..], &signature].concat())?;
        Ok(VerifiedRevocations { bytes, list })
    }

    fn refuse_malformed(&self) -> Result<(), RevocationError> {
        if !(1..=NEXT_UPDATE_HOURS_MAX).contains(&self.next_update_hours) {
            return Err(RevocationError::NextUpdate);
        }
        if self.revoked.len() > REVOCATIONS_MAX {
            return Err(RevocationError::TooMany);
        }
        if !self.revoked.is_sorted_by(|a, b| a.key < b.key) {
            return Err(RevocationError::Order);
        }
        if self.revoked.iter().any(|entry| entry.until <= self.issued) {
            return Err(RevocationError::Ended);
        }
        Ok(())
    }
}

/// A well-formed list whose signature nobody has checked.
///
/// # Security
/// It is anybody's. It may be used to refuse it, never to revoke anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRevocations {
    bytes: Box<[u8]>,
    list: RevocationList,
}

impl SignedRevocations {
    /// Takes bytes from anywhere: size, structure, canonical form and limits.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, RevocationError> {
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(RevocationError::TooLarge);
        }
        let (body, _) = wire::split(bytes).ok_or(RevocationError::TooShort)?;
        if body.first() != Some(&REVOCATION_LIST_VERSION) {
            return Err(RevocationError::Version);
        }
        let wire = wire::read::<WireList, { DOCUMENT_BYTES_MAX - SIGNATURE_BYTES }>(body)?;
        let entry = |entry: WireRevocation| Revocation {
            key: NodeId::from_bytes(entry.key),
            until: Timestamp::from_hours(entry.until_hours),
        };
        let list = RevocationList {
            grid: GridId::from_bytes(wire.grid),
            seq: wire.seq,
            issued: Timestamp::from_hours(wire.issued_hours),
            next_update_hours: wire.next_update_hours,
            revoked: wire.revoked.into_iter().map(entry).collect(),
        };
        list.refuse_malformed()?;
        Ok(Self { bytes: bytes.into(), list })
    }

    /// What it claims, unverified.
    pub const fn list(&self) -> &RevocationList {
        &self.list
    }

    /// The bytes received.
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks the signature by the grid that the list names.
    ///
    /// # Errors
    /// When it does not hold.
    ///
    /// # Security
    /// Whether that grid is the right one is for the caller to ask.
    pub fn verify(self) -> Result<VerifiedRevocations, SignatureError> {
        verify_signature(Context::RevocationList, self.list.grid.as_bytes(), &self.bytes)?;
        Ok(VerifiedRevocations { bytes: self.bytes, list: self.list })
    }
}

/// A list its grid did sign. [`SignedRevocations::verify`] and [`RevocationList::sign`] are the only ways to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRevocations {
    bytes: Box<[u8]>,
    list: RevocationList,
}

impl VerifiedRevocations {
    /// What the grid says.
    pub const fn list(&self) -> &RevocationList {
        &self.list
    }

    /// The bytes received or signed.
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest list there can be fits a document.
    #[test]
    fn as_many_keys_as_may_be_fit_a_document() {
        let secret = GridSecret::from_seed([1; 32]);
        let entry = |number: usize| {
            let mut key = [0xff; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            Revocation { key: NodeId::from_bytes(key), until: Timestamp::from_hours(u32::MAX) }
        };
        let list = |entries: usize| RevocationList {
            grid: secret.id(),
            seq: u64::MAX,
            issued: Timestamp::from_hours(u32::MAX - 1),
            next_update_hours: NEXT_UPDATE_HOURS_MAX,
            revoked: (0..entries).map(entry).collect(),
        };
        let full = list(REVOCATIONS_MAX).sign(&secret).expect("it fits");
        assert!(full.bytes().len() <= DOCUMENT_BYTES_MAX);
        assert!(full.list().revoked.iter().all(|entry| full.list().revokes(&entry.key)));
        assert!(!full.list().revokes(&NodeId::from_bytes([1; 32])));
        assert_eq!(list(REVOCATIONS_MAX + 1).sign(&secret).unwrap_err(), RevocationError::TooMany);
    }
}
