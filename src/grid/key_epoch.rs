//! The next key of a sealed grid, wrapped for whoever is still in: signed by the grid's key, and handed out by introducers.
//!
//! # The scheme
//!
//! A member's X25519 key is its node's key in Montgomery form (RFC 7748, 4.1), so that whoever re-keys needs the ids of the
//! members and nothing else; a reader who publishes nothing has a node's key for this. Both uses of one key are proven not to
//! weaken each other for this kind of wrapping (Thormarker, "On using the same key pair for Ed25519 and an X25519 based KEM").
//!
//! With an ephemeral key, drawn for each document and forgotten: HKDF-SHA256("anteroom v1 key wrap\0", shared point) expands
//! grid ‖ epoch ‖ ephemeral public key ‖ member to a key, under which the group key is encrypted with XChaCha20-Poly1305 and a
//! nonce of zeros, since that key is used once. There are always [`MEMBERS_PER_EPOCH_MAX`] such slots; those that are not used
//! hold what looks like one, and all are sorted, so that neither the number of members nor who they are shows. A member tries
//! each slot. The commitment, HKDF("anteroom v1 epoch commitment\0", group key) of grid ‖ epoch, makes it one key for all.
//!
//! # What it does not do
//!
//! Whoever has a member's key opens every slot that was ever made for it, also recorded ones. A member that was taken out keeps
//! what it read, and what is still sealed under the old key; and an introducer can withhold a document: it is stale from its
//! next-update hour on.

use alloc::{boxed::Box, vec::Vec};

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, KeyInit as _},
};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    revocation::{DOCUMENT_BYTES_MAX, NEXT_UPDATE_HOURS_MAX},
    wire::{self, BodyError},
};
use crate::record::{
    Context, EphemeralSecret, Epoch, GridId, GridSecret, GroupKey, NodeId, NodeSecret, SIGNATURE_BYTES, Seq,
    SignatureError, Timestamp, verify_signature,
};

/// First byte of every such document.
pub const KEY_EPOCH_VERSION: u8 = 1;
/// Members whose slots fit a document with its other fields at their largest. A larger group hands its key on by file.
pub const MEMBERS_PER_EPOCH_MAX: usize = 80;
/// The group key and an authenticator.
const SLOT_BYTES: usize = 32 + 16;
const SLOTS_BYTES: usize = MEMBERS_PER_EPOCH_MAX * SLOT_BYTES;
const WRAP_LABEL: &[u8] = b"anteroom v1 key wrap\0";
const COMMITMENT_LABEL: &[u8] = b"anteroom v1 epoch commitment\0";
const FILLER_LABEL: &[u8] = b"anteroom v1 key filler\0";

/// Why bytes are no key epoch. No signature has been looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyEpochError {
    /// More than a document may have.
    #[error("larger than 4032 bytes")]
    TooLarge,
    /// Not even a signature's worth.
    #[error("too short to hold a key epoch and a signature")]
    TooShort,
    /// A version this software does not know.
    #[error("a key epoch of another version")]
    Version,
    /// Not the structure of a key epoch.
    #[error("not the structure of a key epoch")]
    Malformed,
    /// Bytes behind the last field.
    #[error("bytes behind the end of the key epoch")]
    TrailingBytes,
    /// Another spelling of what has exactly one.
    #[error("not in canonical form")]
    NotCanonical,
    /// 0 hours, or more than a quarter of a year.
    #[error("the next one is due within 1 to 2208 hours (a quarter of a year)")]
    NextUpdate,
    /// Epoch 0, which is none.
    #[error("epochs count from 1")]
    Epoch,
    /// Another number of slots than every document has, or out of order.
    #[error("a key epoch has 80 slots, sorted, each once")]
    Slots,
}

impl From<BodyError> for KeyEpochError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed => Self::Malformed,
            BodyError::TrailingBytes => Self::TrailingBytes,
            BodyError::NotCanonical => Self::NotCanonical,
        }
    }
}

/// Why a key is not wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WrapError {
    /// More than a document has slots for.
    #[error("a key epoch has slots for 80 members")]
    TooMany,
    /// An id that nobody can have the secret half of.
    #[error("{0} is no key that anything can be wrapped for")]
    Member(NodeId),
    /// A limit, or another grid's key.
    #[error(transparent)]
    Document(#[from] KeyEpochError),
}

/// Why a member gets no key from a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnwrapError {
    /// No slot opens.
    #[error("it holds no key for this member: whoever runs the grid has left it out")]
    NotForUs,
    /// The slot holds another key than the document commits to.
    #[error("it holds another key for this member than for the others")]
    Commitment,
}

