//! The network's consensus: read where the authority keeps it, and judged.

use std::{collections::BTreeSet, fs::File, io::Read as _, path::Path};

use super::date::parse_date;
use crate::ambient;

/// The file in the authority's data directory that tor writes whenever there is a new consensus.
const FILE: &str = "cached-microdesc-consensus";

/// A consensus with six relays has about 3 kB; this only bounds what a confused node could make us read.
const DOCUMENT_BYTES_MAX: u64 = 1 << 20;

/// Relays that must be Fast and Stable: arti takes no others for onion circuits, and a circuit with vanguards needs
/// four distinct ones.
const FAST_AND_STABLE_MIN: usize = 4;

/// What the network agreed on, as far as anybody depends on it.
pub(super) struct Consensus {
    flags: Vec<Vec<String>>,
    weights: BTreeSet<String>,
}

impl Consensus {
    /// The authority's consensus, if it was voted on after `started_seconds` (since the Unix epoch) and is fresh.
    ///
    /// An older one is of an earlier start, and says nothing about the nodes running now.
    pub(super) fn read(authority_data: &Path, started_seconds: u64) -> Option<Self> {
        let mut document = String::new();
        File::open(authority_data.join(FILE)).ok()?.take(DOCUMENT_BYTES_MAX).read_to_string(&mut document).ok()?;
        Self::parse(&document, started_seconds, ambient::wall_seconds())
    }

    fn parse(document: &str, started_seconds: u64, now_seconds: u64) -> Option<Self> {
        let time_of = |keyword| document.lines().find_map(|line| parse_date(line.strip_prefix(keyword)?));
        if time_of("valid-after ")? < started_seconds || time_of("fresh-until ")? <= now_seconds {
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
    pub(super) const fn relays(&self) -> usize {
        self.flags.len()
    }

    /// Refuses a consensus on which clients could not build onion circuits reliably.
    pub(super) fn refuse_unusable(&self, nodes: usize) -> Result<(), String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn document(relays: &[&str]) -> String {
        let mut text = String::from(
            "network-status-version 3\nvalid-after 1970-01-01 00:01:00\nfresh-until 1970-01-01 01:00:00\n",
        );
        relays.iter().for_each(|flags| text += &format!("r x\ns {flags}\nw Bandwidth=0\n"));
        text
    }

    #[test]
    fn only_a_fresh_consensus_of_this_start_counts() {
        let text = document(&[]);
        assert!(Consensus::parse(&text, 60, 61).is_some());
        assert!(Consensus::parse(&text, 61, 61).is_none(), "of an earlier start");
        assert!(Consensus::parse(&text, 60, 3600).is_none(), "not fresh");
        assert!(Consensus::parse("", 0, 0).is_none());
    }

    #[test]
    fn a_consensus_without_enough_relays_is_refused() {
        let (full, slow, outsider) = ("Fast Guard HSDir Stable", "Guard HSDir Stable", "Fast Stable");
        let judged = |relays: &[&str]| Consensus::parse(&document(relays), 0, 0).unwrap().refuse_unusable(6);
        assert_eq!(judged(&[full, full, full, full, slow, slow]), Ok(()));
        assert!(judged(&[full; 5]).is_err(), "one is missing");
        assert!(judged(&[full, full, full, slow, slow, slow]).is_err(), "three are fast");
        assert!(judged(&[full, full, full, full, full, outsider]).is_err(), "one keeps no descriptors");
        let uneven = document(&[full; 6]).replacen("w Bandwidth=0", "w Bandwidth=1", 1);
        assert!(Consensus::parse(&uneven, 0, 0).unwrap().refuse_unusable(6).is_err(), "all would choose one relay");
    }
}
