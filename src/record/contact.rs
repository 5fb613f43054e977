//! What a contact record claims, with every limit on its parts.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::{fmt, str::FromStr};

use super::{
    address::{Address, AddressError},
    id::{GridId, NodeId},
    time::{Lifetime, Timestamp},
};

/// A label for people; as long as most forums allow.
pub const NICKNAME_BYTES_MAX: usize = 64;
/// Names of protocols are short; a DNS-SD service name has 15 characters, twice that is plenty.
pub const SERVICE_NAME_BYTES_MAX: usize = 32;
/// More than one for a service on two networks with a spare of each; the size of the record binds before this often.
pub const ADDRESSES_PER_SERVICE_MAX: usize = 8;
/// Menus and prices: a short key.
pub const ATTRIBUTE_KEY_BYTES_MAX: usize = 32;
/// Menus and prices: room for a public key or a short text.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 256;
/// Links of a delegation chain: grid → organisation → person → node.
pub const GRANTS_MAX: usize = 4;
/// One link: two keys, a signature, a few names.
pub const GRANT_BYTES_MAX: usize = 256;

/// A node's counter of its records: what is higher replaces what is lower. Counts, never tells time.
pub type Seq = u64;

/// Which claim breaks which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// A lifetime of 0 or of more than 720 hours.
    #[error("a lifetime is 1 to 720 hours")]
    Lifetime,
    /// Empty, too long, or with control or direction-changing characters.
    #[error("a nickname is 1 to 64 bytes of text without control characters")]
    Nickname,
    /// Not `[a-z0-9-]{1,32}`.
    #[error("a service name is 1 to 32 characters of a-z, 0-9 and `-`")]
    ServiceName,
    /// Unsorted, or one name twice.
    #[error("services must be sorted by name, each name once")]
    ServiceOrder,
    /// A service nobody could reach.
    #[error("a service needs at least one address")]
    NoAddress,
    /// More than eight.
    #[error("a service has at most 8 addresses")]
    TooManyAddresses,
    /// The same address twice in one service.
    #[error("an address is there twice")]
    DuplicateAddress,
    /// The form of an address.
    #[error("address: {0}")]
    Address(#[from] AddressError),
    /// Not `[a-z0-9.-]{1,32}`.
    #[error("an attribute's key is 1 to 32 characters of a-z, 0-9, `.` and `-`")]
    AttributeKey,
    /// Too long, or with control or direction-changing characters.
    #[error("an attribute's value is at most 256 bytes of text without control characters")]
    AttributeValue,
    /// Unsorted, or one key twice.
    #[error("attributes must be sorted by key, each key once")]
    AttributeOrder,
    /// More than four links.
    #[error("a chain of grants has at most 4 links")]
    TooManyGrants,
    /// A link of 0 or more than 256 bytes.
    #[error("a grant has 1 to 256 bytes")]
    GrantSize,
    /// A body of another size than all have.
    #[error("the body of a sealed record has 712 bytes")]
    SealedBody,
    /// Unsorted, or one tag twice.
    #[error("the tags of a sealed record must be sorted, each once")]
    TagOrder,
    /// A sealed record of epoch 0, which is none.
    #[error("a sealed record names the epoch of its key, from 1 on")]
    Epoch,
}

/// What a node says of itself: how to reach its services, for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactRecord {
    /// The grid it is for; another grid refuses it.
    pub grid: GridId,
    /// Who speaks.
    pub node: NodeId,
    /// Higher replaces lower.
    pub seq: Seq,
    /// The hour it was signed in.
    pub issued: Timestamp,
    /// How long it holds from then on.
    pub lifetime: Lifetime,
    /// A label the node claims; unique nowhere.
    pub nickname: Option<Nickname>,
    /// Sorted by name. None at all: the node withdraws.
    pub services: Vec<Service>,
    /// The chain that lets it publish, as signed bytes; empty in an open grid.
    pub grants: Vec<Vec<u8>>,
}

