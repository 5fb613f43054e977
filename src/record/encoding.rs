//! The one encoding of a contact record: postcard of the structures below, in this order. What does not encode to its
//! own bytes is refused, so a record has one spelling.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{
    address::{Address, AddressError, ClearnetAddress, ClearnetHost, I2pAddress, OnionAddress},
    contact::{Attributes, ClaimError, ContactRecord, Service},
    id::{GridId, NodeId},
    time::{Lifetime, Timestamp},
};

/// First byte of every record.
pub const RECORD_VERSION: u8 = 1;

/// Why bytes are not a record. No signature has been looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordDecodeError {
    /// More than the limit of a whole signed record.
    #[error("larger than 2048 bytes")]
    TooLarge,
    /// Not even a signature's worth.
    #[error("too short to hold a record and a signature")]
    TooShort,
    /// A version this software does not know.
    #[error("a record of another version")]
    Version,
    /// Not the structure of a record.
    #[error("not the structure of a contact record")]
    Malformed,
    /// Bytes behind the last field.
    #[error("bytes behind the end of the record")]
    TrailingBytes,
    /// Another spelling of what has exactly one.
    #[error("not in canonical form")]
    NotCanonical,
    /// A claim breaks a limit.
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

#[derive(Serialize, Deserialize)]
struct WireRecord<'a> {
    version: u8,
    grid: [u8; 32],
    node: [u8; 32],
    seq: u64,
    issued_hours: u32,
    lifetime_hours: u16,
    #[serde(borrow)]
    nickname: Option<&'a str>,
    #[serde(borrow)]
    services: Vec<WireService<'a>>,
    #[serde(borrow)]
    grants: Vec<&'a [u8]>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireService<'a> {
    name: &'a str,
    version: u32,
    #[serde(borrow)]
    addresses: Vec<WireAddress<'a>>,
    #[serde(borrow)]
    attributes: Vec<(&'a str, &'a str)>,
}

/// An address inside of a signed body.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum WireAddress<'a> {
    Onion { key: [u8; 32], port: u16 },
    I2p { hash: [u8; 32], port: u16 },
    I2pBlinded { flags: u8, signature_type: u8, key: [u8; 32], port: u16 },
    ClearnetV4 { ip: [u8; 4], port: u16 },
    ClearnetV6 { ip: [u8; 16], port: u16 },
    ClearnetName { name: &'a str, port: u16 },
}

/// The bytes that are signed.
pub(super) fn encode(record: &ContactRecord) -> Result<Vec<u8>, RecordDecodeError> {
    record.refuse_malformed()?;
    postcard::to_allocvec(&WireRecord::from(record)).map_err(|_| RecordDecodeError::Malformed)
}

/// The claims in `bytes`, which are exactly what [`encode`] would write.
pub(super) fn decode(bytes: &[u8]) -> Result<ContactRecord, RecordDecodeError> {
    if bytes.first() != Some(&RECORD_VERSION) {
        return Err(RecordDecodeError::Version);
    }
    let (wire, rest) = postcard::take_from_bytes::<WireRecord<'_>>(bytes).map_err(|_| RecordDecodeError::Malformed)?;
    if !rest.is_empty() {
        return Err(RecordDecodeError::TrailingBytes);
    }
    let mut again = [0; super::signed::RECORD_BYTES_MAX];
    match postcard::to_slice(&wire, &mut again) {
        Ok(again) if *again == *bytes => {}
        _ => return Err(RecordDecodeError::NotCanonical),
    }
    let record = ContactRecord::try_from(wire)?;
    record.refuse_malformed()?;
    Ok(record)
}

impl<'a> From<&'a ContactRecord> for WireRecord<'a> {
    fn from(record: &'a ContactRecord) -> Self {
        Self {
            version: RECORD_VERSION,
            grid: *record.grid.as_bytes(),
            node: *record.node.as_bytes(),
            seq: record.seq,
            issued_hours: record.issued.hours(),
            lifetime_hours: record.lifetime.hours(),
            nickname: record.nickname.as_ref().map(super::Nickname::as_str),
            services: record.services.iter().map(WireService::from).collect(),
            grants: record.grants.iter().map(Vec::as_slice).collect(),
        }
    }
}

