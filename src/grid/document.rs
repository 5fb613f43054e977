//! What the grid's key signs for everybody: one seq a kind, which never goes back.

use super::{KeyEpoch, RevocationList, SignedKeyEpoch, SignedRevocations, VerifiedKeyEpoch, VerifiedRevocations};
use crate::record::{GridId, Seq, SignatureError, Timestamp};

/// A well-formed document whose signature nobody has checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedDocument {
    /// Who is out.
    Revocations(SignedRevocations),
    /// The next key of a sealed grid.
    KeyEpoch(SignedKeyEpoch),
}

/// What every document says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentHead {
    /// Of this grid.
    pub grid: GridId,
    /// Higher replaces lower.
    pub seq: Seq,
    /// The hour it was signed in.
    pub issued: Timestamp,
}

impl DocumentHead {
    const fn of_list(list: &RevocationList) -> Self {
        Self { grid: list.grid, seq: list.seq, issued: list.issued }
    }

    const fn of_epoch(epoch: &KeyEpoch) -> Self {
        Self { grid: epoch.terms.grid, seq: epoch.terms.seq, issued: epoch.terms.issued }
    }
}

impl SignedDocument {
    /// What it claims, unverified.
    pub const fn head(&self) -> DocumentHead {
        match self {
            Self::Revocations(list) => DocumentHead::of_list(list.list()),
            Self::KeyEpoch(epoch) => DocumentHead::of_epoch(epoch.document()),
        }
    }

    /// The bytes received.
    pub const fn bytes(&self) -> &[u8] {
        match self {
            Self::Revocations(list) => list.bytes(),
            Self::KeyEpoch(epoch) => epoch.bytes(),
        }
    }

    /// Checks the signature by the grid that it names.
    ///
    /// # Errors
    /// When it does not hold.
    ///
    /// # Security
    /// Whether that grid is the right one is for the caller to ask.
    pub fn verify(self) -> Result<VerifiedDocument, SignatureError> {
        Ok(match self {
            Self::Revocations(list) => VerifiedDocument::Revocations(list.verify()?),
            Self::KeyEpoch(epoch) => VerifiedDocument::KeyEpoch(epoch.verify()?),
        })
    }
}

/// A document its grid did sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifiedDocument {
    /// Who is out.
    Revocations(VerifiedRevocations),
    /// The next key of a sealed grid.
    KeyEpoch(VerifiedKeyEpoch),
}

impl VerifiedDocument {
    /// What it says of itself.
    pub const fn head(&self) -> DocumentHead {
        match self {
            Self::Revocations(list) => DocumentHead::of_list(list.list()),
            Self::KeyEpoch(epoch) => DocumentHead::of_epoch(epoch.document()),
        }
    }

    /// The bytes received or signed.
    pub const fn bytes(&self) -> &[u8] {
        match self {
            Self::Revocations(list) => list.bytes(),
            Self::KeyEpoch(epoch) => epoch.bytes(),
        }
    }
}
