//! Every IP socket of this program: `cat src/carrier/*` is the complete egress audit. What moves bytes here knows no record.
//!
//! For proxies that speak TCP on loopback alone there is [`SocksBridge`]. C tor offers an AF_UNIX socket itself and needs
//! nothing from here.

mod report;
#[cfg(feature = "carrier-loopback")]
mod socks_bridge;

pub use report::Report;
#[cfg(feature = "carrier-loopback")]
pub use socks_bridge::{BRIDGE_STREAMS_MAX, SocksBridge};