#[derive(Serialize, Deserialize)]
struct WireKeyEpoch<'a> {
    version: u8,
    grid: [u8; 32],
    seq: u64,
    issued_hours: u32,
    next_update_hours: u16,
    epoch: u32,
    ephemeral: [u8; 32],
    commitment: [u8; 32],
    slots: &'a [u8],
}

/// When a document was made, and which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochTerms {
    /// Of this grid.
    pub grid: GridId,
    /// Higher replaces lower, and never goes back.
    pub seq: Seq,
    /// The hour it was signed in.
    pub issued: Timestamp,
    /// Hours from then on within which the next document is due, even if nothing changed.
    pub next_update_hours: u16,
}

impl EpochTerms {
    /// The hour by which the next document is due: from then on this one is stale.
    pub const fn next_update(&self) -> Timestamp {
        self.issued.plus_hours(self.next_update_hours as u32)
    }
}

/// A group key for its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEpoch {
    /// When and which.
    pub terms: EpochTerms,
    /// Of the key in it.
    pub epoch: Epoch,
    ephemeral: [u8; 32],
    commitment: [u8; 32],
    slots: Box<[u8]>,
}

impl KeyEpoch {
    /// Wraps `key` for `members`. `ephemeral` is of a cryptographic generator, for this document alone.
    ///
    /// # Errors
    /// Too many members, or one that is no key.
    pub fn wrap(
        terms: EpochTerms,
        key: &GroupKey,
        members: &[NodeId],
        ephemeral: &EphemeralSecret,
    ) -> Result<Self, WrapError> {
        if members.len() > MEMBERS_PER_EPOCH_MAX {
            return Err(WrapError::TooMany);
        }
        let public = ephemeral.public();
        let mut slots: Vec<[u8; SLOT_BYTES]> = Vec::with_capacity(MEMBERS_PER_EPOCH_MAX);
        for member in members {
            let shared = ephemeral.agree(member).ok_or(WrapError::Member(*member))?;
            let cipher = cipher(&shared, &terms.grid, key.epoch(), &public, member);
            let wrapped = cipher.encrypt(&XNonce::default(), &key.secret()[..]).map_err(|_| WrapError::TooMany)?;
            slots.push(wrapped.try_into().map_err(|_| WrapError::TooMany)?);
        }
        for index in slots.len()..MEMBERS_PER_EPOCH_MAX {
            let mut filler = [0; SLOT_BYTES];
            ephemeral.expand(FILLER_LABEL, &[index as u8], &mut filler);
            slots.push(filler);
        }
        slots.sort_unstable();
        let commitment = commitment(&terms.grid, key);
        let slots = slots.concat().into();
        Ok(Self { terms, epoch: key.epoch(), ephemeral: public, commitment, slots })
    }

    /// The key, for a member who is among those it was wrapped for.
    ///
    /// # Errors
    /// See [`UnwrapError`].
    ///
    /// # Security
    /// Whether the grid signed it is for the caller to ask: take it from a [`VerifiedKeyEpoch`].
    pub fn unwrap_for(&self, member: &NodeSecret) -> Result<GroupKey, UnwrapError> {
        let shared = member.agree(&self.ephemeral).ok_or(UnwrapError::NotForUs)?;
        let cipher = cipher(&shared, &self.terms.grid, self.epoch, &self.ephemeral, &member.id());
        let (slots, _) = self.slots.as_chunks::<SLOT_BYTES>();
        let opened = slots.iter().find_map(|slot| cipher.decrypt(&XNonce::default(), &slot[..]).ok());
        let opened = Zeroizing::new(opened.ok_or(UnwrapError::NotForUs)?);
        let secret = opened.as_slice().try_into().map_err(|_| UnwrapError::NotForUs)?;
        let key = GroupKey::new(self.epoch, secret);
        if commitment(&self.terms.grid, &key) == self.commitment { Ok(key) } else { Err(UnwrapError::Commitment) }
    }

