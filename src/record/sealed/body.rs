//! The part of a sealed record that members read: sealed, and opened.

use alloc::vec::Vec;

use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead as _, KeyInit as _, Payload},
};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    claims::{SEALED_RECORD_VERSION, SealedClaims, VerifiedSealed},
    tags::{TAG_BYTES, TAGS, tags_of},
};
use crate::record::{
    ClaimError, ContactRecord, GroupKey, Nickname, NodeSecret, Service, SignError, VerifiedRecord,
    encoding::WireService,
};

/// Nickname, services and padding: what is left of 2 KiB with four of the largest grants, which is some five services
/// with two onion addresses and a few attributes each.
pub const SEALED_TEXT_BYTES: usize = 640;
/// Of XChaCha20: drawn at random for each record.
pub const SEALED_NONCE_BYTES: usize = 24;
/// The whole body, one size for all.
pub const SEALED_BODY_BYTES: usize = COMMITMENT_BYTES + SEALED_NONCE_BYTES + SEALED_TEXT_BYTES + AUTHENTICATOR_BYTES;
const COMMITMENT_BYTES: usize = 32;
const AUTHENTICATOR_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
const LABEL: &[u8] = b"anteroom v1 sealed body\0";
/// Version, grid, node, seq, issued, lifetime, withdrawn, epoch, tags.
const ASSOCIATED_BYTES: usize = 1 + 32 + 32 + 8 + 4 + 2 + 1 + 4 + TAGS * TAG_BYTES;

/// Why a record is not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// More services than there are tags.
    #[error("a sealed record offers at most 8 services")]
    TooManyServices,
    /// More than its one size holds.
    #[error("nickname, addresses and attributes of a sealed record have room for 640 bytes together")]
    TooLarge,
    /// A claim over its limit, or another node's key.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Why a sealed record that its node signed is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Sealed under the key of another epoch.
    #[error("sealed under the group key of another epoch")]
    Epoch,
    /// Sealed under another key of this epoch: another grid's, or a wrong one.
    #[error("sealed under another group key")]
    Commitment,
    /// The body was made for another record, or changed.
    #[error("its body is not this record's")]
    Body,
    /// The text is not a nickname and services in their one spelling.
    #[error("its text is not in canonical form")]
    Text,
    /// A claim of the text breaks a limit.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// Marked withdrawn with services, or not marked without.
    #[error("it is marked as a withdrawal and offers something, or the other way round")]
    Withdrawn,
    /// Listed under other tags than its services have.
    #[error("its tags are not those of its services")]
    Tags,
}

#[derive(Serialize, Deserialize)]
struct WireText<'a> {
    nickname: Option<&'a str>,
    #[serde(borrow)]
    services: Vec<WireService<'a>>,
}

/// What is derived for one body.
struct BodyKeys {
    key: Zeroizing<[u8; KEY_BYTES]>,
    commitment: [u8; COMMITMENT_BYTES],
}

impl BodyKeys {
    fn new(key: &GroupKey, grid: &[u8; 32], nonce: &[u8; SEALED_NONCE_BYTES]) -> Self {
        let mut both = Zeroizing::new([0; KEY_BYTES + COMMITMENT_BYTES]);
        let epoch = key.epoch().get().to_be_bytes();
        // Fails for more than 255 hashes' worth alone.
        let _ = Hkdf::<Sha256>::new(Some(LABEL), key.secret()).expand_multi_info(&[grid, &epoch, nonce], &mut *both);
        let (mut derived, mut commitment) = (Zeroizing::new([0; KEY_BYTES]), [0; COMMITMENT_BYTES]);
        let (first, second) = both.split_at(KEY_BYTES);
        derived.copy_from_slice(first);
        commitment.copy_from_slice(second);
        Self { key: derived, commitment }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.key).into())
    }
}

