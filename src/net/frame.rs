//! Reading one length-prefixed frame with a deadline on the whole of it.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of the length in front of a frame.
const LENGTH_BYTES: usize = 4;

/// Why no frame came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError<E> {
    /// The other side closed between two frames.
    #[error("the other side closed the stream")]
    Closed,
    /// It closed, or the socket failed, within a frame.
    #[error("the stream broke")]
    Broken(#[source] std::io::Error),
    /// The frame did not come in time.
    #[error("nothing came in time")]
    Deadline,
    /// The length is refused; nothing of the payload was read.
    #[error(transparent)]
    Refused(E),
}

/// Reads one frame: `idle` for its first byte, `whole` from there to its last. `length` judges the header before memory is
/// taken for the payload; `buffer` is reused and holds the payload afterwards.
///
/// # Errors
/// See [`ReadError`]; the stream is of no use then.
pub async fn read_frame<R: AsyncRead + Unpin, E>(
    stream: &mut R,
    buffer: &mut Vec<u8>,
    idle: Duration,
    whole: Duration,
    length: impl FnOnce([u8; LENGTH_BYTES]) -> Result<usize, E>,
) -> Result<(), ReadError<E>> {
    let mut header = [0; LENGTH_BYTES];
    let first = tokio::time::timeout(idle, stream.read(&mut header)).await.map_err(|_| ReadError::Deadline)?;
    let got = first.map_err(ReadError::Broken)?;
    if got == 0 {
        return Err(ReadError::Closed);
    }
    let rest = async {
        let missing = header.get_mut(got..).unwrap_or_default();
        stream.read_exact(missing).await.map_err(ReadError::Broken)?;
        let length = length(header).map_err(ReadError::Refused)?;
        buffer.clear();
        buffer.resize(length, 0);
        stream.read_exact(buffer).await.map_err(ReadError::Broken)?;
        Ok(())
    };
    tokio::time::timeout(whole, rest).await.map_err(|_| ReadError::Deadline)?
}
