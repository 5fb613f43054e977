//! Every IP socket of this program: `cat src/carrier/*` is the complete egress audit. What moves bytes here knows no record.
//!
//! [`tor`] is Tor within this process (arti). For proxies that speak TCP on loopback alone there is [`SocksBridge`]. C tor
//! offers an AF_UNIX socket itself and needs nothing from here.

#[cfg(any(feature = "carrier-loopback", feature = "carrier-tor"))]
mod forward;
mod report;
#[cfg(feature = "carrier-loopback")]
mod socks_bridge;
#[cfg(feature = "carrier-tor")]
pub mod tor;

pub use report::Report;
#[cfg(feature = "carrier-loopback")]
pub use socks_bridge::{BRIDGE_STREAMS_MAX, SocksBridge};
