//! Addresses an operator typed by hand. There is no other source: no wildcard, no "auto", no default.

mod clearnet;
mod i2p;
mod onion;

use core::{fmt, str::FromStr};

pub use clearnet::{ClearnetAddress, ClearnetHost};
pub use i2p::I2pAddress;
pub use onion::OnionAddress;

/// Why a text or a wire form is not an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// No `:port` at the end, or not a number of 16 bits in its one spelling.
    #[error("it must end in `:port`, a number from 1 to 65535 (in I2P also 0)")]
    Port,
    /// Not lower-case base32 of the right length.
    #[error("an onion address has 56 characters (a-z, 2-7) before `.onion`")]
    OnionForm,
    /// The two checksum bytes disagree with the key.
    #[error("the onion address has a typing error (its checksum does not match)")]
    OnionChecksum,
    /// Only version 3 is spoken.
    #[error("only version 3 onion addresses are accepted")]
    OnionVersion,
    /// The key is no point of the curve's prime-order group: no onion service can have it.
    #[error("no onion service can have this address: its key is not valid")]
    OnionKey,
    /// Not lower-case base32 of 52 (b32) or 56 (b33) characters.
    #[error("an I2P address has 52 characters (56 when its lease set is encrypted) before `.b32.i2p`")]
    I2pForm,
    /// Checksum, flags or signature types of an encrypted lease set's address.
    #[error("the I2P address has a typing error (its checksum or its key type does not match)")]
    I2pChecksum,
    /// A name that an address book would have to resolve.
    #[error("names from an I2P address book are not accepted: write the `.b32.i2p` address")]
    I2pName,
    /// Neither a host name in its one spelling nor an IP address in its one spelling.
    #[error("not a host name or IP address in canonical form (lower case, no leading zeros)")]
    ClearnetForm,
    /// An address that means another machine to everybody who reads it.
    #[error("loopback, private, link-local, shared, multicast and unspecified addresses are never published")]
    ClearnetNotGlobal,
}

/// How to reach a service of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Onion service, version 3.
    Onion(OnionAddress),
    /// I2P destination.
    I2p(I2pAddress),
    /// Host or IP. Refused by signer, introducer and client unless policy admits it.
    Clearnet(ClearnetAddress),
}

impl Address {
    /// Which network it is on.
    pub const fn kind(&self) -> AddressKind {
        match self {
            Self::Onion(_) => AddressKind::Onion,
            Self::I2p(_) => AddressKind::I2p,
            Self::Clearnet(_) => AddressKind::Clearnet,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Onion(address) => address.fmt(f),
            Self::I2p(address) => address.fmt(f),
            Self::Clearnet(address) => address.fmt(f),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = split_port(text)?;
        if let Some(label) = host.strip_suffix(".onion") {
            return OnionAddress::from_label(label, port).map(Self::Onion);
        }
        if host == "i2p" || host.ends_with(".i2p") {
            let label = host.strip_suffix(".b32.i2p").ok_or(AddressError::I2pName)?;
            return I2pAddress::from_label(label, port).map(Self::I2p);
        }
        ClearnetAddress::from_host(host, port).map(Self::Clearnet)
    }
}

/// `host:port`, the port in its one decimal spelling.
fn split_port(text: &str) -> Result<(&str, u16), AddressError> {
    let (host, port) = text.rsplit_once(':').ok_or(AddressError::Port)?;
    let canonical = port == "0" || (!port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit()));
    if !canonical {
        return Err(AddressError::Port);
    }
    Ok((host, port.parse().map_err(|_| AddressError::Port)?))
}

/// The networks an address can be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressKind {
    /// Tor.
    Onion,
    /// I2P.
    I2p,
    /// The internet, in the open.
    Clearnet,
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Onion => "onion",
            Self::I2p => "i2p",
            Self::Clearnet => "clearnet",
        })
    }
}

/// Which kinds a grid admits. The default admits the anonymizing ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressKinds {
    /// Onion services.
    pub onion: bool,
    /// I2P destinations.
    pub i2p: bool,
    /// Clearnet: an explicit choice of the grid, for addresses that are public anyway.
    pub clearnet: bool,
}

impl Default for AddressKinds {
    fn default() -> Self {
        Self { onion: true, i2p: true, clearnet: false }
    }
}

impl AddressKinds {
    /// Does policy admit `kind`?
    pub const fn admits(self, kind: AddressKind) -> bool {
        match kind {
            AddressKind::Onion => self.onion,
            AddressKind::I2p => self.i2p,
            AddressKind::Clearnet => self.clearnet,
        }
    }
}
