//! The identity of an onion service as C tor keeps it: a secret key, and two files that follow from it.

use curve25519_dalek::{edwards::EdwardsPoint, scalar::clamp_integer};
use sha2::{Digest as _, Sha512};
use zeroize::{Zeroize as _, Zeroizing};

use super::{OnionKeyError, private::PrivateDirectory};
use crate::record::OnionAddress;

const SECRET_FILE: &str = "hs_ed25519_secret_key";
const PUBLIC_FILE: &str = "hs_ed25519_public_key";
const HOSTNAME_FILE: &str = "hostname";

/// 32 bytes each, with NULs at the end (crypto_ed25519 files of C tor).
const SECRET_HEADER: &[u8; 32] = b"== ed25519v1-secret: type0 ==\0\0\0";
const PUBLIC_HEADER: &[u8; 32] = b"== ed25519v1-public: type0 ==\0\0\0";
const SECRET_BYTES: usize = 64;

/// An expanded Ed25519 secret key (RFC 8032, 5.1.5: scalar and prefix; the seed is gone) and its public half.
pub(super) struct Identity {
    secret: Zeroizing<[u8; SECRET_BYTES]>,
    public: [u8; 32],
}

impl Identity {
    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        let mut hash = Sha512::digest(seed);
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        secret.copy_from_slice(&hash);
        hash.as_mut_slice().zeroize();
        let mut scalar = clamp_integer(scalar_of(&secret));
        for (slot, byte) in secret.iter_mut().zip(scalar) {
            *slot = byte;
        }
        let public = public_of(scalar);
        scalar.zeroize();
        Self { secret, public }
    }

    /// The identity in `directory`, if there is one and all its files agree.
    pub(super) fn read(directory: &PrivateDirectory) -> Result<Option<Self>, OnionKeyError> {
        let public = directory.read(PUBLIC_FILE)?;
        let hostname = directory.read(HOSTNAME_FILE)?;
        let Some(secret) = directory.read(SECRET_FILE)? else {
            let lost = public.is_some() || hostname.is_some();
            // A new key in its place would be a new address, and nobody would have asked for one.
            return if lost { Err(OnionKeyError::SecretLost(directory.path_of(SECRET_FILE))) } else { Ok(None) };
        };
        let identity = Self::parse(&secret).ok_or_else(|| OnionKeyError::Malformed {
            path: directory.path_of(SECRET_FILE),
            expected: "a secret key of an onion service (96 bytes, of version 3)",
        })?;
        if public.is_some_and(|public| *public != identity.public_file()) {
            return Err(OnionKeyError::Mismatch(directory.path_of(PUBLIC_FILE)));
        }
        if hostname.is_some_and(|hostname| hostname.trim_ascii() != identity.host().as_bytes()) {
            return Err(OnionKeyError::Mismatch(directory.path_of(HOSTNAME_FILE)));
        }
        Ok(Some(identity))
    }

    /// Writes the files that are missing, the secret one first: without it there is no identity, and the others follow
    /// from it. So a crash leaves nothing that is half an identity. The directory must be locked.
    pub(super) fn write_missing(&self, directory: &PrivateDirectory) -> Result<(), OnionKeyError> {
        if directory.read(SECRET_FILE)?.is_none() {
            let mut file = Zeroizing::new(Vec::with_capacity(SECRET_HEADER.len() + SECRET_BYTES));
            file.extend_from_slice(SECRET_HEADER);
            file.extend_from_slice(&*self.secret);
            directory.create(SECRET_FILE, &file)?;
        }
        if directory.read(PUBLIC_FILE)?.is_none() {
            directory.create(PUBLIC_FILE, &self.public_file())?;
        }
        if directory.read(HOSTNAME_FILE)?.is_none() {
            directory.create(HOSTNAME_FILE, format!("{}\n", self.host()).as_bytes())?;
        }
        Ok(())
    }

    /// Are all three files there?
    pub(super) fn is_complete(directory: &PrivateDirectory) -> Result<bool, OnionKeyError> {
        Ok(directory.read(PUBLIC_FILE)?.is_some() && directory.read(HOSTNAME_FILE)?.is_some())
    }

    pub(super) const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// `None` also for a scalar that is not clamped: C tor and arti would not make the same address of it.
    fn parse(file: &[u8]) -> Option<Self> {
        let secret: &[u8; SECRET_BYTES] = file.strip_prefix(SECRET_HEADER)?.try_into().ok()?;
        let secret = Zeroizing::new(*secret);
        let scalar = Zeroizing::new(scalar_of(&secret));
        if *Zeroizing::new(clamp_integer(*scalar)) != *scalar {
            return None;
        }
        let public = public_of(*scalar);
        Some(Self { secret, public })
    }

    fn public_file(&self) -> Vec<u8> {
        [PUBLIC_HEADER.as_slice(), &self.public].concat()
    }

    fn host(&self) -> String {
        OnionAddress::host_of(&self.public)
    }
}

fn scalar_of(secret: &[u8; SECRET_BYTES]) -> [u8; 32] {
    let mut scalar = [0; 32];
    for (slot, byte) in scalar.iter_mut().zip(secret) {
        *slot = *byte;
    }
    scalar
}

fn public_of(scalar: [u8; 32]) -> [u8; 32] {
    EdwardsPoint::mul_base_clamped(scalar).compress().to_bytes()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// RFC 8032, 7.1, TEST 1.
    #[test]
    fn a_seed_has_the_public_key_of_the_specification() {
        let seed = HEXLOWER.decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let identity = Identity::from_seed(&seed.try_into().unwrap());
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(HEXLOWER.encode(identity.public()), public);
        let file = [SECRET_HEADER.as_slice(), &*identity.secret].concat();
        assert_eq!(HEXLOWER.encode(Identity::parse(&file).unwrap().public()), public);
    }

    #[test]
    fn a_scalar_that_two_tors_would_read_differently_is_none() {
        let identity = Identity::from_seed(&[7; 32]);
        let file = [SECRET_HEADER.as_slice(), &*identity.secret].concat();
        for (byte, bit) in [(32, 1), (32, 4), (63, 0x80), (63, 0x40)] {
            let mut changed = file.clone();
            changed[byte] ^= bit;
            assert!(Identity::parse(&changed).is_none(), "bit {bit:#x} of byte {byte}");
        }
    }
}
