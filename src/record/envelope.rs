//! A record as whoever keeps it sees it: clear or sealed, what it is listed by, and nothing of what it says.

use alloc::{boxed::Box, vec::Vec};

use super::{
    AddressKind, AddressKinds, ContactRecord, GridId, Lifetime, NodeId, RecordDecodeError, SEALED_RECORD_VERSION,
    SealedClaims, SealedRecord, Seq, ServiceName, SignatureError, SignedRecord, Tag, Timestamp,
};

/// What an introducer asks of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The grid it is for.
    pub grid: GridId,
    /// Who speaks.
    pub node: NodeId,
    /// Higher replaces lower.
    pub seq: Seq,
    /// The hour it was signed in.
    pub issued: Timestamp,
    /// How long it holds from then on.
    pub lifetime: Lifetime,
    /// The chain that lets it publish.
    pub grants: Vec<Vec<u8>>,
    /// The kinds of its addresses; none of a sealed one.
    pub addresses: AddressKinds,
    /// Nobody here can read it.
    pub sealed: bool,
    names: Vec<ServiceName>,
    withdrawn: bool,
}

impl Outline {
    /// The first hour in which it does not hold any more.
    pub const fn expires(&self) -> Timestamp {
        self.issued.plus_hours(self.lifetime.hours() as u32)
    }

    /// Does the node take back all it published?
    pub const fn is_withdrawal(&self) -> bool {
        self.withdrawn
    }

    /// What it is listed by: the names of its services, or their tags; nothing, when it is withdrawn.
    pub fn names(&self) -> &[ServiceName] {
        &self.names
    }

    /// The services it offers; `None` where they can't be read.
    pub fn services(&self) -> Option<&[ServiceName]> {
        if self.sealed { None } else { Some(&self.names) }
    }
}

impl From<ContactRecord> for Outline {
    fn from(claims: ContactRecord) -> Self {
        let has = |kind| claims.addresses().any(|address| address.kind() == kind);
        Self {
            addresses: AddressKinds {
                onion: has(AddressKind::Onion),
                i2p: has(AddressKind::I2p),
                clearnet: has(AddressKind::Clearnet),
            },
            grid: claims.grid,
            node: claims.node,
            seq: claims.seq,
            issued: claims.issued,
            lifetime: claims.lifetime,
            sealed: false,
            withdrawn: claims.is_withdrawal(),
            names: claims.services.into_iter().map(|service| service.name).collect(),
            grants: claims.grants,
        }
    }
}

impl From<SealedClaims> for Outline {
    fn from(claims: SealedClaims) -> Self {
        let tags = if claims.withdrawn { &[][..] } else { &claims.tags };
        Self {
            addresses: AddressKinds { onion: false, i2p: false, clearnet: false },
            grid: claims.grid,
            node: claims.node,
            seq: claims.seq,
            issued: claims.issued,
            lifetime: claims.lifetime,
            sealed: true,
            withdrawn: claims.withdrawn,
            names: tags.iter().map(Tag::name).collect(),
            grants: claims.grants,
        }
    }
}

/// A well-formed record, clear or sealed, whose signature nobody has checked.
///
/// # Security
/// Its claims are anybody's. They may be used to refuse it, never to change or show anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedEnvelope {
    bytes: Box<[u8]>,
    claims: Outline,
}

impl SignedEnvelope {
    /// Takes bytes from anywhere: size, structure, canonical form and limits.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordDecodeError> {
        if bytes.first() == Some(&SEALED_RECORD_VERSION) {
            let (bytes, claims) = SealedRecord::decode(bytes)?.into_parts();
            return Ok(Self { bytes, claims: claims.into() });
        }
        let (bytes, claims) = SignedRecord::decode(bytes)?.into_parts();
        Ok(Self { bytes, claims: claims.into() })
    }

    /// What it claims, unverified.
    pub const fn claims(&self) -> &Outline {
        &self.claims
    }

    /// The bytes received.
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks the signature by the node the record names, over its context and the bytes received.
    ///
    /// # Errors
    /// When it does not hold.
    pub fn verify(self) -> Result<VerifiedEnvelope, SignatureError> {
        let context = if self.claims.sealed { super::Context::SealedRecord } else { super::Context::ContactRecord };
        super::signed::verify(context, self.claims.node.as_bytes(), &self.bytes)?;
        Ok(VerifiedEnvelope { bytes: self.bytes, claims: self.claims })
    }
}

/// A record its node did sign. [`SignedEnvelope::verify`] is the only way to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEnvelope {
    bytes: Box<[u8]>,
    claims: Outline,
}

impl VerifiedEnvelope {
    /// What everybody may know.
    pub const fn claims(&self) -> &Outline {
        &self.claims
    }

    /// The bytes received.
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes alone, for who keeps many.
    pub fn into_parts(self) -> (Box<[u8]>, Outline) {
        (self.bytes, self.claims)
    }
}
