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
#[expect(dead_code, reason = "other tests look at carriers, too")]
#[path = "../support/verdict.rs"]
mod verdict;
