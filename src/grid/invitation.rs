//! One line that lets a friend in: a one-use key with a grant for it, where the introducers are, and nothing else.
//!
//! Whoever is invited makes a key of their own and lets the one-use key grant to it ([`Invitation::redeem`]), offline. No
//! introducer lists two nodes through one such key at a time, and it ends within two weeks.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::str::FromStr;

use bech32::{Bech32m, Hrp, primitives::decode::CheckedHrpstring};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{
    chain::{Chain, ChainError, VerifiedChain},
    grant::{Grant, GrantKind, GrantSignError, SignedGrant},
    known::KnownGrants,
    wire::{self, BodyError},
};
use crate::record::{
    Address, AddressKind, Epoch, GRANTS_MAX, GridId, GroupKey, NodeId, NodeSecret, OnionAddress, SignatureError,
    Timestamp, WireAddress,
};

/// First byte of every invitation.
const VERSION: u8 = 1;
/// What the checksum of its text covers: the code behind bech32m finds any three wrong characters among 1023.
pub const INVITATION_BYTES_MAX: usize = 620;
/// What people use together is about three.
pub const INTRODUCERS_PER_INVITATION_MAX: usize = 4;
/// In front of what a client's secret is derived from.
const CLIENT_CONTEXT: &[u8] = b"anteroom client key v1";
/// Human-readable prefix of the text form.
const PREFIX: &str = "anteroom-invite";
/// Characters that [`INVITATION_BYTES_MAX`] come to, with prefix and checksum.
const TEXT_CHARACTERS_MAX: usize = 1023;

/// Why a text is not an invitation. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvitationError {
    /// Checksum, alphabet or length.
    #[error("not an invitation, or a character of it is wrong or missing")]
    Checksum,
    /// Another kind of text, such as an id.
    #[error("this is something else: an invitation starts with `anteroom-invite1`")]
    WrongPrefix,
    /// A version this software does not know.
    #[error("an invitation of another version")]
    Version,
    /// Not the structure of an invitation.
    #[error("not the structure of an invitation")]
    Malformed,
    /// Bytes behind the last field.
    #[error("bytes behind the end of the invitation")]
    TrailingBytes,
    /// Another spelling of what has exactly one.
    #[error("another spelling of an invitation: it is written exactly as it was printed")]
    NotCanonical,
    /// More than its checksum covers.
    #[error("larger than 620 bytes: name fewer introducers, or invite from nearer to the grid's key")]
    TooLarge,
    /// None, more than four, one twice, or one in the open.
    #[error("an invitation names 1 to 4 introducers, each once, by onion or I2P address")]
    Introducers,
    /// A group key of epoch 0, which is none.
    #[error("its group key is of no epoch")]
    GroupKey,
    /// Its grants do not lead to its key.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The grant for its key is not one of an invitation.
    #[error("its last grant is not for the key of an invitation")]
    Lasting,
    /// A signature of its grants does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl From<BodyError> for InvitationError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed => Self::Malformed,
            BodyError::TrailingBytes => Self::TrailingBytes,
            BodyError::NotCanonical => Self::NotCanonical,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct WireInvitation<'a> {
    version: u8,
    secret: [u8; 32],
    #[serde(borrow)]
    grants: Vec<&'a [u8]>,
    #[serde(borrow)]
    introducers: Vec<WireAddress<'a>>,
    keys: WireKeys,
}

/// What opens doors beside the grants. The first two are the spelling of an optional client key.
#[derive(Serialize, Deserialize)]
enum WireKeys {
    None,
    Client([u8; 32]),
    Group(WireGroupKey),
    Both([u8; 32], WireGroupKey),
}

#[derive(Serialize, Deserialize)]
struct WireGroupKey {
    epoch: u32,
    secret: [u8; 32],
}

impl WireKeys {
    fn new(client: Option<&[u8; 32]>, group: Option<&GroupKey>) -> Self {
        let group = group.map(|key| WireGroupKey { epoch: key.epoch().get(), secret: *key.secret() });
        match (client, group) {
            (None, None) => Self::None,
            (Some(client), None) => Self::Client(*client),
            (None, Some(group)) => Self::Group(group),
            (Some(client), Some(group)) => Self::Both(*client, group),
        }
    }

