//! End to end over AF_UNIX: a real introducer process, raw frames, hostile peers.

mod durability;
mod exchange;
mod hostile;
#[path = "../support/mod.rs"]
mod support;
mod trace;
