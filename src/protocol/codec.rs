//! Frames: length, message, zeros. One check a thing that can be wrong.

use alloc::vec::Vec;

use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

use super::{
    message::{HELLO_MAGIC, Hello, Request, Response},
    padding::{Bucket, LENGTH_BYTES},
};

/// Why a frame is not one. The stream ends: who sends this is broken or hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Not one of the four lengths, or more than this side reads.
    #[error("a frame of a length that no message has")]
    Length,
    /// A first frame without the magic.
    #[error("not the protocol of an introducer")]
    Magic,
    /// Not a message.
    #[error("a frame that holds no message")]
    Malformed,
    /// Something hides behind the message.
    #[error("padding that is not zero")]
    Padding,
    /// A message that no frame holds.
    #[error("a message too large for any frame")]
    TooLarge,
}

/// Length of the payload that follows `header`.
///
/// # Errors
/// Any other than a bucket's length, or above `max`: refused before a byte of it is read.
pub fn frame_length(header: [u8; LENGTH_BYTES], max: Bucket) -> Result<usize, FrameError> {
    let length = usize::try_from(u32::from_be_bytes(header)).map_err(|_| FrameError::Length)?;
    match Bucket::of_length(length) {
        Some(bucket) if bucket <= max => Ok(length),
        _ => Err(FrameError::Length),
    }
}

/// The first payload of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening<'a> {
    /// Versions it speaks.
    pub hello: Hello,
    /// `None`: of a kind, or in a version, that is not known here.
    pub request: Option<Request<'a>>,
}

impl<'a> Opening<'a> {
    /// Reads a first payload.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn decode(payload: &'a [u8]) -> Result<Self, FrameError> {
        let rest = payload.strip_prefix(&HELLO_MAGIC).ok_or(FrameError::Magic)?;
        let (&[lowest, highest], rest) = rest.split_first_chunk().ok_or(FrameError::Malformed)?;
        let hello = Hello { lowest, highest };
        if lowest > highest {
            return Err(FrameError::Malformed);
        }
        // A request in a version that is not spoken here can't be judged at all.
        let known = (Hello::OURS.lowest..=Hello::OURS.highest).contains(&lowest);
        Ok(Self { hello, request: if known { Request::decode(rest)? } else { None } })
    }
}

/// The first payload of an introducer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcomed<'a> {
    /// The version it chose; 0 when there is none in common.
    pub version: u8,
    /// The answer.
    pub response: Response<'a>,
}

impl<'a> Welcomed<'a> {
    /// Reads a first payload.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn decode(payload: &'a [u8]) -> Result<Self, FrameError> {
        let (&version, rest) = payload.split_first().ok_or(FrameError::Malformed)?;
        Ok(Self { version, response: Response::decode(rest)? })
    }
}

impl<'a> Request<'a> {
    /// Reads a payload after the first. `None`: a kind that is not known here.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn decode(payload: &'a [u8]) -> Result<Option<Self>, FrameError> {
        let (kind, _) = postcard::take_from_bytes::<u32>(payload).map_err(|_| FrameError::Malformed)?;
        if kind >= Self::KINDS { Ok(None) } else { decode(payload).map(Some) }
    }

    /// A whole frame; with `hello` the first of a stream.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn encode(&self, hello: Option<Hello>) -> Result<Vec<u8>, FrameError> {
        let mut frame = Vec::with_capacity(LENGTH_BYTES + self.bucket_min().bytes());
        frame.extend_from_slice(&[0; LENGTH_BYTES]);
        if let Some(hello) = hello {
            frame.extend_from_slice(&HELLO_MAGIC);
            frame.extend_from_slice(&[hello.lowest, hello.highest]);
        }
        finish(frame, self, self.bucket_min())
    }
}

impl<'a> Response<'a> {
    /// Reads a payload after the first.
    ///
    /// # Errors
    /// See [`FrameError`].
    pub fn decode(payload: &'a [u8]) -> Result<Self, FrameError> {
        decode(payload)
    }

    /// A whole frame; with `version` the first of a stream.
    ///
    /// # Errors
    /// `TooLarge`.
    pub fn encode(&self, version: Option<u8>) -> Result<Vec<u8>, FrameError> {
        let mut frame = Vec::with_capacity(LENGTH_BYTES + self.bucket_expected().bytes());
        frame.extend_from_slice(&[0; LENGTH_BYTES]);
        frame.extend(version);
        finish(frame, self, self.bucket_min())
    }
}

fn decode<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, FrameError> {
    let (message, padding) = postcard::take_from_bytes(payload).map_err(|_| FrameError::Malformed)?;
    // All of it, without stopping at the first: many bytes at a time instead of one.
    let set = padding.iter().fold(0, |set, byte| set | byte);
    if set == 0 { Ok(message) } else { Err(FrameError::Padding) }
}

fn finish(frame: Vec<u8>, message: &impl Serialize, bucket_min: Bucket) -> Result<Vec<u8>, FrameError> {
    let mut frame = postcard::serialize_with_flavor(message, Frame(frame)).map_err(|_| FrameError::TooLarge)?;
    let bucket = Bucket::holding(frame.len() - LENGTH_BYTES).ok_or(FrameError::TooLarge)?.max(bucket_min);
    frame.resize(LENGTH_BYTES + bucket.bytes(), 0);
    if let Some(length) = frame.first_chunk_mut() {
        *length = (bucket.bytes() as u32).to_be_bytes();
    }
    Ok(frame)
}

/// A message behind what is there already. postcard's own way to append (`to_extend`) copies byte by byte.
struct Frame(Vec<u8>);

impl Flavor for Frame {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}
