//! A SOCKS port of this machine's loopback, offered as an AF_UNIX socket: bytes are forwarded and not looked at.

use std::{io, net::SocketAddr, path::Path, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
};

use super::forward::forward;
use crate::net::{ListenError, Listener, LoopbackTarget, Stream};

/// The user who runs the bridge, and nobody else: whoever opens the socket uses the network in that name.
const SOCKET_MODE: u32 = 0o600;
/// Streams at once. A client opens one a role and introducer; the rest waits in the socket's backlog.
pub const BRIDGE_STREAMS_MAX: usize = 256;
/// Loopback answers at once or there is nobody.
const CONNECT_SECONDS_MAX: u64 = 10;
/// After a failed accept (too many open files): what is in the way may be gone by then.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// An AF_UNIX socket that is a port of the loopback.
///
/// # Security
/// Any process of this machine can reach that port by itself; the bridge adds no way that was not there, and takes none
/// away. Where the proxy offers an AF_UNIX socket, use that.
#[derive(Debug)]
pub struct SocksBridge {
    listener: Listener,
    target: LoopbackTarget,
}

impl SocksBridge {
    /// Makes the socket, mode 0600, in place of one that a dead process left behind.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn bind(path: &Path, target: LoopbackTarget) -> Result<Self, ListenError> {
        Ok(Self { listener: Listener::bind(path, SOCKET_MODE)?, target })
    }

    /// Forwards until `until` is through; then all streams end and the socket goes.
    pub async fn run(self, until: impl Future<Output = ()>) {
        let mut streams = JoinSet::new();
        let mut until = std::pin::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return,
                Some(_) = streams.join_next() => {}
                accepted = self.listener.accept(), if streams.len() < BRIDGE_STREAMS_MAX => match accepted {
                    Ok((stream, _)) => {
                        streams.spawn(bridge(stream, self.target));
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                }
            }
        }
    }
}

/// One stream, to its end. What went wrong shows to the client as a stream that ends: there is nothing else to say on it.
async fn bridge(client: Stream, target: LoopbackTarget) {
    let connect = tokio::time::timeout(Duration::from_secs(CONNECT_SECONDS_MAX), connect(target));
    let Ok(Ok(proxy)) = connect.await else { return };
    // Either end sees how it ended: its stream closes.
    let _ = forward(client, proxy).await;
}

#[expect(clippy::disallowed_types, reason = "the one IP socket of this crate; the target is a literal of the loopback")]
async fn connect(target: LoopbackTarget) -> io::Result<impl AsyncRead + AsyncWrite + Unpin> {
    let socket = match target.address() {
        SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
        SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
    };
    let stream = socket.connect(target.address()).await?;
    // Frames are whole when they are written: holding them back only delays them.
    stream.set_nodelay(true)?;
    Ok(stream)
}
