//! End to end over AF_UNIX: a real introducer process, raw frames, hostile peers.

mod clock;
mod durability;
mod exchange;
mod granted;
mod hostile;
mod invited;
mod no_ip;
#[path = "../support/quiet.rs"]
mod quiet;
mod quiet_server;
mod sealed;
mod supervisor;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/trace.rs"]
mod trace;
