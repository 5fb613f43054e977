//! The loopback bridge, end to end.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt as _, time::Duration};

use anteroom::{
    carrier::{BRIDGE_STREAMS_MAX, SocksBridge},
    net::{LoopbackTarget, Stream},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A TCP server on loopback that sends back what it gets, then says goodbye.
#[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "the other side of the bridge is a TCP port")]
fn echo() -> LoopbackTarget {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(1024).unwrap();
    let target = listener.local_addr().unwrap().to_string().parse().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await.unwrap();
                write.write_all(b"goodbye").await.unwrap();
            });
        }
    });
    target
}

#[tokio::test]
async fn bytes_pass_both_ways_and_so_does_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socks");
    let bridge = SocksBridge::bind(&path, echo()).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(bridge.run(async { drop(stopped.await) }));
    let sent: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
    let (mut read, mut write) = Stream::connect(&path).await.unwrap().into_split();
    let back = async {
        let mut back = Vec::new();
        read.read_to_end(&mut back).await.unwrap();
        back
    };
    let there = async {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let (back, ()) = tokio::join!(back, there);
    assert_eq!(back, [sent.as_slice(), b"goodbye"].concat());
    stop.send(()).unwrap();
    running.await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn streams_beyond_the_limit_wait_for_a_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socks");
    tokio::spawn(SocksBridge::bind(&path, echo()).unwrap().run(std::future::pending()));
    let mut streams = Vec::new();
    for _ in 0..BRIDGE_STREAMS_MAX {
        let mut stream = Stream::connect(&path).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
        streams.push(stream);
    }
    let mut late = Stream::connect(&path).await.unwrap();
    late.write_all(b"x").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), late.read_u8()).await;
    assert!(early.is_err());
    streams.pop();
    assert_eq!(late.read_u8().await.unwrap(), b'x');
}

#[tokio::test]
async fn where_nobody_listens_the_stream_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socks");
    // The discard port of loopback: nobody has it.
    let target = "127.254.253.252:9".parse().unwrap();
    tokio::spawn(SocksBridge::bind(&path, target).unwrap().run(std::future::pending()));
    let mut stream = Stream::connect(&path).await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}
