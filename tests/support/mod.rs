//! What the end-to-end tests stand on: a running introducer, signed records, raw frames, a SOCKS proxy, a Tor network.

pub mod introducer;
pub mod records;
pub mod wire;
