//! Which streams may share a circuit: those of one introducer, one role, one identity and one hour, and no others.
//!
//! Tor and arti keep streams with different SOCKS passwords on different circuits. A password here is a hash under a
//! secret that lives as long as the process, so that it tells the proxy nothing and repeats in no later run.

use std::io;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use zeroize::ZeroizeOnDrop;

use super::introducer::Introducer;
use crate::{ambient, net};

/// The same for every stream: the password alone keeps streams apart.
const USERNAME: &str = "anteroom";
const MILLIS_PER_HOUR: u64 = 3_600_000;

/// What a stream is for. Two roles on one circuit would tell an introducer that a publisher and a reader are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    About,
    Publish,
    Lookup,
    /// Listings and subscriptions: whoever follows everything gives nothing away by listing it first.
    Read,
    /// Apart from lookups, since it names its node in full.
    Evidence,
    /// What the grid's key signed. Apart from the others: who brings a list is near to who runs the grid.
    Documents,
}

impl Role {
    const fn label(self) -> &'static str {
        match self {
            Self::About => "about",
            Self::Publish => "publish",
            Self::Lookup => "lookup",
            Self::Read => "read",
            Self::Evidence => "evidence",
            Self::Documents => "documents",
        }
    }
}

/// Key of the passwords.
#[derive(ZeroizeOnDrop)]
pub(super) struct IsolationSecret {
    key: [u8; 32],
    /// Hours are counted from the start of the client: whole hours of the wall clock would renew everybody's circuits at
    /// the same moment, and a clock that is set would tie an hour to another.
    born_steady_millis: u64,
}

impl std::fmt::Debug for IsolationSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IsolationSecret(…)")
    }
}

impl IsolationSecret {
    pub(super) fn draw() -> io::Result<Self> {
        Ok(Self { key: ambient::random()?, born_steady_millis: ambient::steady_millis() })
    }

    /// How many hours the client has lived at `steady_millis`.
    pub(super) const fn hour(&self, steady_millis: u64) -> u64 {
        steady_millis.saturating_sub(self.born_steady_millis) / MILLIS_PER_HOUR
    }

    /// Credentials for a stream. `identity`: whatever must stay apart, each part by itself.
    pub(super) fn isolation(
        &self,
        introducer: &Introducer,
        role: Role,
        identity: &[&[u8]],
        hour: u64,
    ) -> net::Isolation {
        let introducer = introducer.to_string();
        let mut hash = Sha256::new()
            .chain_update(b"anteroom v1 isolation\0")
            .chain_update(self.key)
            .chain_update(hour.to_be_bytes());
        // With its length in front no part can be taken for two.
        for part in [introducer.as_bytes(), role.label().as_bytes()].iter().chain(identity) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        net::Isolation { username: USERNAME.into(), password: HEXLOWER.encode(&hash.finalize()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{I2pAddress, OnionAddress};

    fn secret(key: [u8; 32]) -> IsolationSecret {
        IsolationSecret { key, born_steady_millis: 1000 }
    }

    #[test]
    fn every_part_makes_another_password() {
        let onion = Introducer::Onion(OnionAddress::new([5; 32], 80).unwrap());
        let i2p = Introducer::I2p(I2pAddress::from_hash([5; 32], 80));
        let base = secret([1; 32]).isolation(&onion, Role::Lookup, &[b"me"], 7);
        assert_eq!(base, secret([1; 32]).isolation(&onion, Role::Lookup, &[b"me"], 7));
        assert_eq!(base.password.len(), 64);
        for other in [
            secret([2; 32]).isolation(&onion, Role::Lookup, &[b"me"], 7),
            secret([1; 32]).isolation(&i2p, Role::Lookup, &[b"me"], 7),
            secret([1; 32]).isolation(&onion, Role::Read, &[b"me"], 7),
            secret([1; 32]).isolation(&onion, Role::Lookup, &[b"m", b"e"], 7),
            secret([1; 32]).isolation(&onion, Role::Lookup, &[b"me"], 8),
        ] {
            assert_ne!(base.password, other.password);
        }
    }

    #[test]
    fn an_hour_is_counted_from_the_start_of_the_client() {
        let secret = secret([1; 32]);
        assert_eq!(secret.hour(1000), 0);
        assert_eq!(secret.hour(1000 + MILLIS_PER_HOUR - 1), 0);
        assert_eq!(secret.hour(1000 + MILLIS_PER_HOUR), 1);
    }
}
