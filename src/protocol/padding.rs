//! Sizes on the wire: four, so that a size tells little.

use super::message::{Request, Response};

/// Bytes of the length in front of a payload.
pub const LENGTH_BYTES: usize = 4;
/// The largest request: a publish, or a document of the grid. An introducer never reads more than this for one frame.
pub const REQUEST_BUCKET_MAX: Bucket = Bucket::FourKib;
/// Message tag, counts and flags of an answer that carries records.
const ENVELOPE_BYTES_MAX: usize = 64;
/// Room for records in one frame of a lookup by prefix.
pub const RECORDS_BYTES_MAX_SHELF: usize = Bucket::SixteenKib.bytes() - ENVELOPE_BYTES_MAX;
/// Room for records in one frame of an exact lookup: one record of any size.
pub const RECORDS_BYTES_MAX_SHELF_EXACT: usize = Bucket::FourKib.bytes() - ENVELOPE_BYTES_MAX;

/// The lengths a payload can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bucket {
    /// 1,024 bytes.
    OneKib,
    /// 4,096 bytes.
    FourKib,
    /// 16,384 bytes.
    SixteenKib,
    /// 65,536 bytes.
    SixtyFourKib,
}

impl Bucket {
    /// All, from small to large.
    pub const ALL: [Self; 4] = [Self::OneKib, Self::FourKib, Self::SixteenKib, Self::SixtyFourKib];

    /// Length of the payload.
    pub const fn bytes(self) -> usize {
        match self {
            Self::OneKib => 1024,
            Self::FourKib => 4096,
            Self::SixteenKib => 16_384,
            Self::SixtyFourKib => 65_536,
        }
    }

    /// Room for records in a frame of this size.
    pub const fn records_bytes_max(self) -> usize {
        self.bytes() - ENVELOPE_BYTES_MAX
    }

    /// The smallest that holds so many bytes.
    pub(super) fn holding(bytes: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|bucket| bytes <= bucket.bytes())
    }

    /// The one of exactly so many bytes.
    pub(super) fn of_length(bytes: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|bucket| bytes == bucket.bytes())
    }
}

impl Request<'_> {
    /// The smallest bucket a request may travel in.
    pub(super) const fn bucket_min(&self) -> Bucket {
        match self {
            Self::Publish { .. } | Self::PutDocument { .. } => Bucket::FourKib,
            _ => Bucket::OneKib,
        }
    }
}

impl Response<'_> {
    /// The smallest bucket an answer may travel in: the answers that one request can get look alike.
    pub(super) const fn bucket_min(&self) -> Bucket {
        match self {
            Self::About(_) | Self::Unsupported | Self::Page { .. } | Self::Reset => Bucket::OneKib,
            Self::Accepted | Self::Refused { .. } | Self::Busy { .. } | Self::ShelfExact { .. } => Bucket::FourKib,
            Self::Document { .. } => Bucket::FourKib,
            Self::Shelf { .. } | Self::Tick { .. } | Self::Evidence { .. } => Bucket::SixteenKib,
            Self::Change { .. } => Bucket::FourKib,
        }
    }
    /// The bucket most of a kind fill: room for it at once, since a frame that grows is copied.
    pub(super) const fn bucket_expected(&self) -> Bucket {
        match self {
            Self::Page { .. } => Bucket::SixteenKib,
            _ => self.bucket_min(),
        }
    }
}
