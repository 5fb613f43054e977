//! Each rule of the audit has a fixture that yields it alone; what is shipped yields nothing; what can't be read is told.
#![cfg(all(feature = "audit", feature = "server", feature = "client"))]
#![expect(clippy::disallowed_types, reason = "tests start programs")]

#[cfg(test)]
#[path = "audit/command.rs"]
mod command;
#[cfg(test)]
#[path = "support/fake_introducer.rs"]
#[expect(dead_code, reason = "not every test binary uses all of it")]
mod fake_introducer;
#[cfg(test)]
#[path = "audit/fixtures.rs"]
mod fixtures;
#[cfg(all(test, feature = "audit-host"))]
#[path = "audit/host.rs"]
mod host;
#[cfg(test)]
#[path = "audit/made.rs"]
mod made;
#[cfg(test)]
#[path = "audit/mutations.rs"]
mod mutations;
#[cfg(test)]
#[path = "audit/parsing.rs"]
mod parsing;
#[path = "cli/program.rs"]
#[expect(dead_code, reason = "not every test binary uses all of it")]
mod program;
#[cfg(test)]
#[path = "audit/remote.rs"]
mod remote;
#[cfg(test)]
#[path = "audit/running.rs"]
mod running;
#[cfg(test)]
#[path = "support/socks.rs"]
#[expect(dead_code, reason = "not every test binary uses all of it")]
mod socks;
#[cfg(test)]
#[path = "support/mod.rs"]
#[expect(dead_code, reason = "not every test binary uses all of it")]
mod support;
