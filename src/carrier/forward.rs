//! Bytes from one stream to another and back, not looked at.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::ambient;

/// Longer than the longest pause between two ticks of an introducer (an hour and its jitter), so that a carrier is never
/// the first to give up.
const IDLE_SECONDS_MAX: u64 = 6_000;
/// After one side has ended, the other has no more to say than an answer.
const HALF_CLOSED_SECONDS_MAX: u64 = 120;
/// What is read at once, each way.
const CHUNK_BYTES: usize = 16 * 1024;

/// Forwards both ways until both have ended, one fails, or nothing moves for too long.
///
/// # Errors
/// Of the stream that failed first, or `TimedOut`. Both are closed then.
pub(super) async fn forward<A, B>(a: A, b: B) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let activity = Activity::new();
    let (a_in, a_out) = tokio::io::split(a);
    let (b_in, b_out) = tokio::io::split(b);
    tokio::try_join!(one_way(a_in, b_out, &activity), one_way(b_in, a_out, &activity)).map(drop)
}

async fn one_way<R, W>(mut from: R, mut to: W, activity: &Activity) -> io::Result<()>
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
        // An onion stream gathers what is written into cells.
        activity.unless_idle(to.flush()).await??;
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
