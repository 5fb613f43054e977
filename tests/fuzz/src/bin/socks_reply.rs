//! What a SOCKS proxy answers, byte for byte.
#![no_main]

use std::{
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use anteroom::net::{Isolation, handshake};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A proxy that says what the fuzzer wants and takes everything.
struct Proxy<'a>(&'a [u8]);

impl AsyncRead for Proxy<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = buffer.remaining().min(self.0.len());
        let (now, later) = self.0.split_at(count);
        buffer.put_slice(now);
        self.0 = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Proxy<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fuzz_target!(|replies: &[u8]| {
    let isolation = Isolation { username: "u".into(), password: "p".into() };
    let mut proxy = Proxy(replies);
    let asked = pin!(handshake(&mut proxy, "example.onion", 80, &isolation));
    let Poll::Ready(answer) = asked.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("a proxy that never waits made the handshake wait");
    };
    if answer.is_ok() {
        assert!(replies.starts_with(&[5, 2, 1, 0, 5, 0]));
    }
});
