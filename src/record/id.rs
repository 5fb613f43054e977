//! Node and grid ids: Ed25519 verifying keys, 32 raw bytes wherever they are compared, bech32m wherever a person reads.

use alloc::string::String;
use core::{fmt, str::FromStr};

use bech32::{Bech32m, Hrp};
use sha2::{Digest, Sha256};

/// The separator, 32 bytes in base32, the checksum (BIP 350).
const TEXT_CHARACTERS_BEHIND_PREFIX: usize = 1 + 52 + 6;

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Checksum, alphabet or length.
    #[error("not valid bech32m: a character is wrong or missing")]
    Checksum,
    /// Another kind of thing, such as a secret key where an id belongs.
    #[error("this is another kind of key: a text that starts with `{expected}1` is needed here")]
    WrongPrefix {
        /// The prefix that belongs here.
        expected: &'static str,
    },
    /// Not 32 bytes.
    #[error("it holds another number of bytes than a key has")]
    WrongLength,
    /// Upper or mixed case, or padding bits that are not zero: one id has one spelling.
    #[error("another spelling of an id: ids are written in lower case, exactly as they were printed")]
    NotCanonical,
}

/// Decodes bech32m into 32 bytes. Checksum first, so that a typing error is called a typing error.
pub(super) fn decode_text(text: &str, prefix: &'static str) -> Result<[u8; 32], IdError> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(IdError::NotCanonical);
    }
    let parsed = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(text).map_err(|_| IdError::Checksum)?;
    if parsed.hrp().as_str() != prefix {
        return Err(IdError::WrongPrefix { expected: prefix });
    }
    let mut bytes = [0; 32];
    let mut decoded = parsed.byte_iter();
    for slot in &mut bytes {
        *slot = decoded.next().ok_or(IdError::WrongLength)?;
    }
    if decoded.next().is_some() {
        return Err(IdError::WrongLength);
    }
    // The last of 52 characters holds one bit of the key and four of padding. BIP 350 leaves those to its user and the
    // checksum covers them: unless they are zero, an id had 16 spellings.
    match parsed.fe32_iter().last() {
        Some(last) if last.to_u8() & 0x0f == 0 => Ok(bytes),
        _ => Err(IdError::NotCanonical),
    }
}

/// Writes 32 bytes as bech32m.
pub(super) fn encode_text(bytes: &[u8; 32], prefix: &'static str) -> String {
    // Room for the whole text at once: a string that grows leaves pieces of a secret behind where it was before.
    let mut text = String::with_capacity(prefix.len() + TEXT_CHARACTERS_BEHIND_PREFIX);
    // The error cases of the crate (bad prefix, over-long) can't occur for a constant prefix and 32 bytes.
    if let Ok(hrp) = Hrp::parse(prefix) {
        let _ = bech32::encode_lower_to_fmt::<Bech32m, String>(&mut text, hrp, bytes);
    }
    text
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Human-readable prefix of the text form.
            pub const PREFIX: &'static str = $prefix;

            /// From the raw verifying key. Whether the bytes are a point of the curve shows when a signature is verified.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The raw verifying key.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&encode_text(&self.0, Self::PREFIX))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                decode_text(text, Self::PREFIX).map(Self)
            }
        }
    };
}

id!(
    /// A node: the verifying key its records are signed with. Text form `node1…`.
    NodeId,
    "node"
);
id!(
    /// A grid: the verifying key of whoever runs it. Text form `grid1…`.
    GridId,
    "grid"
);

/// The shelf a node's record stands on: SHA-256 of the grid and the node, so that a prefix of it names a crowd and no
/// node can choose its neighbours in another grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HashedNodeId([u8; 32]);

impl HashedNodeId {
    /// Hash of `node` in `grid`.
    pub fn new(grid: &GridId, node: &NodeId) -> Self {
        let hash = Sha256::new()
            .chain_update(b"anteroom v1 shelf\0")
            .chain_update(grid.as_bytes())
            .chain_update(node.as_bytes())
            .finalize();
        Self(hash.into())
    }

    /// From bytes that came over the wire as a prefix or a position.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// This hash with all but its first `bits` set to `fill` (0 or 1): the ends of the shelf the prefix names.
    pub fn with_tail(&self, bits: u16, fill: bool) -> Self {
        let mut bytes = self.0;
        for (index, byte) in bytes.iter_mut().enumerate() {
            let kept = usize::from(bits).saturating_sub(index * 8).min(8);
            let tail = 0xff_u8.checked_shr(kept as u32).unwrap_or(0);
            *byte = if fill { *byte | tail } else { *byte & !tail };
        }
        Self(bytes)
    }
}