    const fn parts(&self) -> (Option<&[u8; 32]>, Option<&WireGroupKey>) {
        match self {
            Self::None => (None, None),
            Self::Client(client) => (Some(client), None),
            Self::Group(group) => (None, Some(group)),
            Self::Both(client, group) => (Some(client), Some(group)),
        }
    }
}

impl Drop for WireInvitation<'_> {
    fn drop(&mut self) {
        self.secret.zeroize();
        match &mut self.keys {
            WireKeys::None => {}
            WireKeys::Client(client) => client.zeroize(),
            WireKeys::Group(group) => group.secret.zeroize(),
            WireKeys::Both(client, group) => {
                client.zeroize();
                group.secret.zeroize();
            }
        }
    }
}

/// A way into a grid for one who is trusted with it.
///
/// # Security
/// Whoever reads its text can use it. Neither `Debug` nor `Clone`; its secrets are wiped when dropped.
pub struct Invitation {
    grid: GridId,
    secret: NodeSecret,
    seed: Zeroizing<[u8; 32]>,
    grants: Vec<Box<[u8]>>,
    chain: VerifiedChain,
    introducers: Vec<Address>,
    client_key: Option<Zeroizing<[u8; 32]>>,
    group_key: Option<GroupKey>,
}

impl Invitation {
    /// For the holder of `seed`'s key, to whom the last of `grants` must grant. `client_key` opens onion services that
    /// answer only to known readers (x25519, as in tor's client authorization); `group_key` opens the records of a sealed
    /// grid.
    ///
    /// # Errors
    /// See [`InvitationError`]; the signatures are checked.
    pub fn new(
        seed: [u8; 32],
        grants: &[impl AsRef<[u8]>],
        introducers: Vec<Address>,
        client_key: Option<[u8; 32]>,
        group_key: Option<GroupKey>,
    ) -> Result<Self, InvitationError> {
        let (seed, client_key) = (Zeroizing::new(seed), client_key.map(Zeroizing::new));
        let secret = NodeSecret::from_seed(*seed);
        // The link that redeems it has to find room.
        if grants.len() >= GRANTS_MAX {
            return Err(ChainError::TooLong.into());
        }
        let last = grants.last().ok_or(ChainError::Empty)?;
        let last = SignedGrant::decode(last.as_ref()).map_err(ChainError::Grant)?;
        let grid = last.claims().grid;
        let chain = Chain::read_to_key(&grid, &secret.id(), grants)?;
        if last.claims().kind != GrantKind::Invitation {
            return Err(InvitationError::Lasting);
        }
        refuse_introducers(&introducers)?;
        let chain = chain.verify(&KnownGrants::new(0))?;
        let grants = grants.iter().map(|grant| grant.as_ref().into()).collect();
        Ok(Self { grid, secret, seed, grants, chain, introducers, client_key, group_key })
    }

