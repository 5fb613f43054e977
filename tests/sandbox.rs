//! What the kernel holds each process to, as root and as an ordinary user, and that a hole in it is found.
#![cfg(all(feature = "server", feature = "client"))]
#![expect(clippy::disallowed_types, clippy::expect_used, reason = "tests start processes and fail plainly")]

#[path = "sandbox/check.rs"]
mod check;
#[cfg(test)]
#[path = "sandbox/holes.rs"]
mod holes;
#[cfg(test)]
#[path = "sandbox/inherited.rs"]
mod inherited;
#[cfg(test)]
#[path = "sandbox/introducer.rs"]
mod introducer;
#[expect(dead_code, reason = "shared with the end-to-end tests, which use all of it")]
#[path = "support/mod.rs"]
mod support;
#[cfg(test)]
#[path = "sandbox/table.rs"]
mod table;
