//! The one clock and the one source of randomness. Everything else takes them as arguments.

use crate::{directory::Now, record::Timestamp};

/// This hour, by the wall clock. An hour is all that is ever asked.
pub fn wall() -> Timestamp {
    Timestamp::from_unix_seconds(wall_seconds())
}

/// Seconds since the Unix epoch, by the wall clock: for a private Tor network of this machine, whose nodes vote by the
/// second.
///
/// # Security
/// Nothing that leaves this machine may depend on it: how far a clock is off tells machines apart.
pub(crate) fn wall_seconds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Milliseconds of a clock that never jumps and goes on while the machine sleeps (`CLOCK_BOOTTIME`). Only differences mean
/// anything.
pub fn steady_millis() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the steady clock")]
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    (now.tv_sec as u64).saturating_mul(1000).saturating_add(now.tv_nsec as u64 / 1_000_000)
}

/// This moment by both clocks.
pub fn now() -> Now {
    Now { wall: wall(), steady_millis: steady_millis() }
}

/// Bytes of the operating system's generator.
///
/// # Errors
/// When the system has none: nothing that needs randomness may go on.
pub fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for randomness")]
    getrandom::fill(&mut bytes).map_err(|_| std::io::Error::other("the system's random generator does not answer"))?;
    Ok(bytes)
}

/// A number from `low` to `high`, both included, for jitter: unpredictable, not perfectly even.
///
/// # Errors
/// See [`random`].
pub fn random_between(low: u64, high: u64) -> std::io::Result<u64> {
    let span = high.saturating_sub(low).saturating_add(1);
    Ok(low + u64::from_le_bytes(random()?) % span.max(1))
}
