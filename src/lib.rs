//! anteroom
#![cfg_attr(not(feature = "cli"), no_std)]
#![deny(unreachable_pub)]

extern crate alloc;

pub mod directory;
pub mod protocol;
pub mod record;

#[cfg(feature = "cli")]
pub mod cli;

#[cfg(feature = "cli")]
pub mod ambient;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "cli")]
pub mod config;
#[cfg(feature = "cli")]
pub mod keys;
#[cfg(feature = "cli")]
pub mod net;
#[cfg(feature = "cli")]
pub mod redact;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod store;
