//! What was received and not shown, by reason.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::record::OpenError;

/// Each reason once, with its count for users.
macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident => $count:ident,)*) => {
        /// Why one record is not shown.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum DropReason {
            $($reason,)*
        }

        /// Records that were received and not shown, by the first thing wrong with each. An honest introducer adds to
        /// `expired` at most, when the clocks differ.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Dropped {
            $($(#[$doc])* pub $count: u64,)*
        }

        /// Counts of [`Dropped`], shared by all that a client does.
        #[derive(Debug, Default)]
        pub(super) struct Tally {
            $($count: AtomicU64,)*
        }

        impl Tally {
            pub(super) fn count(&self, reason: DropReason) {
                match reason {
                    $(DropReason::$reason => &self.$count,)*
                }
                .fetch_add(1, Relaxed);
            }

            pub(super) fn dropped(&self) -> Dropped {
                Dropped { $($count: self.$count.load(Relaxed),)* }
            }
        }
    };
}

reasons! {
    /// Not a record in its one spelling.
    Malformed => malformed,
    /// Of another grid.
    WrongGrid => wrong_grid,
    /// Of a node, a shelf or a service that was not asked for.
    NotAsked => not_asked,
    /// With an address of a kind that the settings do not admit.
    AddressKind => address_kind,
    /// Over, by the own clock.
    Expired => expired,
    /// Issued later than the own clock and its tolerance.
    IssuedInFuture => issued_in_future,
    /// Not signed by the node it names.
    Signature => signature,
    /// In a subscription: no newer than what was shown of this node.
    NotNewer => not_newer,
    /// In a granted grid: without grants that allow it.
    Grant => grant,
    /// In a granted grid: resting on a key that was revoked.
    Revoked => revoked,
    /// In clear where all are to be sealed, or sealed where there is no group key to read them with.
    Sealing => sealing,
    /// Sealed under the group key of an epoch that is not at hand.
    Epoch => epoch,
    /// Sealed under another group key than the one of that epoch at hand.
    GroupKey => group_key,
    /// Sealed, and its body is not one of this record.
    SealedBody => sealed_body,
}

impl From<OpenError> for DropReason {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Epoch => Self::Epoch,
            OpenError::Commitment => Self::GroupKey,
            _ => Self::SealedBody,
        }
    }
}
