//! Bytes ↔ requests and answers, version 1. No input or output here.
//!
//! A frame is a big-endian `u32` length and a payload whose length is one of four [`Bucket`]s: a postcard message, then
//! zeros. The first payload of a client starts with a [`Hello`], so every operation costs one round trip; the first payload
//! of an introducer starts with the version it chose. No text, no time of day, no software version crosses the wire.

mod codec;
mod message;
mod padding;

pub use codec::{FrameError, Opening, Welcomed, frame_length};
pub use message::{
    About, AdmissionKind, Blob, HELLO_MAGIC, Hello, LookupMode, PROTOCOL_VERSION, RefusalCode, Request, Response,
    WatchMode,
};
pub use padding::{Bucket, LENGTH_BYTES, RECORDS_BYTES_MAX_SHELF, RECORDS_BYTES_MAX_SHELF_EXACT, REQUEST_BUCKET_MAX};
