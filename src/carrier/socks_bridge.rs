//! A SOCKS port of this machine's loopback, offered as an AF_UNIX socket: bytes are forwarded and not looked at.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    task::JoinSet,
};

use crate::{
    ambient,
    net::{ListenError, Listener, LoopbackTarget, Stream},
};

/// The user who runs the bridge, and nobody else: whoever opens the socket uses the network in that name.
const SOCKET_MODE: u32 = 0o600;
/// Streams at once. A client opens one a role and introducer; the rest waits in the socket's backlog.
pub const BRIDGE_STREAMS_MAX: usize = 256;
/// Loopback answers at once or there is nobody.
const CONNECT_SECONDS_MAX: u64 = 10;
/// Longer than a subscription waits for its tick, so that the bridge is never the first to give up.
const IDLE_SECONDS_MAX: u64 = 900;
/// After one side has ended, the other has no more to say than an answer.
const HALF_CLOSED_SECONDS_MAX: u64 = 120;
/// What is read at once, each way.
const CHUNK_BYTES: usize = 16 * 1024;
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
    let activity = Activity::new();
    let (client_in, client_out) = tokio::io::split(client);
    let (proxy_in, proxy_out) = tokio::io::split(proxy);
    // The first to fail ends both; their sockets are closed with them.
    let _ = tokio::try_join!(forward(client_in, proxy_out, &activity), forward(proxy_in, client_out, &activity));
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

async fn forward<R, W>(mut from: R, mut to: W, activity: &Activity) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let got = activity.unless_idle(from.read(&mut chunk)).await??;
        let Some(bytes) = chunk.get(..got).filter(|bytes| !bytes.is_empty()) else {
            activity.half_closed();
            return to.shutdown().await;
        };
        activity.unless_idle(to.write_all(bytes)).await??;
    }
}

/// When a byte last moved, in either direction: a subscription is quiet one way for days.
struct Activity {
    last_steady_millis: AtomicU64,
    idle_millis_max: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self {
            last_steady_millis: AtomicU64::new(ambient::steady_millis()),
            idle_millis_max: AtomicU64::new(IDLE_SECONDS_MAX * 1000),
        }
    }

    fn half_closed(&self) {
        self.idle_millis_max.store(HALF_CLOSED_SECONDS_MAX * 1000, Relaxed);
    }

    /// Waits for `moving`, as long as anything moves in the whole stream.
    async fn unless_idle<T>(&self, moving: impl Future<Output = T>) -> io::Result<T> {
        let mut moving = std::pin::pin!(moving);
        loop {
            let idle_max = self.idle_millis_max.load(Relaxed);
            let idle = ambient::steady_millis().saturating_sub(self.last_steady_millis.load(Relaxed));
            let Some(left) = idle_max.checked_sub(idle).filter(|left| *left > 0) else {
                return Err(io::ErrorKind::TimedOut.into());
            };
            // A limit that the other direction shortened is seen within its own length.
            let left = Duration::from_millis(left.min(HALF_CLOSED_SECONDS_MAX * 1000));
            if let Ok(moved) = tokio::time::timeout(left, &mut moving).await {
                self.last_steady_millis.store(ambient::steady_millis(), Relaxed);
                return Ok(moved);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_move_ends() {
        let activity = Activity {
            last_steady_millis: AtomicU64::new(ambient::steady_millis()),
            idle_millis_max: AtomicU64::new(50),
        };
        let never = activity.unless_idle(std::future::pending::<()>()).await;
        assert_eq!(never.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn one_direction_that_moves_keeps_the_other() {
        let activity = Activity {
            last_steady_millis: AtomicU64::new(ambient::steady_millis()),
            idle_millis_max: AtomicU64::new(200),
        };
        let moves = async {
            for _ in 0..8 {
                let pause = tokio::time::sleep(Duration::from_millis(50));
                activity.unless_idle(pause).await.unwrap();
            }
        };
        // Quiet for twice the limit, and not ended by it.
        let quiet = activity.unless_idle(tokio::time::sleep(Duration::from_millis(400)));
        let (_, quiet) = tokio::join!(moves, quiet);
        assert!(quiet.is_ok());
    }
}
