//! I2P destinations: `b32` (hash of the destination) and `b33` (encrypted lease set; I2P specification "B32 for Encrypted
//! Leasesets").

use alloc::string::String;
use core::fmt;

use data_encoding::BASE32_NOPAD;

use super::AddressError;

/// Flags a b33 address may carry: a secret is required (bit 1), client authorization is required (bit 2). Bit 0 (signature
/// types of two bytes) and the rest are not in use.
const FLAGS_KNOWN: u8 = 0b0000_0110;
/// Ed25519 and RedDSA-Ed25519: the two signature types that can be blinded.
const SIGNATURE_TYPES: [u8; 2] = [7, 11];
/// What both are blinded into: RedDSA-Ed25519.
const BLINDED_SIGNATURE_TYPE: u8 = 11;
/// 32 bytes in base32; the last character carries one bit.
const B32_CHARACTERS: usize = 52;
/// 35 bytes in base32.
const B33_CHARACTERS: usize = 56;

/// `<52>.b32.i2p:port` or `<56>.b32.i2p:port`. Port 0 means "any" in I2P.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct I2pAddress {
    host: I2pHost,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum I2pHost {
    Hash([u8; 32]),
    Blinded { flags: u8, signature_type: u8, key: [u8; 32] },
}

impl I2pAddress {
    /// From the SHA-256 of a destination.
    pub const fn from_hash(hash: [u8; 32], port: u16) -> Self {
        Self { host: I2pHost::Hash(hash), port }
    }

    /// From the parts of a b33 address.
    ///
    /// # Errors
    /// `I2pChecksum` for unknown flags or a signature type that can't be blinded.
    pub fn from_blinded(flags: u8, signature_type: u8, key: [u8; 32], port: u16) -> Result<Self, AddressError> {
        if flags & !FLAGS_KNOWN != 0 || !SIGNATURE_TYPES.contains(&signature_type) {
            return Err(AddressError::I2pChecksum);
        }
        Ok(Self { host: I2pHost::Blinded { flags, signature_type, key }, port })
    }

    pub(super) fn from_label(label: &str, port: u16) -> Result<Self, AddressError> {
        if label.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(AddressError::I2pForm);
        }
        let decode = || BASE32_NOPAD.decode(label.to_ascii_uppercase().as_bytes()).map_err(|_| AddressError::I2pForm);
        match label.len() {
            B32_CHARACTERS => {
                let hash: [u8; 32] = decode()?.try_into().map_err(|_| AddressError::I2pForm)?;
                Ok(Self::from_hash(hash, port))
            }
            B33_CHARACTERS => {
                let bytes: [u8; 35] = decode()?.try_into().map_err(|_| AddressError::I2pForm)?;
                let [b0, b1, b2, key @ ..] = bytes;
                let [flags, signature_type, blinded] = mask([b0, b1, b2], &key);
                if blinded != BLINDED_SIGNATURE_TYPE {
                    return Err(AddressError::I2pChecksum);
                }
                Self::from_blinded(flags, signature_type, key, port)
            }
            _ => Err(AddressError::I2pForm),
        }
    }

    /// The hash of the destination; `None` for a b33 address.
    pub const fn hash(&self) -> Option<&[u8; 32]> {
        match &self.host {
            I2pHost::Hash(hash) => Some(hash),
            I2pHost::Blinded { .. } => None,
        }
    }

    /// Flags, signature type and key of a b33 address.
    pub const fn blinded(&self) -> Option<(u8, u8, &[u8; 32])> {
        match &self.host {
            I2pHost::Hash(_) => None,
            I2pHost::Blinded { flags, signature_type, key } => Some((*flags, *signature_type, key)),
        }
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// `<52 or 56>.b32.i2p`, as a SOCKS proxy wants it.
    pub fn host(&self) -> String {
        let mut host = match &self.host {
            I2pHost::Hash(hash) => BASE32_NOPAD.encode(hash),
            I2pHost::Blinded { flags, signature_type, key } => {
                let head = mask([*flags, *signature_type, BLINDED_SIGNATURE_TYPE], key);
                BASE32_NOPAD.encode(&[head.as_slice(), key.as_slice()].concat())
            }
        }
        .to_ascii_lowercase();
        host.push_str(".b32.i2p");
        host
    }
}

impl fmt::Display for I2pAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host(), self.port)
    }
}

/// The checksum is not appended but XORed into the first three bytes, little-endian; doing it twice undoes it.
fn mask(head: [u8; 3], key: &[u8; 32]) -> [u8; 3] {
    let [check0, check1, check2, _] = crc32fast::hash(key).to_le_bytes();
    let [b0, b1, b2] = head;
    [b0 ^ check0, b1 ^ check1, b2 ^ check2]
}
