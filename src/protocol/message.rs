//! The messages. Their order in these enums is their number on the wire and never changes; new ones go to the end.

use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The one version so far.
pub const PROTOCOL_VERSION: u8 = 1;
/// First bytes of a stream: who answers something else is no introducer.
pub const HELLO_MAGIC: [u8; 8] = *b"anteroom";

/// Versions a client speaks. Its own encoding (10 bytes) never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The lowest; the request that travels along is encoded in it.
    pub lowest: u8,
    /// The highest.
    pub highest: u8,
}

impl Hello {
    /// What this software speaks.
    pub const OURS: Self = Self { lowest: PROTOCOL_VERSION, highest: PROTOCOL_VERSION };

    /// The highest version both speak.
    pub fn choose(self, other: Self) -> Option<u8> {
        let chosen = self.highest.min(other.highest);
        (chosen >= self.lowest && chosen >= other.lowest).then_some(chosen)
    }
}

/// Bytes of a signed thing, borrowed from the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob<'a>(pub &'a [u8]);

impl Serialize for Blob<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Blob<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;
        impl<'de> de::Visitor<'de> for Borrowed {
            type Value = &'de [u8];
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_bytes(Borrowed).map(Blob)
    }
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Which grid, which rules?
    About,
    /// Take this signed record.
    Publish {
        /// The signed bytes.
        #[serde(borrow)]
        record: Blob<'a>,
    },
    /// All records whose hashed node id starts with the first `bits` of `prefix`.
    Lookup {
        /// Bits beyond the first `bits` are zero.
        prefix: [u8; 32],
        /// 0 to 256.
        bits: u16,
        /// The hash an earlier answer ended with.
        after: Option<[u8; 32]>,
    },
    /// Records in the order of their acceptance.
    List {
        /// One service, or all.
        service: Option<&'a str>,
        /// Those accepted in this hour or later.
        since_hours: Option<u32>,
        /// So many pages may come without another word.
        credit_pages: u16,
    },
    /// During a listing: so many pages more.
    Credit {
        /// Added to what is left.
        pages: u16,
    },
    /// A listing that goes on with what changes.
    Watch {
        /// One service, or all.
        service: Option<&'a str>,
        /// Those accepted in this hour or later.
        since_hours: Option<u32>,
    },
    /// The two records a node signed with one seq, or of two nodes that rest on one invitation, if that is known.
    Evidence {
        /// The node, or the key of the invitation.
        node: [u8; 32],
    },
    /// Take this document of the grid.
    PutDocument {
        /// What it is.
        kind: DocumentKind,
        /// The signed bytes.
        #[serde(borrow)]
        document: Blob<'a>,
    },
    /// The newest document of this kind.
    GetDocument {
        /// Which.
        kind: DocumentKind,
    },
    /// The grants with which a node may stay that came by an invitation, if whoever invited it brought them.
    Confirmation {
        /// The node.
        node: [u8; 32],
    },
}

impl Request<'_> {
    /// Number of kinds; what is numbered higher is [`Response::Unsupported`].
    pub(super) const KINDS: u32 = 10;
}

/// What is signed for others to have. Open, unlike an enum: a kind that is not known is [`Response::Unsupported`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentKind(pub u8);

impl DocumentKind {
    /// The list of revoked keys.
    pub const REVOCATIONS: Self = Self(0);
    /// The grants with which a node may stay. Only to be put: a node asks for its own with [`Request::Confirmation`].
    pub const CONFIRMATION: Self = Self(1);
    /// The newest key of a sealed grid, wrapped for its members.
    pub const KEY_EPOCH: Self = Self(2);
}

/// What an introducer answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response<'a> {
    /// The request is of a kind or version that is not known here.
    Unsupported,
    /// Not now. Nothing was changed.
    Busy {
        /// Ask again after so many seconds.
        retry_after_seconds: u32,
    },
    /// To `About`.
    About(About),
    /// To `Publish` and `PutDocument`: durable.
    Accepted,
    /// To `Publish` and `PutDocument`.
    Refused {
        /// Why.
        code: RefusalCode,
        /// With `Stale` and `SeqConflict`: what is kept instead, so that whoever signed it can go on from it.
        #[serde(borrow)]
        current: Option<Blob<'a>>,
    },
    /// To `Lookup`.
    Shelf {
        /// Signed records.
        #[serde(borrow)]
        records: Vec<Blob<'a>>,
        /// There is more behind this hash.
        more_after: Option<[u8; 32]>,
        /// The prefix length this introducer asks for.
        bits: u16,
    },
    /// To `Lookup` with all 256 bits.
    ShelfExact {
        /// The signed record, if there is one.
        #[serde(borrow)]
        record: Option<Blob<'a>>,
    },
    /// To `List`, and to `Watch` until it has caught up.
    Page {
        /// Signed records.
        #[serde(borrow)]
        records: Vec<Blob<'a>>,
        /// Nothing more at the moment.
        end: bool,
    },
    /// To `Watch`, once a tick, changed or not.
    Tick {
        /// Signed records.
        #[serde(borrow)]
        records: Vec<Blob<'a>>,
        /// Nothing more at the moment; else the rest comes with the next ticks.
        end: bool,
    },
    /// To `Watch`, at once, where the grid set immediate delivery.
    Change {
        /// Signed records.
        #[serde(borrow)]
        records: Vec<Blob<'a>>,
    },
    /// To `Watch`: start again; the stream ends.
    Reset,
    /// To `Evidence`.
    Evidence {
        /// Both signed records.
        #[serde(borrow)]
        pair: Option<(Blob<'a>, Blob<'a>)>,
    },
    /// To `GetDocument` and `Confirmation`.
    Document {
        /// The signed bytes, if there are any.
        #[serde(borrow)]
        document: Option<Blob<'a>>,
    },
}

