//! Loopback addresses for the nodes of one network.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::torrc::{DIR_PORT, OR_PORT};

/// Draws before giving up. There are some 45,000 places and a run needs one, so a second draw is already rare.
const DRAWS_MAX: usize = 50;

/// Upper end of the second octet. From 127.192.0.0/10 tor hands out virtual addresses of its own.
const SECOND_OCTET_MAX: u64 = 191;

/// Chooses one address per node, each in a /16 of its own, as tor and arti avoid two relays of one /16 in a circuit.
///
/// The place is random, so that runs at the same time do not meet, and proven free by binding both ports there.
pub fn choose(nodes: usize) -> Vec<Ipv4Addr> {
    for _ in 0..DRAWS_MAX {
        let random = RandomState::new().hash_one(std::process::id());
        let first = 1 + random % (SECOND_OCTET_MAX - nodes as u64);
        let third = 1 + (random >> 32) % 254;
        let drawn =
            (first..).take(nodes).map(|second| Ipv4Addr::new(127, octet(second), octet(third), 1)).collect::<Vec<_>>();
        if drawn.iter().all(|address| is_free(*address)) {
            return drawn;
        }
    }
    panic!("no free loopback addresses for a private Tor network in {DRAWS_MAX} draws");
}

fn octet(number: u64) -> u8 {
    u8::try_from(number).expect("drawn below 255")
}

fn is_free(address: Ipv4Addr) -> bool {
    [OR_PORT, DIR_PORT].into_iter().all(|port| TcpListener::bind(SocketAddr::from((address, port))).is_ok())
}
