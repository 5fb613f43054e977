//! Names and keys of the clients of a restricted onion service (rend-spec-v3, "Client authorization").

use std::{fmt, str::FromStr};

use curve25519_dalek::{montgomery::MontgomeryPoint, scalar::clamp_integer, traits::IsIdentity as _};
use data_encoding::BASE32_NOPAD;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use crate::record::OnionAddress;

/// Enough to tell people apart, and with every suffix below the 255 bytes of a file name.
const NAME_BYTES_MAX: usize = 64;
/// What both tors write in front of a key.
pub(super) const KIND: &str = "descriptor:x25519:";
/// 32 bytes in base32 without padding.
const KEY_CHARACTERS: usize = 52;

/// What a client is called, in a file name that C tor and arti both read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientName(String);

/// Why a text is no name of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", ClientName::RULE)]
pub struct ClientNameError;

impl ClientName {
    /// What a name is made of. arti reads no others; C tor would.
    pub const RULE: &'static str = "a name has 1 to 64 characters of a-z, 0-9, `_` and `-`, and no `-` in front";

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientName {
    type Err = ClientNameError;

    fn from_str(text: &str) -> Result<Self, ClientNameError> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
        let fits = (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(known) && !text.starts_with('-');
        if fits { Ok(Self(text.to_owned())) } else { Err(ClientNameError) }
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not the public key of a client. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientKeyError {
    /// Neither the line nor the key alone.
    #[error("a client's public key is `descriptor:x25519:` and 52 letters and digits (A-Z, 2-7)")]
    Form,
    /// The line of a client's own file, which starts with the address.
    #[error("this looks like the secret half: whoever has seen it can be that client, so make a new pair")]
    Secret,
    /// With a point of small order anybody could read the descriptor.
    #[error("this key would let everybody in: it is no x25519 public key that a client can have made")]
    Weak,
}

/// The public key of a client, which the operator of the service gets. Text form `descriptor:x25519:…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientPublic([u8; 32]);

impl FromStr for ClientPublic {
    type Err = ClientKeyError;

    /// The line, or the key alone, in letters of either case.
    fn from_str(text: &str) -> Result<Self, ClientKeyError> {
        if text.split_once(KIND).is_some_and(|(address, _)| !address.is_empty()) {
            return Err(ClientKeyError::Secret);
        }
        let key = decode(text.strip_prefix(KIND).unwrap_or(text)).ok_or(ClientKeyError::Form)?;
        // A clamped scalar is a multiple of the cofactor, so it takes every point of small order to the neutral element.
        if MontgomeryPoint(*key).mul_clamped([0; 32]).is_identity() {
            return Err(ClientKeyError::Weak);
        }
        Ok(Self(*key))
    }
}

impl fmt::Display for ClientPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KIND}{}", BASE32_NOPAD.encode(&self.0))
    }
}

/// The secret key of a client for one service.
///
/// # Security
/// Neither `Debug`, `Clone` nor `Serialize`; wiped when dropped.
pub struct ClientSecret(Zeroizing<[u8; 32]>);

// The array wipes itself; the marker states that for this type.
impl ZeroizeOnDrop for ClientSecret {}

impl ClientSecret {
    /// From 32 bytes of a cryptographic generator, which are wiped. Clamped (RFC 7748, 5), as C tor stores its own.
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let secret = Self(Zeroizing::new(clamp_integer(seed)));
        seed.zeroize();
        secret
    }

    /// The half that the operator of the service gets.
    pub fn public(&self) -> ClientPublic {
        ClientPublic(MontgomeryPoint::mul_base_clamped(*self.0).to_bytes())
    }

    /// The line of a client's file (tor(1), `ClientOnionAuthDir`).
    pub(super) fn line(&self, service: &OnionAddress) -> Zeroizing<String> {
        let host = service.host();
        let label = host.strip_suffix(".onion").unwrap_or(&host);
        let key = Zeroizing::new(BASE32_NOPAD.encode(&*self.0));
        // One allocation: a string that grew would leave copies behind.
        let mut line = Zeroizing::new(String::with_capacity(label.len() + KIND.len() + key.len() + 2));
        line.push_str(label);
        line.push(':');
        line.push_str(KIND);
        line.push_str(&key);
        line.push('\n');
        line
    }

    /// The secret in the file of a client, if it is one for `service`.
    pub(super) fn parse_line(file: &[u8], service: &OnionAddress) -> Option<Self> {
        let line = std::str::from_utf8(file).ok()?.trim();
        let (label, key) = line.split_once(':')?;
        if service.host().strip_suffix(".onion") != Some(label) {
            return None;
        }
        decode(key.strip_prefix(KIND)?).map(Self)
    }
}

fn decode(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    if text.len() != KEY_CHARACTERS {
        return None;
    }
    let text = Zeroizing::new(text.to_ascii_uppercase());
    let bytes = Zeroizing::new(BASE32_NOPAD.decode(text.as_bytes()).ok()?);
    let bytes: &[u8; 32] = bytes.as_slice().try_into().ok()?;
    Some(Zeroizing::new(*bytes))
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// RFC 7748, 5.2: the first iteration, which multiplies the base point by 9.
    #[test]
    fn a_secret_has_the_public_key_of_the_specification() {
        let mut nine = [0; 32];
        nine[0] = 9;
        let ClientPublic(public) = ClientSecret::from_seed(nine).public();
        let expected = "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079";
        assert_eq!(HEXLOWER.encode(&public), expected);
    }

    #[test]
    fn a_key_is_read_in_each_of_its_spellings() {
        let public = ClientSecret::from_seed([7; 32]).public();
        let line = public.to_string();
        let bare = line.strip_prefix(KIND).unwrap();
        for text in [&line, bare, &bare.to_ascii_lowercase()] {
            assert_eq!(text.parse(), Ok(public), "{text}");
        }
        let other_kind = line.replace("x25519", "x448");
        for text in ["", KIND, "alice", &bare[1..], &format!("{bare}A"), &format!("{line}\n"), &other_kind] {
            assert_eq!(text.parse::<ClientPublic>(), Err(ClientKeyError::Form), "{text:?}");
        }
    }

    #[test]
    fn the_secret_half_is_recognized() {
        let service = OnionAddress::new([1; 32], 80).unwrap();
        let line = ClientSecret::from_seed([7; 32]).line(&service);
        assert_eq!(line.trim().parse::<ClientPublic>(), Err(ClientKeyError::Secret));
        assert!(!ClientKeyError::Secret.to_string().contains(&line[80..100]));
    }

    #[test]
    fn a_key_that_would_let_everybody_in_is_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        // u = -1, of order 4, in its one canonical and one other spelling (2^255 - 19 - 1; with the ignored top bit).
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        let mut with_top_bit = minus_one;
        with_top_bit[31] = 0xff;
        for weak in [[0; 32], one, minus_one, with_top_bit] {
            assert_eq!(ClientPublic(weak).to_string().parse::<ClientPublic>(), Err(ClientKeyError::Weak), "{weak:?}");
        }
    }

    #[test]
    fn a_name_is_one_that_both_tors_read() {
        let longest = "x".repeat(NAME_BYTES_MAX);
        for name in ["a", "alice", "alice-2", "_", "0", &longest] {
            assert_eq!(name.parse::<ClientName>().unwrap().as_str(), name);
        }
        for name in ["", "-a", "Alice", "a.b", "../a", "a/b", "a b", "ä", "a\n", &format!("{longest}x")] {
            assert_eq!(name.parse::<ClientName>(), Err(ClientNameError), "{name:?}");
        }
    }
}