impl ContactRecord {
    /// The first hour in which it does not hold any more.
    pub const fn expires(&self) -> Timestamp {
        self.issued.plus_hours(self.lifetime.hours() as u32)
    }

    /// Does the node take back all it published?
    pub const fn is_withdrawal(&self) -> bool {
        self.services.is_empty()
    }

    /// All addresses of all services.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.services.iter().flat_map(|service| service.addresses.iter())
    }

    /// What no type can hold: order and number of the parts.
    pub(super) fn refuse_malformed(&self) -> Result<(), ClaimError> {
        if !self.services.is_sorted_by(|a, b| a.name < b.name) {
            return Err(ClaimError::ServiceOrder);
        }
        self.services.iter().try_for_each(Service::refuse_malformed)?;
        refuse_malformed_grants(&self.grants)
    }
}

/// Number and size of the grants of a record.
pub(super) fn refuse_malformed_grants(grants: &[Vec<u8>]) -> Result<(), ClaimError> {
    if grants.len() > GRANTS_MAX {
        return Err(ClaimError::TooManyGrants);
    }
    if grants.iter().any(|grant| grant.is_empty() || grant.len() > GRANT_BYTES_MAX) {
        return Err(ClaimError::GrantSize);
    }
    Ok(())
}

/// One thing a node offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Which protocol.
    pub name: ServiceName,
    /// Which version of it.
    pub version: u32,
    /// 1 to 8, in the operator's order of preference.
    pub addresses: Vec<Address>,
    /// Menus and prices.
    pub attributes: Attributes,
}

impl Service {
    fn refuse_malformed(&self) -> Result<(), ClaimError> {
        match self.addresses.len() {
            0 => return Err(ClaimError::NoAddress),
            1..=ADDRESSES_PER_SERVICE_MAX => {}
            _ => return Err(ClaimError::TooManyAddresses),
        }
        let twice = |(index, address)| self.addresses.iter().take(index).any(|earlier| earlier == address);
        if self.addresses.iter().enumerate().any(twice) { Err(ClaimError::DuplicateAddress) } else { Ok(()) }
    }
}

/// `[a-z0-9-]{1,32}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceName(String);

impl ServiceName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for a name where it may not be known: 32 hexadecimal characters, which are a name.
    pub(super) const fn of_tag(hexadecimal: String) -> Self {
        Self(hexadecimal)
    }
}

impl FromStr for ServiceName {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=SERVICE_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(known) {
            Ok(Self(text.into()))
        } else {
            Err(ClaimError::ServiceName)
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A label for people: 1 to 64 bytes, safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nickname(String);

impl Nickname {
    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Nickname {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        if (1..=NICKNAME_BYTES_MAX).contains(&text.len()) && printable(text) {
            Ok(Self(text.into()))
        } else {
            Err(ClaimError::Nickname)
        }
    }
}

/// Sorted pairs; each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// Adds a pair.
    ///
    /// # Errors
    /// The form of key or value; `AttributeOrder` when the key is there.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), ClaimError> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
        if !(1..=ATTRIBUTE_KEY_BYTES_MAX).contains(&key.len()) || !key.bytes().all(known) {
            return Err(ClaimError::AttributeKey);
        }
        if value.len() > ATTRIBUTE_VALUE_BYTES_MAX || !printable(value) {
            return Err(ClaimError::AttributeValue);
        }
        match self.0.insert(key.into(), value.into()) {
            None => Ok(()),
            Some(_) => Err(ClaimError::AttributeOrder),
        }
    }

    /// The pairs, sorted by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// No control characters, line separators, and none that change direction or hide (Unicode's
/// `Default_Ignorable_Code_Point`, and the annotation marks): such text could forge a line on a terminal, or look equal to
/// another. Written out, so that every implementation refuses the same, whatever version of Unicode it knows.
fn printable(text: &str) -> bool {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}')
    };
    !text.chars().any(hidden)
}
