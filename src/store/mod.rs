//! What outlives the process: one row per node, and the grid's list of revoked keys, in a redb file. The only database code.
//!
//! [`open`] → [`Opened::load`] (every row, to be verified by the caller) → [`Loaded::accept`] → [`Store::commit`], or
//! [`GroupCommit`] around it. Up to `accept` not one byte of an existing store changes: a store that can't be read whole
//! and right is left as it is. Nothing in here decides anything about records, and nothing reads a clock.
//!
//! # Guarantees, and the test of each
//! - What [`Store::commit`] acknowledged is there after a crash at any moment, a group wholly or not at all:
//!   `crash::every_image_of_a_crash_holds_what_was_acknowledged`.
//! - A damaged file is loaded completely and correctly, or refused and left as it is:
//!   `damage::a_damaged_store_is_right_or_refused_and_untouched`.
//! - A full disk is [`CommitError::Full`] until there is room again, without a restart: `full::…`, and on a real file
//!   system `tests/store.rs`.
//!
//! # Security
//! redb's checksums (XXH3) protect against accidents, not against who can write to the file: such a one could take rows
//! away unseen. Records they can't forge, as the caller verifies every signature.

mod commit;
mod error;
mod group;
mod header;
mod invitation;
mod load;
mod log;
mod medium;
mod quarantine;
mod row;

#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod fault;
#[cfg(test)]
mod full;
#[cfg(test)]
mod model;

use std::sync::Arc;

pub use commit::{RETRY_MILLIS, Store};
pub use error::{CommitError, Damage, FatalError, OpenError};
pub use group::{Backlog, GROUP_WRITES_MAX, GroupCommit, QUEUE_SUBMISSIONS_MAX};
pub use load::{CHUNK_ROWS_MAX, Loaded, Opened, make_directory, open};

use crate::record::{NodeId, SignedEnvelope, Timestamp};

/// What the directory has to remember beside its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The latest hour ever seen: a clock that is behind it is wrong.
    pub latest_hour: Timestamp,
    /// Floors up to this hour were forgotten: what could have been forgotten can't be told from what is new.
    pub forgotten_until: Timestamp,
}

/// What a store may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of records (with 40 bytes each of key and times) and of evidence. The file takes up to about four times
    /// this: superseded rows are dropped in arrears, and redb keeps pages half full and doubles the file as it grows.
    pub content_bytes_max: u64,
}

/// A node's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The hour its record was accepted.
    pub accepted: Timestamp,
    /// The hour until which its seq floor, which is this record's seq, has to be kept.
    pub floor_until: Timestamp,
    /// The record, decoded; nobody has verified it since it was written.
    pub record: SignedEnvelope,
}

/// Two records of one node with one seq.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Who signed both.
    pub node: NodeId,
    /// The records, decoded but unverified.
    pub pair: [SignedEnvelope; 2],
}

/// What became of an invitation of the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The one-use key.
    pub key: NodeId,
    /// The record that rests on it, decoded but unverified.
    pub first: SignedEnvelope,
    /// The grants with which its node may stay, well-formed.
    pub grants: Option<Arc<[u8]>>,
    /// Another node's record that rests on it, decoded but unverified.
    pub second: Option<SignedEnvelope>,
}

/// A part of what is loaded, so that a large store is never in memory twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// At most [`CHUNK_ROWS_MAX`] rows, in no particular order; each node once in all of them.
    Rows(Vec<Row>),
    /// At most [`CHUNK_ROWS_MAX`] pairs.
    Evidence(Vec<Evidence>),
    /// At most [`CHUNK_ROWS_MAX`] invitations.
    Invitations(Vec<Invitation>),
}

/// A change. Of several to one node in a group, the last counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Sets a node's row.
    Put {
        /// Whose.
        node: NodeId,
        /// The hour its record was accepted.
        accepted: Timestamp,
        /// How long its floor has to be kept.
        floor_until: Timestamp,
        /// The signed record, exactly as received.
        record: Arc<[u8]>,
    },
    /// Forgets a node's row, and with it its floor.
    Delete(NodeId),
    /// Sets a node's evidence.
    Evidence {
        /// Whose.
        node: NodeId,
        /// Two signed records with one seq, exactly as received.
        pair: [Arc<[u8]>; 2],
    },
    /// Forgets a node's evidence.
    ForgetEvidence(NodeId),
    /// Sets what became of an invitation.
    Invitation {
        /// The one-use key.
        key: NodeId,
        /// The signed record that rests on it.
        first: Arc<[u8]>,
        /// The grants with which its node may stay.
        grants: Option<Arc<[u8]>>,
        /// Another node's signed record that rests on it.
        second: Option<Arc<[u8]>>,
    },
    /// Forgets what became of an invitation.
    ForgetInvitation(NodeId),
    /// Sets the grid's list of revoked keys, exactly as received.
    Revocations(Arc<[u8]>),
    /// Sets the newest key of a sealed grid, wrapped for its members, exactly as received.
    KeyEpoch(Arc<[u8]>),
}

impl Write {
    /// Whether it is tried by itself where there is no room: it makes some, or takes the place of what was there.
    const fn frees(&self) -> bool {
        matches!(
            self,
            Self::Delete(_)
                | Self::ForgetEvidence(_)
                | Self::ForgetInvitation(_)
                | Self::Revocations(_)
                | Self::KeyEpoch(_)
        )
    }
}
