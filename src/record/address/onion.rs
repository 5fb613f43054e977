//! Onion service addresses, version 3 (rend-spec-v3, "Encoding onion addresses").

use alloc::string::String;
use core::fmt;

use data_encoding::BASE32_NOPAD;
use sha3::{Digest, Sha3_256};

use super::AddressError;

const VERSION: u8 = 3;
/// 35 bytes in base32.
const LABEL_CHARACTERS: usize = 56;

/// `<56>.onion:port`: key and virtual port. Checksum and version are in the text form only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnionAddress {
    key: [u8; 32],
    port: u16,
}

impl OnionAddress {
    /// From the identity key of the service.
    ///
    /// # Errors
    /// Port 0, which no service can listen on.
    pub const fn new(key: [u8; 32], port: u16) -> Result<Self, AddressError> {
        if port == 0 { Err(AddressError::Port) } else { Ok(Self { key, port }) }
    }

    pub(super) fn from_label(label: &str, port: u16) -> Result<Self, AddressError> {
        if label.len() != LABEL_CHARACTERS || label.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(AddressError::OnionForm);
        }
        let bytes = BASE32_NOPAD.decode(label.to_ascii_uppercase().as_bytes()).map_err(|_| AddressError::OnionForm)?;
        let bytes: [u8; 35] = bytes.try_into().map_err(|_| AddressError::OnionForm)?;
        let (key, [check0, check1, version]) = split(bytes);
        if version != VERSION {
            return Err(AddressError::OnionVersion);
        }
        if [check0, check1] != checksum(&key) {
            return Err(AddressError::OnionChecksum);
        }
        // An operator's mistake is told to the operator; bytes from a stranger are not worth the curve arithmetic.
        if is_service_key(&key) { Self::new(key, port) } else { Err(AddressError::OnionKey) }
    }

    /// The identity key of the service.
    pub const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The virtual port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// `<56>.onion`, as a SOCKS proxy wants it.
    pub fn host(&self) -> String {
        Self::host_of(&self.key)
    }

    /// `<56>.onion` of the service with this identity key.
    pub fn host_of(key: &[u8; 32]) -> String {
        let [check0, check1] = checksum(key);
        let mut bytes = [0; 35];
        for (slot, byte) in bytes.iter_mut().zip(key.iter().chain(&[check0, check1, VERSION])) {
            *slot = *byte;
        }
        let mut host = BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
        host.push_str(".onion");
        host
    }
}

impl fmt::Display for OnionAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host(), self.port)
    }
}

/// A point of the prime-order subgroup in its one encoding. Tor's clients refuse every other key ("must verify that the
/// key has no torsion component"): one service would have eight addresses.
fn is_service_key(key: &[u8; 32]) -> bool {
    ed25519_dalek::VerifyingKey::from_bytes(key).is_ok_and(|verifying| {
        let point = verifying.to_edwards();
        !verifying.is_weak() && point.is_torsion_free() && point.compress().to_bytes() == *key
    })
}

fn split(bytes: [u8; 35]) -> ([u8; 32], [u8; 3]) {
    let mut key = [0; 32];
    let mut tail = [0; 3];
    for (slot, byte) in key.iter_mut().chain(tail.iter_mut()).zip(bytes) {
        *slot = byte;
    }
    (key, tail)
}

fn checksum(key: &[u8; 32]) -> [u8; 2] {
    let hash = Sha3_256::new().chain_update(b".onion checksum").chain_update(key).chain_update([VERSION]).finalize();
    let hash: [u8; 32] = hash.into();
    let [first, second, ..] = hash;
    [first, second]
}
