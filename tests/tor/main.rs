//! The main job on a real Tor network: Debian's `tor` daemons, private, on loopback; every command is the real program.
//! Most tests share one network; a rehearsal brings its own.

mod carrier;
mod examples;
mod grid;
mod identity;
mod invited;
mod locked;
mod members;
mod one_command;
mod page;
mod pairs;
mod rehearsal;
mod restricted;
#[path = "../support/tornet/mod.rs"]
mod tornet;
#[expect(dead_code, reason = "other tests look at when a call was done, too")]
#[path = "../support/trace.rs"]
mod trace;
mod traced;
#[expect(dead_code, reason = "other tests look at introducers and clients, too")]
#[path = "../support/verdict.rs"]
mod verdict;
mod watching;

use std::sync::OnceLock;

use tornet::TorNetwork;

/// Started by the first test that needs it; its daemons end with this process.
fn network() -> &'static TorNetwork {
    static NETWORK: OnceLock<TorNetwork> = OnceLock::new();
    NETWORK.get_or_init(TorNetwork::start)
}

/// A failure of the network itself should not look like one of the program.
#[test]
fn the_network_carries_an_echo() {
    network().self_test();
}
