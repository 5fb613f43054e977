//! The part of a sealed record that everybody reads: its claims, their one encoding, and the signature.

use alloc::{boxed::Box, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    body::SEALED_BODY_BYTES,
    tags::{TAG_BYTES, TAGS, Tag},
};
use crate::record::{
    ClaimError, Context, Epoch, GridId, Lifetime, NodeId, NodeSecret, RECORD_BYTES_MAX, RecordDecodeError,
    SIGNATURE_BYTES, Seq, SignError, SignatureError, Timestamp, contact, signed,
};

/// First byte of every sealed record.
pub const SEALED_RECORD_VERSION: u8 = 2;

/// What a sealed record says to whoever has no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedClaims {
    /// The grid it is for; another grid refuses it.
    pub grid: GridId,
    /// Who speaks.
    pub node: NodeId,
    /// Higher replaces lower.
    pub seq: Seq,
    /// The hour it was signed in.
    pub issued: Timestamp,
    /// How long it holds from then on.
    pub lifetime: Lifetime,
    /// The node takes back all it published.
    pub withdrawn: bool,
    /// Whose key opens it.
    pub epoch: Epoch,
    /// What it is listed under; sorted, each once.
    pub tags: [Tag; TAGS],
    /// What only members read: [`SEALED_BODY_BYTES`].
    pub body: Box<[u8]>,
    /// The chain that lets it publish, as signed bytes; empty in an open grid.
    pub grants: Vec<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct WireSealed<'a> {
    version: u8,
    grid: [u8; 32],
    node: [u8; 32],
    seq: u64,
    issued_hours: u32,
    lifetime_hours: u16,
    withdrawn: bool,
    epoch: u32,
    tags: [[u8; TAG_BYTES]; TAGS],
    body: &'a [u8],
    #[serde(borrow)]
    grants: Vec<&'a [u8]>,
}

impl SealedClaims {
    /// The first hour in which it does not hold any more.
    pub const fn expires(&self) -> Timestamp {
        self.issued.plus_hours(self.lifetime.hours() as u32)
    }

    /// Signs them with the key of the node they name.
    ///
    /// # Errors
    /// A claim over its limit, or a key of another node.
    ///
    /// # Security
    /// Whether the body is one is not looked at: [`ContactRecord::seal`](crate::record::ContactRecord::seal) makes whole
    /// records.
    pub fn sign(&self, secret: &NodeSecret) -> Result<VerifiedSealed, SignError> {
        if secret.id() != self.node {
            return Err(SignError::WrongKey);
        }
        let mut bytes = self.encode()?;
        let signature = secret.sign(Context::SealedRecord, &bytes);
        bytes.extend_from_slice(&signature);
        let SealedRecord { bytes, claims } = SealedRecord::decode(&bytes)?;
        Ok(VerifiedSealed { bytes, claims })
    }

    fn encode(&self) -> Result<Vec<u8>, RecordDecodeError> {
        let wire = WireSealed {
            version: SEALED_RECORD_VERSION,
            grid: *self.grid.as_bytes(),
            node: *self.node.as_bytes(),
            seq: self.seq,
            issued_hours: self.issued.hours(),
            lifetime_hours: self.lifetime.hours(),
            withdrawn: self.withdrawn,
            epoch: self.epoch.get(),
            tags: self.tags.map(|tag| *tag.as_bytes()),
            body: &self.body,
            grants: self.grants.iter().map(Vec::as_slice).collect(),
        };
        postcard::to_allocvec(&wire).map_err(|_| RecordDecodeError::Malformed)
    }

    /// The claims in `bytes`, which are exactly what [`Self::encode`] would write.
    fn decode(bytes: &[u8]) -> Result<Self, RecordDecodeError> {
        if bytes.first() != Some(&SEALED_RECORD_VERSION) {
            return Err(RecordDecodeError::Version);
        }
        let (wire, rest) =
            postcard::take_from_bytes::<WireSealed<'_>>(bytes).map_err(|_| RecordDecodeError::Malformed)?;
        if !rest.is_empty() {
            return Err(RecordDecodeError::TrailingBytes);
        }
        match postcard::to_slice(&wire, &mut [0; RECORD_BYTES_MAX]) {
            Ok(again) if *again == *bytes => {}
            _ => return Err(RecordDecodeError::NotCanonical),
        }
        let claims = Self::try_from(wire)?;
        contact::refuse_malformed_grants(&claims.grants)?;
        Ok(claims)
    }
}

impl TryFrom<WireSealed<'_>> for SealedClaims {
    type Error = ClaimError;

    fn try_from(wire: WireSealed<'_>) -> Result<Self, ClaimError> {
        if wire.body.len() != SEALED_BODY_BYTES {
            return Err(ClaimError::SealedBody);
        }
        if !wire.tags.is_sorted_by(|a, b| a < b) {
            return Err(ClaimError::TagOrder);
        }
        Ok(Self {
            grid: GridId::from_bytes(wire.grid),
            node: NodeId::from_bytes(wire.node),
            seq: wire.seq,
            issued: Timestamp::from_hours(wire.issued_hours),
            lifetime: Lifetime::from_hours(wire.lifetime_hours).ok_or(ClaimError::Lifetime)?,
            withdrawn: wire.withdrawn,
            epoch: Epoch::new(wire.epoch).ok_or(ClaimError::Epoch)?,
            tags: wire.tags.map(Tag::from_bytes),
            body: wire.body.into(),
            grants: wire.grants.into_iter().map(Vec::from).collect(),
        })
    }
}

/// A well-formed sealed record whose signature nobody has checked.
///
/// # Security
/// Its claims are anybody's. They may be used to refuse it, never to change or show anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    bytes: Box<[u8]>,
    claims: SealedClaims,
}

impl SealedRecord {
    /// Takes bytes from anywhere: size, structure, canonical form and limits.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordDecodeError> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(RecordDecodeError::TooLarge);
        }
        match bytes.split_last_chunk::<SIGNATURE_BYTES>() {
            None | Some(([], _)) => Err(RecordDecodeError::TooShort),
            Some((body, _)) => Ok(Self { claims: SealedClaims::decode(body)?, bytes: bytes.into() }),
        }
    }

    /// What it claims, unverified.
    pub const fn claims(&self) -> &SealedClaims {
        &self.claims
    }

    /// The bytes received.
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_parts(self) -> (Box<[u8]>, SealedClaims) {
        (self.bytes, self.claims)
    }

    /// Checks the signature by the node the record names, over context and bytes received.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn verify(self) -> Result<VerifiedSealed, SignatureError> {
        signed::verify(Context::SealedRecord, self.claims.node.as_bytes(), &self.bytes)?;
        Ok(VerifiedSealed { bytes: self.bytes, claims: self.claims })
    }
}

/// A sealed record its node did sign; [`VerifiedSealed::open`] reads it. [`SealedRecord::verify`] and
/// [`SealedClaims::sign`] are the only ways to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSealed {
    pub(super) bytes: Box<[u8]>,
    pub(super) claims: SealedClaims,
}

impl VerifiedSealed {
    /// What everybody may know.
    pub const fn claims(&self) -> &SealedClaims {
        &self.claims
    }

    /// The bytes received or signed.
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
