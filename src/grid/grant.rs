//! One link of a chain: who grants what to whom, and until when.

use alloc::{boxed::Box, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    rights::{Rights, ServiceSet},
    wire::{self, BodyError},
};
use crate::record::{
    Context, GRANT_BYTES_MAX, GRANTS_MAX, GridId, GridSecret, NodeId, NodeSecret, SIGNATURE_BYTES, SignatureError,
    Timestamp, verify_signature,
};

/// First byte of every grant.
pub const GRANT_VERSION: u8 = 1;
/// Two years: a key nobody has anymore is out by then, and so is the entry that revokes one.
pub const GRANT_LIFETIME_HOURS_MAX: u16 = 2 * 366 * 24;
/// Two weeks: an invitation is a secret on its way through other people's hands.
pub const INVITATION_LIFETIME_HOURS_MAX: u16 = 14 * 24;
/// Links that may follow a first one.
const DEPTH_MAX: u8 = GRANTS_MAX as u8 - 1;

/// Why bytes are not a grant. No signature has been looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantDecodeError {
    /// More than a record has room for.
    #[error("a grant larger than 256 bytes")]
    TooLarge,
    /// Not even a signature's worth.
    #[error("too short to hold a grant and a signature")]
    TooShort,
    /// A version this software does not know.
    #[error("a grant of another version")]
    Version,
    /// Not the structure of a grant.
    #[error("not the structure of a grant")]
    Malformed,
    /// Bytes behind the last field.
    #[error("bytes behind the end of the grant")]
    TrailingBytes,
    /// Another spelling of what has exactly one.
    #[error("a grant that is not in canonical form")]
    NotCanonical,
    /// A claim breaks a limit.
    #[error(transparent)]
    Claim(#[from] GrantClaimError),
}

/// Which claim of a grant breaks which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantClaimError {
    /// 0 hours, or more than two years.
    #[error("a grant holds for 1 to 17568 hours (two years)")]
    Lifetime,
    /// Not `[a-z0-9-]{1,32}`.
    #[error("a service name is 1 to 32 characters of a-z, 0-9 and `-`")]
    ServiceName,
    /// Unsorted, or one name twice.
    #[error("the services of a grant must be sorted, each name once")]
    ServiceOrder,
    /// More than eight.
    #[error("a grant names at most 8 services; it may grant any instead")]
    TooManyServices,
    /// More links below than a chain has.
    #[error("a grant allows at most 3 further links")]
    Depth,
    /// An invitation's key grants to one key, which grants to nobody.
    #[error("an invitation allows exactly one further link")]
    InvitationDepth,
    /// More than two weeks.
    #[error("an invitation holds for at most 336 hours (two weeks)")]
    InvitationLifetime,
}

impl From<BodyError> for GrantDecodeError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed => Self::Malformed,
            BodyError::TrailingBytes => Self::TrailingBytes,
            BodyError::NotCanonical => Self::NotCanonical,
        }
    }
}

/// Why a grant is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantSignError {
    /// The key is another's.
    #[error("this key belongs to somebody else than the grant names as its issuer")]
    WrongKey,
    /// A claim is over its limit.
    #[error(transparent)]
    Grant(#[from] GrantDecodeError),
}

/// What a grant is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantKind {
    /// For a key that stays with its owner.
    Lasting,
    /// For the one-use key of an invitation, which grants once to the key of whoever was invited.
    Invitation,
}

/// What an issuer says of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// In this grid.
    pub grid: GridId,
    /// Who grants; `None`: the grid's own key.
    pub issuer: Option<NodeId>,
    /// To whom.
    pub subject: NodeId,
    /// For what.
    pub kind: GrantKind,
    /// What the subject may do.
    pub rights: Rights,
    /// So many links may follow this one.
    pub depth: u8,
    /// The hour it was signed in.
    pub issued: Timestamp,
    /// How many hours it holds from then on.
    pub lifetime_hours: u16,
}

#[derive(Serialize, Deserialize)]
struct WireGrant<'a> {
    version: u8,
    grid: [u8; 32],
    issuer: Option<[u8; 32]>,
    subject: [u8; 32],
    kind: GrantKind,
    /// `None`: any.
    #[serde(borrow)]
    services: Option<Vec<&'a str>>,
    introducer: bool,
    depth: u8,
    issued_hours: u32,
    lifetime_hours: u16,
}

impl Grant {
    /// The first hour in which it does not hold any more.
    pub const fn expires(&self) -> Timestamp {
        self.issued.plus_hours(self.lifetime_hours as u32)
    }