    /// Signs the document with the grid's key.
    ///
    /// # Errors
    /// A limit; `Malformed` when the key is another grid's.
    pub fn sign(&self, secret: &GridSecret) -> Result<VerifiedKeyEpoch, KeyEpochError> {
        if secret.id() != self.terms.grid {
            return Err(KeyEpochError::Malformed);
        }
        let wire = WireKeyEpoch {
            version: KEY_EPOCH_VERSION,
            grid: *self.terms.grid.as_bytes(),
            seq: self.terms.seq,
            issued_hours: self.terms.issued.hours(),
            next_update_hours: self.terms.next_update_hours,
            epoch: self.epoch.get(),
            ephemeral: self.ephemeral,
            commitment: self.commitment,
            slots: &self.slots,
        };
        let body = postcard::to_allocvec(&wire).map_err(|_| KeyEpochError::Malformed)?;
        let signature = secret.sign(Context::KeyEpoch, &body);
        let SignedKeyEpoch { bytes, document } = SignedKeyEpoch::decode(&[&body[..], &signature].concat())?;
        Ok(VerifiedKeyEpoch { bytes, document })
    }
}

fn cipher(shared: &[u8; 32], grid: &GridId, epoch: Epoch, ephemeral: &[u8; 32], member: &NodeId) -> XChaCha20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    let info = [&grid.as_bytes()[..], &epoch.get().to_be_bytes(), ephemeral, member.as_bytes()];
    // Fails for more than 255 hashes' worth alone.
    let _ = Hkdf::<Sha256>::new(Some(WRAP_LABEL), shared).expand_multi_info(&info, &mut *key);
    XChaCha20Poly1305::new((&*key).into())
}

fn commitment(grid: &GridId, key: &GroupKey) -> [u8; 32] {
    let mut commitment = [0; 32];
    let info = [&grid.as_bytes()[..], &key.epoch().get().to_be_bytes()];
    let _ = Hkdf::<Sha256>::new(Some(COMMITMENT_LABEL), key.secret()).expand_multi_info(&info, &mut commitment);
    commitment
}

/// A well-formed key epoch whose signature nobody has checked.
///
/// # Security
/// It is anybody's. It may be used to refuse it, never to take a key from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedKeyEpoch {
    bytes: Box<[u8]>,
    document: KeyEpoch,
}

impl SignedKeyEpoch {
    /// Takes bytes from anywhere: size, structure, canonical form and limits.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyEpochError> {
        if bytes.len() > DOCUMENT_BYTES_MAX {
            return Err(KeyEpochError::TooLarge);
        }
        let (body, _) = wire::split(bytes).ok_or(KeyEpochError::TooShort)?;
        if body.first() != Some(&KEY_EPOCH_VERSION) {
            return Err(KeyEpochError::Version);
        }
        let wire = wire::read::<WireKeyEpoch<'_>, { DOCUMENT_BYTES_MAX - SIGNATURE_BYTES }>(body)?;
        if !(1..=NEXT_UPDATE_HOURS_MAX).contains(&wire.next_update_hours) {
            return Err(KeyEpochError::NextUpdate);
        }
        let (slots, _) = wire.slots.as_chunks::<SLOT_BYTES>();
        if wire.slots.len() != SLOTS_BYTES || !slots.is_sorted_by(|a, b| a < b) {
            return Err(KeyEpochError::Slots);
        }
        let terms = EpochTerms {
            grid: GridId::from_bytes(wire.grid),
            seq: wire.seq,
            issued: Timestamp::from_hours(wire.issued_hours),
            next_update_hours: wire.next_update_hours,
        };
        let document = KeyEpoch {
            terms,
            epoch: Epoch::new(wire.epoch).ok_or(KeyEpochError::Epoch)?,
            ephemeral: wire.ephemeral,
            commitment: wire.commitment,
            slots: wire.slots.into(),
        };
        Ok(Self { bytes: bytes.into(), document })
    }

    /// What it claims, unverified.
    pub const fn document(&self) -> &KeyEpoch {
        &self.document
    }

    /// The bytes received.
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks the signature by the grid that the document names.
    ///
    /// # Errors
    /// When it does not hold.
    ///
    /// # Security
    /// Whether that grid is the right one is for the caller to ask.
    pub fn verify(self) -> Result<VerifiedKeyEpoch, SignatureError> {
        verify_signature(Context::KeyEpoch, self.document.terms.grid.as_bytes(), &self.bytes)?;
        Ok(VerifiedKeyEpoch { bytes: self.bytes, document: self.document })
    }
}

/// A key epoch its grid did sign. [`SignedKeyEpoch::verify`] and [`KeyEpoch::sign`] are the only ways to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedKeyEpoch {
    bytes: Box<[u8]>,
    document: KeyEpoch,
}

impl VerifiedKeyEpoch {
    /// What the grid says.
    pub const fn document(&self) -> &KeyEpoch {
        &self.document
    }

    /// The bytes received or signed.
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
