//! Signed records by the thousand, and a store full of them.

use std::{path::Path, thread};

use anteroom::{
    record::{HashedNodeId, Timestamp},
    store::{self, Limits, Marks, Write},
};

use crate::support::records::{Node, grid, this_hour};

/// Of a whole signed record: a service with an address or two and some attributes.
pub const RECORD_BYTES: usize = 512;
/// Written to the store at once. The introducer's own groups are smaller; what is on disk afterwards is the same.
const STORE_GROUP: usize = 10_000;
/// A store is filled with hours from so long ago on, but for the newest.
const OLD_HOURS: u32 = 5;

/// Records of distinct keys, signed on all cores.
pub fn signed(first: usize, count: usize) -> Vec<Box<[u8]>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = count.div_ceil(cores).max(1);
    let sign = |number: usize| Node::new(number as u64).record_of_size(1, RECORD_BYTES).bytes().into();
    thread::scope(|scope| {
        let shares: Vec<_> = (first..first + count)
            .step_by(share)
            .map(|start| scope.spawn(move || (start..(start + share).min(first + count)).map(sign).collect::<Vec<_>>()))
            .collect();
        shares.into_iter().flat_map(|share| share.join().expect("signing works")).collect()
    })
}

/// Where the node with this number stands.
pub fn hash(number: usize) -> [u8; 32] {
    *HashedNodeId::new(&grid(), &Node::new(number as u64).id()).as_bytes()
}

/// Writes `count` records into a new store, the last `fresh` of them accepted this hour and all others before. Through the
/// library: over the socket it would take longer and leave the same rows.
pub fn fill(state: &Path, count: usize, fresh: usize) {
    let opened = store::open(state, Limits { content_bytes_max: u64::MAX }).expect("a new store");
    let mut store = opened.load(|_| ()).and_then(store::Loaded::accept).expect("an empty store");
    let marks = Marks { latest_hour: this_hour(), forgotten_until: Timestamp::EPOCH };
    for first in (0..count).step_by(STORE_GROUP) {
        let records = signed(first, STORE_GROUP.min(count - first));
        let writes: Vec<Write> = records
            .into_iter()
            .enumerate()
            .map(|(index, record)| {
                let old = first + index < count - fresh;
                Write::Put {
                    node: Node::new((first + index) as u64).id(),
                    accepted: if old { this_hour().minus_hours(OLD_HOURS) } else { this_hour() },
                    floor_until: this_hour().plus_hours(24),
                    record: record.into(),
                }
            })
            .collect();
        store.commit(&writes, marks, 0).expect("room on the disk");
    }
}