    /// Signs a first link.
    ///
    /// # Errors
    /// Another key than the grant names, or a claim over its limit.
    pub fn sign_by_grid(&self, secret: &GridSecret) -> Result<SignedGrant, GrantSignError> {
        if self.issuer.is_some() || secret.id() != self.grid {
            return Err(GrantSignError::WrongKey);
        }
        let body = self.encode()?;
        let signature = secret.sign(Context::Grant, &body);
        Ok(SignedGrant::decode(&[&body[..], &signature].concat())?)
    }

    /// Signs a link below another one.
    ///
    /// # Errors
    /// Another key than the grant names, or a claim over its limit.
    pub fn sign_by_member(&self, secret: &NodeSecret) -> Result<SignedGrant, GrantSignError> {
        if self.issuer != Some(secret.id()) {
            return Err(GrantSignError::WrongKey);
        }
        let body = self.encode()?;
        let signature = secret.sign(Context::Grant, &body);
        Ok(SignedGrant::decode(&[&body[..], &signature].concat())?)
    }

    fn encode(&self) -> Result<Vec<u8>, GrantDecodeError> {
        self.refuse_malformed()?;
        let services = match &self.rights.services {
            ServiceSet::Any => None,
            ServiceSet::Only(names) => Some(names.iter().map(|name| name.as_str()).collect()),
        };
        let wire = WireGrant {
            version: GRANT_VERSION,
            grid: *self.grid.as_bytes(),
            issuer: self.issuer.map(|issuer| *issuer.as_bytes()),
            subject: *self.subject.as_bytes(),
            kind: self.kind,
            services,
            introducer: self.rights.introducer,
            depth: self.depth,
            issued_hours: self.issued.hours(),
            lifetime_hours: self.lifetime_hours,
        };
        postcard::to_allocvec(&wire).map_err(|_| GrantDecodeError::Malformed)
    }

    fn refuse_malformed(&self) -> Result<(), GrantClaimError> {
        self.rights.refuse_malformed()?;
        if !(1..=GRANT_LIFETIME_HOURS_MAX).contains(&self.lifetime_hours) {
            return Err(GrantClaimError::Lifetime);
        }
        match self.kind {
            GrantKind::Lasting if self.depth > DEPTH_MAX => Err(GrantClaimError::Depth),
            GrantKind::Invitation if self.depth != 1 => Err(GrantClaimError::InvitationDepth),
            GrantKind::Invitation if self.lifetime_hours > INVITATION_LIFETIME_HOURS_MAX => {
                Err(GrantClaimError::InvitationLifetime)
            }
            _ => Ok(()),
        }
    }
}

impl TryFrom<WireGrant<'_>> for Grant {
    type Error = GrantClaimError;

    fn try_from(wire: WireGrant<'_>) -> Result<Self, GrantClaimError> {
        let grant = Self {
            grid: GridId::from_bytes(wire.grid),
            issuer: wire.issuer.map(NodeId::from_bytes),
            subject: NodeId::from_bytes(wire.subject),
            kind: wire.kind,
            rights: Rights::from_wire(wire.services, wire.introducer)?,
            depth: wire.depth,
            issued: Timestamp::from_hours(wire.issued_hours),
            lifetime_hours: wire.lifetime_hours,
        };
        grant.refuse_malformed()?;
        Ok(grant)
    }
}

/// A well-formed grant whose signature nobody has checked; a [`Chain`](super::Chain) checks it.
///
/// # Security
/// Its claims are anybody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedGrant {
    bytes: Box<[u8]>,
    claims: Grant,
}

impl SignedGrant {
    /// Takes bytes from anywhere: size, structure, canonical form and limits.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, GrantDecodeError> {
        if bytes.len() > GRANT_BYTES_MAX {
            return Err(GrantDecodeError::TooLarge);
        }
        let (body, _) = wire::split(bytes).ok_or(GrantDecodeError::TooShort)?;
        if body.first() != Some(&GRANT_VERSION) {
            return Err(GrantDecodeError::Version);
        }
        let wire = wire::read::<WireGrant<'_>, { GRANT_BYTES_MAX - SIGNATURE_BYTES }>(body)?;
        Ok(Self { claims: wire.try_into()?, bytes: bytes.into() })
    }

    /// What it claims, unverified.
    pub const fn claims(&self) -> &Grant {
        &self.claims
    }

    /// The bytes received.
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One signature check, by the issuer that the grant names.
    pub(super) fn check(&self) -> Result<(), SignatureError> {
        let issuer = self.claims.issuer.as_ref().map_or(self.claims.grid.as_bytes(), NodeId::as_bytes);
        verify_signature(Context::Grant, issuer, &self.bytes)
    }
}
