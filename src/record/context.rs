//! Domain separation: every kind of signed thing has a context string in front of the bytes that are signed.

/// What a signature is for. A signature made for one kind verifies for no other.
///
/// The strings end in NUL and none contains another NUL, so that none is a prefix of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// A node's contact record.
    ContactRecord,
    /// A node's contact record, sealed for the members of its grid.
    SealedRecord,
    /// A link of a delegation chain from the grid key to a node.
    Grant,
    /// The grid's list of revoked grants.
    RevocationList,
    /// The next key of a sealed grid, wrapped for its members.
    KeyEpoch,
    /// The grid's list of introducers.
    BootPage,
}

impl Context {
    /// Every kind, for tests that offer each to every other verifier.
    pub const ALL: [Self; 6] =
        [Self::ContactRecord, Self::SealedRecord, Self::Grant, Self::RevocationList, Self::KeyEpoch, Self::BootPage];

    /// The bytes in front of the signed ones.
    pub const fn prefix(self) -> &'static [u8] {
        match self {
            Self::ContactRecord => b"anteroom v1 contact record\0",
            Self::SealedRecord => b"anteroom v1 sealed record\0",
            Self::Grant => b"anteroom v1 grant\0",
            Self::RevocationList => b"anteroom v1 revocation list\0",
            Self::KeyEpoch => b"anteroom v1 key epoch\0",
            Self::BootPage => b"anteroom v1 boot page\0",
        }
    }

    /// The message that is signed: context, then `body`.
    pub(super) fn message(self, body: &[u8]) -> alloc::vec::Vec<u8> {
        [self.prefix(), body].concat()
    }
}
