//! The client against introducers that lie, stall and break off, over a SOCKS proxy on an AF_UNIX socket.
#![cfg(feature = "client")]

#[cfg(test)]
#[cfg(feature = "carrier-loopback")]
#[path = "client/bridge.rs"]
mod bridge;
#[path = "support/fake_introducer.rs"]
mod fake_introducer;
#[cfg(test)]
#[path = "client/granted.rs"]
mod granted;
#[cfg(test)]
#[path = "client/harness.rs"]
mod harness;
#[cfg(test)]
#[path = "client/hostile.rs"]
mod hostile;
#[cfg(test)]
#[path = "client/isolation.rs"]
mod isolation;
#[cfg(test)]
#[path = "client/listing.rs"]
mod listing;
#[cfg(test)]
#[path = "client/lookup.rs"]
mod lookup;
#[cfg(test)]
#[path = "client/questions.rs"]
mod questions;
#[cfg(test)]
#[path = "support/quiet.rs"]
mod quiet;
#[path = "support/socks.rs"]
mod socks;
#[cfg(test)]
#[path = "client/watch.rs"]
mod watch;
