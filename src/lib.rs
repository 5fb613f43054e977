//! anteroom
#![cfg_attr(not(feature = "cli"), no_std)]

extern crate alloc;

pub mod directory;
pub mod protocol;
pub mod record;

#[cfg(feature = "cli")]
pub mod ambient;
#[cfg(feature = "carrier-loopback")]
pub mod carrier;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "cli")]
pub mod net;
#[cfg(feature = "cli")]
pub mod redact;
