//! anteroom
#![cfg_attr(not(feature = "cli"), no_std)]
extern crate alloc;
pub mod directory;
pub mod record;
