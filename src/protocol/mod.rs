//! Bytes ↔ requests and answers, version 1. No input or output here.
//!
//! # Frames
//!
//! A frame is a big-endian `u32` length and a payload whose length is one of four [`Bucket`]s (1, 4, 16, 64 KiB): a postcard
//! message, then zeros. Any other length, a byte of padding that is not zero, and a message that does not decode end the
//! stream. The first payload of a client starts with a [`Hello`]: `anteroom`, the lowest and the highest version it speaks;
//! the request that follows is in the lowest, so every operation costs one round trip. The first payload of an introducer
//! starts with the version it chose (0: none in common, the stream ends). A request of an unknown kind is answered
//! `Unsupported`, and the stream goes on. No text, no time of day, no software version crosses the wire.
//!
//! # Requests and their answers
//!
//! | request | answer |
//! |---|---|
//! | `About` | `About`: grid, admission, address kinds, limits, how to look up, how changes are delivered |
//! | `Publish` | `Accepted` (durable), `Refused` with a code and, for `Stale` and `SeqConflict`, the record listed instead, or `Busy` with seconds to wait; all of one size |
//! | `Lookup` with up to 255 bits | `Shelf`: every record whose hashed node id starts with the bits, in frames of one size; `more_after` goes into the next request; `bits` is what this introducer wants to be asked with: the longest prefix that keeps 16 records together on average |
//! | `Lookup` with 256 bits | `ShelfExact`: the record or none, in frames of one size |
//! | `List` | `Page`s of records in the order of acceptance, as many as there is credit for, without a round trip each, up to the one with `end`; `Credit` adds to it at any time and is ignored after the end |
//! | `Watch` | `Page`s up to `end`, then `Tick`s of one size at about the announced interval, changed or not; or `Change`s at once where the grid set that (an empty one now and then shows that the stream lives). `Reset`: the reader lags, the introducer stops, or keys were revoked; ask for the list of those, and start again |
//! | `Evidence` | the two records a node signed with one seq, if that is known; of the key of an invitation: records of two nodes that rest on it |
//! | `PutDocument` | as `Publish`, for what the grid's key signed (0 the list of revoked keys, 2 the key of a sealed grid's epoch), and for grants that confirm an invited node (1); of an unknown kind: `Unsupported` |
//! | `GetDocument` | `Document`: the newest of its kind, or none |
//! | `Confirmation` | `Document`: the grants with which the node may stay, each behind its length (two bytes, the larger first), or none |
//!
//! Any request may be answered `Busy`. `since_hours` means records accepted in that hour or later, by the introducer's clock;
//! readers go back two hours further than they remember, duplicates are harmless. Who lists a service from the beginning is
//! told of records that offer it; who resumes is told, besides, of withdrawals and of records that dropped a service.
//! Positions do not cross the wire: they would be a cookie.
//!
//! In a sealed grid `List` and `Watch` name the tag of a service, in hexadecimal, in the place of its name.
//!
//! `tests/vectors/protocol/` holds a frame of each kind, frozen.

mod codec;
mod message;
mod padding;

pub use codec::{FrameError, Opening, Welcomed, frame_length};
pub use message::{
    About, AdmissionKind, Blob, DocumentKind, HELLO_MAGIC, Hello, LookupMode, PROTOCOL_VERSION, RefusalCode, Request,
    Response, WatchMode,
};
pub use padding::{Bucket, LENGTH_BYTES, RECORDS_BYTES_MAX_SHELF, RECORDS_BYTES_MAX_SHELF_EXACT, REQUEST_BUCKET_MAX};
