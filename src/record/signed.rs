//! Signed bytes: `encoding ‖ signature`. What came in is what is verified, stored and served.

use alloc::{boxed::Box, vec::Vec};

use ed25519_dalek::{Signature, VerifyingKey};

use super::{
    contact::ContactRecord,
    context::Context,
    encoding::{self, RecordDecodeError},
    sealed::SEALED_RECORD_VERSION,
    secret::NodeSecret,
};

/// A whole signed record. Room for several services on two networks; small enough that a million fit a small machine.
pub const RECORD_BYTES_MAX: usize = 2048;
/// Ed25519 (RFC 8032).
pub const SIGNATURE_BYTES: usize = 64;

/// The signature does not hold for these bytes and the node they name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not hold")]
pub struct SignatureError;

/// Why a record is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The key is another node's.
    #[error("this key belongs to another node than the record names")]
    WrongKey,
    /// A claim is over its limit, or the whole record is.
    #[error(transparent)]
    Record(#[from] RecordDecodeError),
}

/// A well-formed record whose signature nobody has checked.
///
/// # Security
/// Its claims are anybody's. They may be used to refuse it, never to change or show anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRecord {
    bytes: Box<[u8]>,
    claims: ContactRecord,
}

impl SignedRecord {
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
            Some((body, _)) => Ok(Self { claims: encoding::decode(body)?, bytes: bytes.into() }),
        }
    }

    /// What it claims, unverified.
    pub const fn claims(&self) -> &ContactRecord {
        &self.claims
    }

    /// The bytes received.
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn into_parts(self) -> (Box<[u8]>, ContactRecord) {
        (self.bytes, self.claims)
    }

    /// Checks the signature by the node the record names, over context and bytes received (`verify_strict`: no weak keys,
    /// no second spelling of a signature).
    ///
    /// # Errors
    /// When it does not hold.
    pub fn verify(self) -> Result<VerifiedRecord, SignatureError> {
        verify(Context::ContactRecord, self.claims.node.as_bytes(), &self.bytes)?;
        Ok(VerifiedRecord { bytes: self.bytes, claims: self.claims })
    }
}

/// A record its node did sign, and that can be read: it is clear, or was sealed or opened here. [`SignedRecord::verify`],
/// [`ContactRecord::sign`], [`ContactRecord::seal`] and [`VerifiedSealed::open`](super::VerifiedSealed::open) are the only
/// ways to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRecord {
    bytes: Box<[u8]>,
    claims: ContactRecord,
}

impl VerifiedRecord {
    /// What its node claims.
    pub const fn claims(&self) -> &ContactRecord {
        &self.claims
    }

    /// The bytes received or signed.
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Are the bytes a sealed record's?
    pub fn is_sealed(&self) -> bool {
        self.bytes.first() == Some(&SEALED_RECORD_VERSION)
    }

    /// `bytes` are signed by the node and say `claims` to whoever has the key.
    pub(super) const fn of_sealed(bytes: Box<[u8]>, claims: ContactRecord) -> Self {
        Self { bytes, claims }
    }
}

impl ContactRecord {
    /// Signs the record with the key of the node it names.
    ///
    /// # Errors
    /// A claim over its limit, a record over 2 KiB, or a key of another node.
    pub fn sign(&self, secret: &NodeSecret) -> Result<VerifiedRecord, SignError> {
        if secret.id() != self.node {
            return Err(SignError::WrongKey);
        }
        let mut bytes: Vec<u8> = encoding::encode(self)?;
        let signature = secret.sign(Context::ContactRecord, &bytes);
        bytes.extend_from_slice(&signature);
        let SignedRecord { bytes, claims } = SignedRecord::decode(&bytes)?;
        Ok(VerifiedRecord { bytes, claims })
    }
}

/// The one place where a signature is checked, by records and by what a grid signs.
pub(crate) fn verify(context: Context, key: &[u8; 32], signed: &[u8]) -> Result<(), SignatureError> {
    let (body, signature) = signed.split_last_chunk::<SIGNATURE_BYTES>().ok_or(SignatureError)?;
    let key = VerifyingKey::from_bytes(key).map_err(|_| SignatureError)?;
    key.verify_strict(&context.message(body), &Signature::from_bytes(signature)).map_err(|_| SignatureError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{GridId, Lifetime, Timestamp};

    #[test]
    fn a_signature_of_one_kind_verifies_for_no_other() {
        let secret = NodeSecret::from_seed([7; 32]);
        for made in Context::ALL {
            let body = b"the same body".as_slice();
            let signed = [body, &secret.sign(made, body)].concat();
            for checked in Context::ALL {
                assert_eq!(verify(checked, secret.id().as_bytes(), &signed).is_ok(), made == checked);
            }
        }
    }

    #[test]
    fn no_context_is_a_prefix_of_another() {
        for a in Context::ALL {
            for b in Context::ALL {
                assert!(a == b || !a.prefix().starts_with(b.prefix()));
            }
        }
    }

    #[test]
    fn a_key_signs_for_its_own_node_only() {
        let record = ContactRecord {
            grid: GridId::from_bytes([1; 32]),
            node: NodeSecret::from_seed([1; 32]).id(),
            seq: 1,
            issued: Timestamp::EPOCH,
            lifetime: Lifetime::MAX,
            nickname: None,
            services: Vec::new(),
            grants: Vec::new(),
        };
        assert!(record.sign(&NodeSecret::from_seed([2; 32])).is_err());
        assert!(record.sign(&NodeSecret::from_seed([1; 32])).is_ok());
    }
}