impl TryFrom<WireRecord<'_>> for ContactRecord {
    type Error = ClaimError;

    fn try_from(wire: WireRecord<'_>) -> Result<Self, ClaimError> {
        Ok(Self {
            grid: GridId::from_bytes(wire.grid),
            node: NodeId::from_bytes(wire.node),
            seq: wire.seq,
            issued: Timestamp::from_hours(wire.issued_hours),
            lifetime: Lifetime::from_hours(wire.lifetime_hours).ok_or(ClaimError::Lifetime)?,
            nickname: wire.nickname.map(str::parse).transpose()?,
            services: wire.services.into_iter().map(Service::try_from).collect::<Result<_, _>>()?,
            grants: wire.grants.into_iter().map(Vec::from).collect(),
        })
    }
}

impl<'a> From<&'a Service> for WireService<'a> {
    fn from(service: &'a Service) -> Self {
        Self {
            name: service.name.as_str(),
            version: service.version,
            addresses: service.addresses.iter().map(WireAddress::from).collect(),
            attributes: service.attributes.iter().collect(),
        }
    }
}

impl TryFrom<WireService<'_>> for Service {
    type Error = ClaimError;

    fn try_from(wire: WireService<'_>) -> Result<Self, ClaimError> {
        let mut attributes = Attributes::default();
        if !wire.attributes.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(ClaimError::AttributeOrder);
        }
        for (key, value) in wire.attributes {
            attributes.insert(key, value)?;
        }
        Ok(Self {
            name: wire.name.parse()?,
            version: wire.version,
            addresses: wire.addresses.into_iter().map(Address::try_from).collect::<Result<_, _>>()?,
            attributes,
        })
    }
}

impl<'a> From<&'a Address> for WireAddress<'a> {
    fn from(address: &'a Address) -> Self {
        match address {
            Address::Onion(onion) => Self::Onion { key: *onion.key(), port: onion.port() },
            Address::I2p(i2p) => match (i2p.hash(), i2p.blinded()) {
                (_, Some((flags, signature_type, key))) => {
                    Self::I2pBlinded { flags, signature_type, key: *key, port: i2p.port() }
                }
                (hash, None) => Self::I2p { hash: hash.copied().unwrap_or_default(), port: i2p.port() },
            },
            Address::Clearnet(clearnet) => {
                let port = clearnet.port();
                match clearnet.host() {
                    ClearnetHost::Ip(core::net::IpAddr::V4(ip)) => Self::ClearnetV4 { ip: ip.octets(), port },
                    ClearnetHost::Ip(core::net::IpAddr::V6(ip)) => Self::ClearnetV6 { ip: ip.octets(), port },
                    ClearnetHost::Name(name) => Self::ClearnetName { name, port },
                }
            }
        }
    }
}

impl TryFrom<WireAddress<'_>> for Address {
    type Error = AddressError;

    fn try_from(wire: WireAddress<'_>) -> Result<Self, AddressError> {
        let clearnet = |host, port| ClearnetAddress::new(host, port).map(Self::Clearnet);
        match wire {
            WireAddress::Onion { key, port } => OnionAddress::new(key, port).map(Self::Onion),
            WireAddress::I2p { hash, port } => Ok(Self::I2p(I2pAddress::from_hash(hash, port))),
            WireAddress::I2pBlinded { flags, signature_type, key, port } => {
                I2pAddress::from_blinded(flags, signature_type, key, port).map(Self::I2p)
            }
            WireAddress::ClearnetV4 { ip, port } => clearnet(ClearnetHost::Ip(core::net::IpAddr::V4(ip.into())), port),
            WireAddress::ClearnetV6 { ip, port } => clearnet(ClearnetHost::Ip(core::net::IpAddr::V6(ip.into())), port),
            WireAddress::ClearnetName { name, port } => clearnet(ClearnetHost::Name(name.into()), port),
        }
    }
}
