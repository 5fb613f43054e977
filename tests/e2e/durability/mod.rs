//! What was acknowledged is there, whatever happens to the process or the disk.

mod crash;
mod full;
mod refused;
mod starting;
mod stopping;
mod synced;

use anteroom::record::HashedNodeId;

use crate::support::records::{Node, grid};

fn hash(node: &Node) -> [u8; 32] {
    *HashedNodeId::new(&grid(), &node.id()).as_bytes()
}

/// Nothing here is about limits.
const LIMITS: &str = "[limits]\nupdates_per_key_per_hour_max = 65535\nnew_keys_per_hour_max = 10000000\n\
                      verifications_per_second_max = 1000000\nbandwidth_kib_per_second_max = 10000000\n\
                      bandwidth_per_circuit_kib_per_second_max = 10000000\n";
