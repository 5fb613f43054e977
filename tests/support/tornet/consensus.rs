//! The network's consensus: fetched from the authority, and judged.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

use super::clock::parse_time;

/// For one request to a process on the same machine; a slower answer counts as none and is asked for again.
const HTTP_TIMEOUT: Duration = Duration::from_secs(2);

/// A consensus with six relays has about 3 kB; this only bounds what a confused node could make us read.
const DOCUMENT_BYTES_MAX: u64 = 1 << 20;

/// Relays that must be Fast and Stable: arti takes no others for onion circuits, and a circuit with vanguards needs
/// four distinct ones.
const FAST_AND_STABLE_MIN: usize = 4;

/// What the network agreed on, as far as a test depends on it.
pub struct Consensus {
    flags: Vec<Vec<String>>,
    weights: BTreeSet<String>,
}

impl Consensus {
    /// Asks the authority for a consensus that was voted on after `started_at` and is fresh.
    ///
    /// An older one is of an earlier start, and says nothing about the nodes running now.
    pub fn fetch(directory: SocketAddr, started_at: SystemTime) -> Option<Self> {
        let document = download(directory, "/tor/status-vote/current/consensus-microdesc")?;
        let time_of = |keyword| document.lines().find_map(|line| parse_time(line.strip_prefix(keyword)?));
        if time_of("valid-after ")? < started_at || time_of("fresh-until ")? <= SystemTime::now() {
            return None;
        }
        let flags = document.lines().filter_map(|line| line.strip_prefix("s "));
        let weights = document.lines().filter_map(|line| line.strip_prefix("w "));
        Some(Self {
            flags: flags.map(|line| line.split(' ').map(str::to_owned).collect()).collect(),
            weights: weights.map(str::to_owned).collect(),
        })
    }

    /// How many relays it lists, the authority among them.
    pub fn relays(&self) -> usize {
        self.flags.len()
    }

    /// Refuses a consensus on which clients could not build onion circuits reliably.
    pub fn require_usable(&self, nodes: usize) -> Result<(), String> {
        let guards = self.count(&["Guard", "HSDir"]);
        let solid = self.count(&["Fast", "Stable"]);
        let is_even = self.weights.len() == 1;
        if self.relays() == nodes && guards == nodes && solid >= FAST_AND_STABLE_MIN && is_even {
            return Ok(());
        }
        Err(format!(
            "of {nodes} nodes the consensus lists {}, {guards} as Guard and HSDir, {solid} as Fast and Stable, with {:?}",
            self.relays(),
            self.weights
        ))
    }

    fn count(&self, wanted: &[&str]) -> usize {
        let has_all = |flags: &&Vec<String>| wanted.iter().all(|flag| flags.iter().any(|have| have == flag));
        self.flags.iter().filter(has_all).count()
    }
}

fn download(server: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&server, HTTP_TIMEOUT).ok()?;
    stream.set_read_timeout(Some(HTTP_TIMEOUT)).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\nAccept-Encoding: identity\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.take(DOCUMENT_BYTES_MAX).read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).filter(|status| *status == "200")?;
    Some(body.to_owned())
}