impl ContactRecord {
    /// Seals the record under the group's key and signs it with the key of the node it names. `nonce` comes from a
    /// cryptographic generator and is used once.
    ///
    /// # Errors
    /// More than a sealed record holds, a claim over its limit, or a key of another node.
    pub fn seal(
        &self,
        key: &GroupKey,
        nonce: [u8; SEALED_NONCE_BYTES],
        secret: &NodeSecret,
    ) -> Result<VerifiedRecord, SealError> {
        self.refuse_malformed().map_err(|error| SignError::Record(error.into()))?;
        let names = self.services.iter().map(|service| &service.name);
        let mut claims = SealedClaims {
            grid: self.grid,
            node: self.node,
            seq: self.seq,
            issued: self.issued,
            lifetime: self.lifetime,
            withdrawn: self.is_withdrawal(),
            epoch: key.epoch(),
            tags: tags_of(key, &self.grid, &self.node, names).ok_or(SealError::TooManyServices)?,
            body: Vec::new().into(),
            grants: self.grants.clone(),
        };
        let text = text(self.nickname.as_ref(), &self.services).ok_or(SealError::TooLarge)?;
        let keys = BodyKeys::new(key, self.grid.as_bytes(), &nonce);
        let payload = Payload { msg: &*text, aad: &associated(&claims) };
        // Fails for more than 256 GiB alone.
        let sealed = keys.cipher().encrypt((&nonce).into(), payload).map_err(|_| SealError::TooLarge)?;
        claims.body = [&keys.commitment[..], &nonce, &sealed].concat().into();
        let signed = claims.sign(secret)?;
        Ok(VerifiedRecord::of_sealed(signed.bytes, self.clone()))
    }
}

impl VerifiedSealed {
    /// Reads the record with the group's key of its epoch.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn open(self, key: &GroupKey) -> Result<VerifiedRecord, OpenError> {
        let Self { bytes, claims } = self;
        let (nickname, services) = read(&claims, key)?;
        let SealedClaims { grid, node, seq, issued, lifetime, grants, .. } = claims;
        let record = ContactRecord { grid, node, seq, issued, lifetime, nickname, services, grants };
        record.refuse_malformed()?;
        if claims.withdrawn != record.is_withdrawal() {
            return Err(OpenError::Withdrawn);
        }
        let names = record.services.iter().map(|service| &service.name);
        if tags_of(key, &grid, &node, names) != Some(claims.tags) {
            return Err(OpenError::Tags);
        }
        Ok(VerifiedRecord::of_sealed(bytes, record))
    }
}

fn read(claims: &SealedClaims, key: &GroupKey) -> Result<(Option<Nickname>, Vec<Service>), OpenError> {
    if claims.epoch != key.epoch() {
        return Err(OpenError::Epoch);
    }
    let (commitment, rest) = claims.body.split_first_chunk::<COMMITMENT_BYTES>().ok_or(OpenError::Body)?;
    let (nonce, sealed) = rest.split_first_chunk::<SEALED_NONCE_BYTES>().ok_or(OpenError::Body)?;
    let keys = BodyKeys::new(key, claims.grid.as_bytes(), nonce);
    // No secret: whoever has the record reads its commitment, and one that was guessed opens nothing.
    if keys.commitment != *commitment {
        return Err(OpenError::Commitment);
    }
    let payload = Payload { msg: sealed, aad: &associated(claims) };
    let text = Zeroizing::new(keys.cipher().decrypt(nonce.into(), payload).map_err(|_| OpenError::Body)?);
    let (wire, _) = postcard::take_from_bytes::<WireText<'_>>(&text).map_err(|_| OpenError::Text)?;
    let mut again = Zeroizing::new([0; SEALED_TEXT_BYTES]);
    postcard::to_slice(&wire, &mut *again).map_err(|_| OpenError::Text)?;
    // The zeros behind it, too.
    if again[..] != text[..] {
        return Err(OpenError::Text);
    }
    let nickname = wire.nickname.map(str::parse).transpose()?;
    Ok((nickname, wire.services.into_iter().map(Service::try_from).collect::<Result<_, _>>()?))
}

/// `None` when it does not fit.
fn text(nickname: Option<&Nickname>, services: &[Service]) -> Option<Zeroizing<[u8; SEALED_TEXT_BYTES]>> {
    let wire = WireText {
        nickname: nickname.map(Nickname::as_str),
        services: services.iter().map(WireService::from).collect(),
    };
    let mut text = Zeroizing::new([0; SEALED_TEXT_BYTES]);
    postcard::to_slice(&wire, &mut *text).ok()?;
    Some(text)
}

/// What the body is bound to.
fn associated(claims: &SealedClaims) -> Vec<u8> {
    let mut data = Vec::with_capacity(ASSOCIATED_BYTES);
    data.push(SEALED_RECORD_VERSION);
    data.extend_from_slice(claims.grid.as_bytes());
    data.extend_from_slice(claims.node.as_bytes());
    data.extend_from_slice(&claims.seq.to_be_bytes());
    data.extend_from_slice(&claims.issued.hours().to_be_bytes());
    data.extend_from_slice(&claims.lifetime.hours().to_be_bytes());
    data.push(claims.withdrawn.into());
    data.extend_from_slice(&claims.epoch.get().to_be_bytes());
    claims.tags.iter().for_each(|tag| data.extend_from_slice(tag.as_bytes()));
    data
}