/// The rules of an introducer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The grid it serves.
    pub grid: [u8; 32],
    /// Who may publish.
    pub admission: AdmissionKind,
    /// Onion addresses are admitted.
    pub onion: bool,
    /// I2P addresses are admitted.
    pub i2p: bool,
    /// Clearnet addresses are admitted.
    pub clearnet: bool,
    /// Largest signed record.
    pub record_bytes_max: u16,
    /// Longest lifetime.
    pub lifetime_hours_max: u16,
    /// Longest lifetime of a key that is new to this introducer.
    pub new_key_lifetime_hours_max: u16,
    /// How to look up.
    pub lookup: LookupMode,
    /// How changes are delivered.
    pub watch: WatchMode,
}

/// Who may publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdmissionKind {
    /// Whoever signs for this grid.
    Open,
    /// Whoever has a grant.
    Granted,
    /// Whom the introducer's operator lists.
    Listed,
}

/// How an introducer wants to be asked for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LookupMode {
    /// By so many bits: a crowd is named, not a node.
    Prefix {
        /// The same for everybody.
        bits: u16,
    },
    /// By the whole hash: the grid chose small answers over privacy from its introducer.
    Exact,
}

/// How an introducer delivers changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WatchMode {
    /// In equal frames at about this interval.
    Tick {
        /// Mean time between two frames.
        seconds: u16,
    },
    /// At once: the grid chose speed over hiding when a record changed.
    Immediate,
}

/// Why a record was refused. Closed: a new reason is a new protocol version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RefusalCode {
    /// Over 2 KiB.
    TooLarge,
    /// Not the structure of a record.
    Malformed,
    /// Another spelling of what has one.
    NotCanonical,
    /// A record version that is not known here.
    RecordVersion,
    /// A claim over its limit.
    Limit,
    /// For another grid.
    WrongGrid,
    /// Grants in an open grid.
    Grants,
    /// A kind of address this grid does not admit.
    AddressKind,
    /// From more than two hours ahead.
    IssuedInFuture,
    /// Over.
    Expired,
    /// A higher seq is known.
    Stale,
    /// Another record with this seq is known.
    SeqConflict,
    /// The signature does not hold.
    Signature,
    /// More hours than a new key is given now; `About` says how many.
    LifetimeTooLong,
    /// The introducer keeps as many keys as it may.
    Full,
    /// Only nodes with a grant may publish, and the record carries none.
    NoGrant,
    /// The grants do not lead from the grid to the node.
    GrantChain,
    /// The signature of a grant does not hold.
    GrantSignature,
    /// A grant is over.
    GrantExpired,
    /// The record would outlast a grant it rests on.
    OutlivesGrant,
    /// A key that the grants lead through is revoked.
    Revoked,
    /// A service that the node has no right to offer.
    Rights,
    /// The introducer's operator does not list the node.
    NotListed,
    /// As many nodes as may rest on one issuer do.
    IssuerFull,
    /// Another node is listed through the same invitation.
    InvitationUsed,
    /// In clear for a sealed grid, or sealed for one that is not.
    Sealing,
}

impl RefusalCode {
    /// Every code, for tests and documentation.
    pub const ALL: [Self; 26] = [
        Self::TooLarge,
        Self::Malformed,
        Self::NotCanonical,
        Self::RecordVersion,
        Self::Limit,
        Self::WrongGrid,
        Self::Grants,
        Self::AddressKind,
        Self::IssuedInFuture,
        Self::Expired,
        Self::Stale,
        Self::SeqConflict,
        Self::Signature,
        Self::LifetimeTooLong,
        Self::Full,
        Self::NoGrant,
        Self::GrantChain,
        Self::GrantSignature,
        Self::GrantExpired,
        Self::OutlivesGrant,
        Self::Revoked,
        Self::Rights,
        Self::NotListed,
        Self::IssuerFull,
        Self::InvitationUsed,
        Self::Sealing,
    ];
}
