//! The command line as a person meets it: every help text and message is pinned, so that a change of words is seen.
#![cfg(all(
    feature = "server",
    feature = "client",
    feature = "carrier-loopback",
    feature = "rehearse",
    feature = "grid-admin",
    feature = "audit"
))]

#[cfg(test)]
#[path = "cli/bridge.rs"]
mod bridge;
#[cfg(test)]
#[path = "cli/closed.rs"]
mod closed;
#[cfg(test)]
#[path = "cli/faults.rs"]
mod faults;
#[cfg(test)]
#[path = "cli/generated.rs"]
mod generated;
#[cfg(test)]
#[path = "cli/grids.rs"]
mod grids;
#[cfg(test)]
#[path = "cli/keeping.rs"]
mod keeping;
#[path = "cli/network.rs"]
mod network;
#[cfg(test)]
#[path = "cli/offline.rs"]
mod offline;
#[cfg(test)]
#[path = "cli/onion.rs"]
mod onion;
#[cfg(test)]
#[path = "cli/online.rs"]
mod online;
#[cfg(test)]
#[path = "cli/panel.rs"]
mod panel;
#[cfg(test)]
#[path = "cli/parent.rs"]
mod parent;
#[path = "cli/program.rs"]
mod program;
#[cfg(test)]
#[path = "cli/sockets.rs"]
mod sockets;
#[path = "support/socks.rs"]
mod socks;

/// The texts of what ships: a build without Tor inside has fewer flags, and one for auditors has more.
#[cfg(all(feature = "carrier-tor", not(feature = "audit-host")))]
#[test]
fn every_text_is_as_it_was() {
    let cases = trycmd::TestCases::new();
    cases.env("COLUMNS", "100").register_bin("anteroom", std::path::Path::new(env!("CARGO_BIN_EXE_anteroom")));
    // To take over a change that is meant: TRYCMD=overwrite cargo test --test cli
    cases.case("tests/cli/*.trycmd");
    cases.run();
}