    /// The one line.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn to_text(&self) -> Result<Zeroizing<String>, InvitationError> {
        let wire = WireInvitation {
            version: VERSION,
            secret: *self.seed,
            grants: self.grants.iter().map(|grant| &**grant).collect(),
            introducers: self.introducers.iter().map(WireAddress::from).collect(),
            keys: WireKeys::new(self.client_key(), self.group_key()),
        };
        let mut buffer = Zeroizing::new([0; INVITATION_BYTES_MAX]);
        let bytes = postcard::to_slice(&wire, &mut *buffer).map_err(|_| InvitationError::TooLarge)?;
        write(bytes)
    }

    /// The grid it leads into.
    pub const fn grid(&self) -> GridId {
        self.grid
    }

    /// The one-use key.
    pub fn key(&self) -> NodeId {
        self.secret.id()
    }

    /// What it allows, and for how long.
    pub const fn chain(&self) -> &VerifiedChain {
        &self.chain
    }

    /// Where the grid's introducers are.
    pub fn introducers(&self) -> &[Address] {
        &self.introducers
    }

    /// The seed of the keys that open the introducers' onion services to whoever was invited.
    pub fn client_key(&self) -> Option<&[u8; 32]> {
        self.client_key.as_deref()
    }

    /// The x25519 secret for one of these services, if their clients need one: SHA-256 of a context, the seed, and the
    /// service's public key. Each service has a key of its own, so that their operators' lists can't be joined.
    pub fn client_secret(&self, service: &OnionAddress) -> Option<Zeroizing<[u8; 32]>> {
        let seed = self.client_key.as_deref()?;
        let hash = Sha256::new().chain_update(CLIENT_CONTEXT).chain_update(seed).chain_update(service.key());
        Some(Zeroizing::new(hash.finalize().into()))
    }

    /// The key that opens the records of a sealed grid.
    pub const fn group_key(&self) -> Option<&GroupKey> {
        self.group_key.as_ref()
    }

    /// Uses it for `node`: the grants that stand in the records of that node until the invitation ends.
    ///
    /// # Errors
    /// When it has ended at `now`, as no grant holds for 0 hours.
    ///
    /// # Security
    /// For one node, once: a second one is evidence against whoever was invited.
    pub fn redeem(&self, node: NodeId, now: Timestamp) -> Result<Vec<Vec<u8>>, GrantSignError> {
        let hours = self.chain.expires().hours_since(now);
        let grant = Grant {
            grid: self.grid,
            issuer: Some(self.secret.id()),
            subject: node,
            kind: GrantKind::Lasting,
            rights: self.chain.rights().clone(),
            depth: 0,
            issued: now,
            lifetime_hours: u16::try_from(hours).unwrap_or(u16::MAX),
        };
        let redeemed = grant.sign_by_member(&self.secret)?;
        let mut grants: Vec<Vec<u8>> = self.grants.iter().map(|grant| grant.to_vec()).collect();
        grants.push(redeemed.bytes().to_vec());
        Ok(grants)
    }
}

impl FromStr for Invitation {
    type Err = InvitationError;

    fn from_str(text: &str) -> Result<Self, InvitationError> {
        let bytes = read(text)?;
        if bytes.first() != Some(&VERSION) {
            return Err(InvitationError::Version);
        }
        let wire = wire::read::<WireInvitation<'_>, INVITATION_BYTES_MAX>(&bytes)?;
        let introducers = wire.introducers.iter().map(|address| Address::try_from(address.clone()));
        let introducers = introducers.collect::<Result<_, _>>().map_err(|_| InvitationError::Introducers)?;
        let (client_key, group_key) = wire.keys.parts();
        let group_key = match group_key {
            Some(key) => Some(GroupKey::new(Epoch::new(key.epoch).ok_or(InvitationError::GroupKey)?, key.secret)),
            None => None,
        };
        Self::new(wire.secret, &wire.grants, introducers, client_key.copied(), group_key)
    }
}

fn refuse_introducers(introducers: &[Address]) -> Result<(), InvitationError> {
    let clearnet = introducers.iter().any(|address| address.kind() == AddressKind::Clearnet);
    let twice = |(index, address)| introducers.iter().take(index).any(|earlier| earlier == address);
    let fits = (1..=INTRODUCERS_PER_INVITATION_MAX).contains(&introducers.len());
    if fits && !clearnet && !introducers.iter().enumerate().any(twice) {
        Ok(())
    } else {
        Err(InvitationError::Introducers)
    }
}

fn write(bytes: &[u8]) -> Result<Zeroizing<String>, InvitationError> {
    // Room for all of it at once: a string that grows leaves pieces of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(TEXT_CHARACTERS_MAX));
    let hrp = Hrp::parse(PREFIX).map_err(|_| InvitationError::WrongPrefix)?;
    bech32::encode_lower_to_fmt::<Bech32m, String>(&mut text, hrp, bytes).map_err(|_| InvitationError::TooLarge)?;
    Ok(text)
}

fn read(text: &str) -> Result<Zeroizing<Vec<u8>>, InvitationError> {
    if text.len() > TEXT_CHARACTERS_MAX {
        return Err(InvitationError::TooLarge);
    }
    let parsed = CheckedHrpstring::new::<Bech32m>(text).map_err(|_| InvitationError::Checksum)?;
    if parsed.hrp().as_str().to_ascii_lowercase() != PREFIX {
        return Err(InvitationError::WrongPrefix);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(TEXT_CHARACTERS_MAX));
    bytes.extend(parsed.byte_iter());
    // Upper case, and bits behind the last byte, would be other spellings.
    if bytes.len() > INVITATION_BYTES_MAX || *write(&bytes)? != text {
        return Err(InvitationError::NotCanonical);
    }
    Ok(bytes)
}
