//! Who belongs to a grid: grants (who may publish), invitations, and the grid's list of revoked keys.
//!
//! A [`Grant`] is a link: the grid's key, or a key that was granted something itself, grants rights to another key for a
//! time. Up to [`GRANTS_MAX`](crate::record::GRANTS_MAX) links in a row, from the grid's key to a node, are a [`Chain`],
//! and stand in the node's record. [`Chain::read`] asks everything that costs no signature; [`Chain::verify`] checks a
//! signature for each link that is not among the [`KnownGrants`], and its [`VerifiedChain`] is the proof.
//!
//! What was granted is taken back by key: a [`RevocationList`], signed by the grid's key, names keys through which no chain
//! holds any more. It is a whole list each time, with a number that only grows and an hour by which the next one is due, so
//! that whoever withholds the next one is noticed.
//!
//! A sealed grid has a key that its members share; a [`KeyEpoch`] wraps the next one for those who are still in.
//!
//! As with records, the bytes received are what is verified, kept and passed on; each kind of signed thing has a context
//! string of its own ([`Context`](crate::record::Context)) and one spelling.

mod bundle;
mod chain;
mod document;
mod grant;
mod invitation;
mod key_epoch;
mod known;
mod revocation;
mod rights;
mod wire;

pub use bundle::{BUNDLE_BYTES_MAX, BundleError, GrantBundle};
pub use chain::{Chain, ChainError, VerifiedChain};
pub use document::{DocumentHead, SignedDocument, VerifiedDocument};
pub use grant::{
    GRANT_LIFETIME_HOURS_MAX, GRANT_VERSION, Grant, GrantClaimError, GrantDecodeError, GrantKind, GrantSignError,
    INVITATION_LIFETIME_HOURS_MAX, SignedGrant,
};
pub use invitation::{INTRODUCERS_PER_INVITATION_MAX, INVITATION_BYTES_MAX, Invitation, InvitationError};
pub use key_epoch::{
    EpochTerms, KEY_EPOCH_VERSION, KeyEpoch, KeyEpochError, MEMBERS_PER_EPOCH_MAX, SignedKeyEpoch, UnwrapError,
    VerifiedKeyEpoch, WrapError,
};
pub use known::KnownGrants;
pub use revocation::{
    DOCUMENT_BYTES_MAX, NEXT_UPDATE_HOURS_MAX, REVOCATION_LIST_VERSION, REVOCATIONS_MAX, Revocation, RevocationError,
    RevocationList, SignedRevocations, VerifiedRevocations,
};
pub use rights::{Rights, SERVICES_PER_GRANT_MAX, ServiceSet};
