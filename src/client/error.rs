//! What can go wrong between a client and an introducer, and what to do then.

use std::{io, time::Duration};

use crate::{
    net::{DialError, ReadError},
    protocol::{FrameError, Response},
};

/// Why an operation gave no answer. Holds nothing the introducer wrote.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No stream to it.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// It closed the stream in place of an answer.
    #[error("the introducer closed the stream without an answer: try again later, it may be restarting or overloaded")]
    Closed,
    /// The stream broke within a frame.
    #[error("the stream to the introducer broke ({0}): try again")]
    Broken(#[source] io::Error),
    /// No answer, or a part of one, within the deadline.
    #[error("the introducer did not answer in time: try again, or raise the deadline when the network is slow")]
    Deadline,
    /// What it sent is no frame of the protocol.
    #[error("what answers at this address does not speak as an introducer does ({0}): check the address and the port")]
    Frame(#[source] FrameError),
    /// It chose a version that is not spoken here, or there is none in common.
    #[error("no protocol version in common with this introducer: update the older of the two")]
    Version,
    /// It does not know this kind of request.
    #[error("the introducer does not know this kind of request: ask another one, or its operator to update")]
    Unsupported,
    /// It has too much to do.
    #[error("the introducer is busy: ask again in {} seconds", retry_after.as_secs())]
    Busy {
        /// Not to be asked before that.
        retry_after: Duration,
    },
    /// It serves another grid than the one in the settings.
    #[error("this introducer serves another grid: check its address and the grid id")]
    WrongGrid,
    /// It broke a rule of the protocol.
    #[error("the introducer breaks the protocol ({0}): it is faulty or hostile, use another one")]
    Protocol(&'static str),
    /// So many share the prefix that the lookup was given up before the end of the shelf.
    #[error("too many records share the prefix of this lookup: allow more `lookup_bits_max` than {bits_max}")]
    ShelfTooLong {
        /// The client's own maximum, which was sent or not reached.
        bits_max: u16,
    },
    /// The operating system: no randomness.
    #[error("{0}")]
    System(#[source] io::Error),
    /// The runtime that carried a subscription is gone.
    #[error("the subscription has ended with the runtime it was started on")]
    Ended,
}

/// Longest pause an introducer can ask for: nothing it says keeps a client away for longer.
const RETRY_AFTER_SECONDS_MAX: u32 = 3600;

/// How long an introducer wants to be left alone.
pub(super) fn retry_after(seconds: u32) -> Duration {
    Duration::from_secs(seconds.min(RETRY_AFTER_SECONDS_MAX).into())
}

impl ClientError {
    /// What an answer means that is none to the question.
    pub(super) fn unfit(response: &Response<'_>) -> Self {
        match response {
            Response::Unsupported => Self::Unsupported,
            Response::Busy { retry_after_seconds } => Self::Busy { retry_after: retry_after(*retry_after_seconds) },
            _ => Self::Protocol("an answer to another question"),
        }
    }

    /// How long the introducer wants to be left alone, if it said so.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// A stream that was lost, as streams of anonymizing networks are: no fault of what was asked.
    pub(super) const fn is_lost_stream(&self) -> bool {
        matches!(self, Self::Closed | Self::Broken(_) | Self::Deadline)
    }
}

impl From<ReadError<FrameError>> for ClientError {
    fn from(error: ReadError<FrameError>) -> Self {
        match error {
            ReadError::Closed => Self::Closed,
            ReadError::Broken(error) => Self::Broken(error),
            ReadError::Deadline => Self::Deadline,
            ReadError::Refused(error) => Self::Frame(error),
        }
    }
}
