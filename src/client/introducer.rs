//! Where an introducer is. Only on an anonymizing network: a type that can't hold a clearnet address needs no check.

use std::{fmt, str::FromStr};

use crate::record::{Address, AddressError, I2pAddress, OnionAddress};

/// Address of an introducer; text form `host:port`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Introducer {
    /// An onion service.
    Onion(OnionAddress),
    /// An I2P destination.
    I2p(I2pAddress),
}

/// Why a text is not the address of an introducer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntroducerError {
    /// Not an address at all.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// An address outside of the anonymizing networks.
    #[error("an introducer is reached over Tor or I2P alone: give its `.onion:port` or `.b32.i2p:port` address")]
    Clearnet,
}

impl Introducer {
    /// The part before the port, as a SOCKS proxy wants it.
    pub(super) fn host(&self) -> String {
        match self {
            Self::Onion(address) => address.host(),
            Self::I2p(address) => address.host(),
        }
    }

    pub(super) const fn port(&self) -> u16 {
        match self {
            Self::Onion(address) => address.port(),
            Self::I2p(address) => address.port(),
        }
    }
}

impl TryFrom<Address> for Introducer {
    type Error = IntroducerError;

    fn try_from(address: Address) -> Result<Self, IntroducerError> {
        match address {
            Address::Onion(address) => Ok(Self::Onion(address)),
            Address::I2p(address) => Ok(Self::I2p(address)),
            Address::Clearnet(_) => Err(IntroducerError::Clearnet),
        }
    }
}

impl FromStr for Introducer {
    type Err = IntroducerError;

    fn from_str(text: &str) -> Result<Self, IntroducerError> {
        text.parse::<Address>()?.try_into()
    }
}

impl fmt::Display for Introducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Onion(address) => address.fmt(f),
            Self::I2p(address) => address.fmt(f),
        }
    }
}

// Logs show `Debug` forms, and whom somebody asks is nobody's business.
impl fmt::Debug for Introducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Onion(_) => "Introducer::Onion(…)",
            Self::I2p(_) => "Introducer::I2p(…)",
        })
    }
}
