//! What a node signs: ids, addresses, contact records and their one encoding.
//!
//! `ContactRecord` (claims) → [`ContactRecord::sign`] → [`SignedRecord`] (the exact bytes, unverified) →
//! [`SignedRecord::verify`] → [`VerifiedRecord`] (no other constructor). The bytes received are what is verified, stored
//! and served; nothing is ever encoded a second time.
//!
//! A record may also be sealed for the members of its grid ([`ContactRecord::seal`], [`VerifiedSealed::open`]). Whoever only
//! keeps records takes both kinds as a [`SignedEnvelope`]; `sealed/mod.rs` has the scheme and its threats.

pub mod address;
mod agreement;
mod contact;
mod context;
mod encoding;
mod envelope;
mod group_key;
mod id;
pub mod sealed;
mod secret;
mod signed;
mod time;

pub use address::{Address, AddressError, AddressKind, AddressKinds, ClearnetAddress, I2pAddress, OnionAddress};
pub use agreement::EphemeralSecret;
pub use contact::{
    ADDRESSES_PER_SERVICE_MAX, ATTRIBUTE_KEY_BYTES_MAX, ATTRIBUTE_VALUE_BYTES_MAX, Attributes, ClaimError,
    ContactRecord, GRANT_BYTES_MAX, GRANTS_MAX, NICKNAME_BYTES_MAX, Nickname, SERVICE_NAME_BYTES_MAX, Seq, Service,
    ServiceName,
};
pub use context::Context;
pub(crate) use encoding::WireAddress;
pub use encoding::{RECORD_VERSION, RecordDecodeError};
pub use envelope::{Outline, SignedEnvelope, VerifiedEnvelope};
pub use group_key::{Epoch, GROUP_KEYS_MAX, GroupKey, GroupKeyError, GroupKeys};
pub use id::{GridId, HashedNodeId, IdError, NodeId};
pub use sealed::{
    OpenError, SEALED_BODY_BYTES, SEALED_NONCE_BYTES, SEALED_RECORD_VERSION, SEALED_TEXT_BYTES, SealError,
    SealedClaims, SealedRecord, TAG_BYTES, TAGS, Tag, VerifiedSealed,
};
pub use secret::{GridSecret, NodeSecret, SecretError};
pub(crate) use signed::verify as verify_signature;
pub use signed::{RECORD_BYTES_MAX, SIGNATURE_BYTES, SignError, SignatureError, SignedRecord, VerifiedRecord};
pub use time::{LIFETIME_HOURS_MAX, Lifetime, SECONDS_PER_HOUR, Timestamp};
