//! What may be logged: nothing that names anybody.

use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// A value that prints as `…`: it can be handed around and logged by mistake without telling anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Wraps.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for use and not for print.
    pub const fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> std::fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl<T> std::fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Starts logging to standard error. `verbosity` 0 logs warnings, 1 informs, 2 and more debug; libraries are two steps more
/// silent, since they do not know what must not be told. Lines carry no time: what collects them adds its own, and an hour
/// is all that this program knows.
pub fn logging(verbosity: u8) {
    let level = |verbosity: i16| match verbosity {
        ..0 => LevelFilter::ERROR,
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let verbosity = i16::from(verbosity);
    let levels =
        Targets::new().with_default(level(verbosity - 2)).with_target(env!("CARGO_CRATE_NAME"), level(verbosity));
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(false).without_time();
    // A second start in one process keeps the first.
    let _ = tracing_subscriber::registry().with(lines.with_filter(levels)).try_init();
}
