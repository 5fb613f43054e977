//! arti's stream, whose end is an end: it tells a stream that the other side closed as an error.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use arti_client::DataStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream through Tor.
pub(super) struct Onion(pub(super) DataStream);

impl AsyncRead for Onion {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // Nothing is lost by taking every failure for the end: frames carry their own length.
        let _ = ready!(AsyncRead::poll_read(Pin::new(&mut self.0), cx, buf));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Onion {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.0), cx, bytes).map_err(closed)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.0), cx).map_err(closed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.0), cx).map_err(closed)
    }
}

/// Kept apart from a reset by the introducer, which is an error of the AF_UNIX stream.
fn closed(_: io::Error) -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}
