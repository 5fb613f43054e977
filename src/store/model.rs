//! What the store must hold, as plainly as it can be said; and workloads to compare with it.

use std::{collections::BTreeMap, sync::Arc};

use super::{Chunk, Invitation, Limits, Loaded, Marks, OpenError, Opened, Write, fault::Disk, medium::Place};
use crate::{
    grid::RevocationList,
    record::{ContactRecord, GridId, GridSecret, Lifetime, NodeId, NodeSecret, SignedEnvelope, Timestamp},
};

pub(super) const LIMITS: Limits = Limits { content_bytes_max: 1 << 40 };

/// splitmix64: enough for tests, and the same everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// The content of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) rows: BTreeMap<NodeId, (Timestamp, Timestamp, Vec<u8>)>,
    pub(super) evidence: BTreeMap<NodeId, [Vec<u8>; 2]>,
    pub(super) revocations: Option<Vec<u8>>,
    pub(super) invitations: BTreeMap<NodeId, [Option<Vec<u8>>; 3]>,
    pub(super) key_epoch: Option<Vec<u8>>,
    pub(super) marks: Marks,
}

impl Default for Model {
    fn default() -> Self {
        let marks = Marks { latest_hour: Timestamp::EPOCH, forgotten_until: Timestamp::EPOCH };
        Self {
            rows: BTreeMap::new(),
            evidence: BTreeMap::new(),
            revocations: None,
            invitations: BTreeMap::new(),
            key_epoch: None,
            marks,
        }
    }
}

impl Model {
    pub(super) fn apply(&mut self, writes: &[Write], marks: Marks) {
        self.marks = marks;
        for write in writes.iter().cloned() {
            match write {
                Write::Put { node, accepted, floor_until, record } => {
                    self.rows.insert(node, (accepted, floor_until, record.to_vec()));
                }
                Write::Delete(node) => drop(self.rows.remove(&node)),
                Write::Evidence { node, pair } => drop(self.evidence.insert(node, pair.map(|record| record.to_vec()))),
                Write::ForgetEvidence(node) => drop(self.evidence.remove(&node)),
                Write::Revocations(list) => self.revocations = Some(list.to_vec()),
                Write::Invitation { key, first, grants, second } => {
                    let parts = [Some(first), grants, second].map(|part| part.map(|part| part.to_vec()));
                    self.invitations.insert(key, parts);
                }
                Write::ForgetInvitation(key) => drop(self.invitations.remove(&key)),
                Write::KeyEpoch(epoch) => self.key_epoch = Some(epoch.to_vec()),
            }
        }
    }
}

/// Loads all that is there.
pub(super) fn load(opened: Opened) -> Result<(Model, Loaded), OpenError> {
    let revocations = opened.revocations().map(|list| list.bytes().to_vec());
    let key_epoch = opened.key_epoch().map(|epoch| epoch.bytes().to_vec());
    let mut model = Model { marks: opened.marks(), revocations, key_epoch, ..Model::default() };
    let loaded = opened.load(|chunk| match chunk {
        Chunk::Rows(rows) => {
            for row in rows {
                let held = (row.accepted, row.floor_until, row.record.bytes().to_vec());
                assert!(model.rows.insert(row.record.claims().node, held).is_none(), "a node twice");
            }
        }
        Chunk::Evidence(pairs) => {
            for evidence in pairs {
                model.evidence.insert(evidence.node, evidence.pair.map(|record| record.bytes().to_vec()));
            }
        }
        Chunk::Invitations(invitations) => {
            for Invitation { key, first, grants, second } in invitations {
                let record = |record: SignedEnvelope| record.bytes().to_vec();
                let grants = grants.map(|grants| grants.to_vec());
                model.invitations.insert(key, [Some(record(first)), grants, second.map(record)]);
            }
        }
    })?;
    Ok((model, loaded))
}

/// Loads what a disk holds.
pub(super) fn load_disk(disk: &Arc<Disk>) -> Result<(Model, Loaded), OpenError> {
    load(Opened::at(Place::Disk(Arc::clone(disk)), LIMITS)?)
}

/// Some nodes, and records of several sizes of each: signing takes its time.
pub(super) struct Workload {
    pub(super) random: Random,
    records: Vec<(NodeId, Vec<Arc<[u8]>>)>,
    lists: Vec<Arc<[u8]>>,
    hour: u32,
}

impl Workload {
    pub(super) fn new(seed: u64, nodes: usize) -> Self {
        let mut random = Random(seed);
        let records = (0..nodes).map(|_| records_of(&mut random)).collect();
        Self { random, records, lists: (1..4).map(list).collect(), hour: 500_000 }
    }

    pub(super) fn marks(&mut self) -> Marks {
        self.hour += self.random.below(2) as u32;
        let latest_hour = Timestamp::from_hours(self.hour);
        Marks { latest_hour, forgotten_until: latest_hour.minus_hours(722) }
    }

    pub(super) fn put(&mut self) -> Write {
        let (node, records) = &self.records[self.random.below(self.records.len() as u64) as usize];
        let record = Arc::clone(&records[self.random.below(records.len() as u64) as usize]);
        let accepted = Timestamp::from_hours(self.hour);
        Write::Put { node: *node, accepted, floor_until: accepted.plus_hours(record.len() as u32), record }
    }

    fn write(&mut self) -> Write {
        let (node, records) = &self.records[self.random.below(self.records.len() as u64) as usize];
        match self.random.below(19) {
            16 => Write::Revocations(Arc::clone(&self.lists[self.random.below(self.lists.len() as u64) as usize])),
            17 => {
                let mut part = |index: usize| (self.random.below(2) == 0).then(|| Arc::clone(&records[index]));
                let (grants, second) = (part(0), part(1));
                Write::Invitation { key: *node, first: Arc::clone(&records[0]), grants, second }
            }
            18 => Write::ForgetInvitation(*node),
            0..=2 => Write::Delete(*node),
            3 => Write::Evidence { node: *node, pair: [Arc::clone(&records[0]), Arc::clone(&records[1])] },
            4 => Write::ForgetEvidence(*node),
            _ => self.put(),
        }
    }

    /// A group of up to `writes_max` changes.
    pub(super) fn group(&mut self, writes_max: u64) -> Vec<Write> {
        (0..self.random.below(writes_max + 1)).map(|_| self.write()).collect()
    }
}

fn records_of(random: &mut Random) -> (NodeId, Vec<Arc<[u8]>>) {
    let seed = std::array::from_fn(|_| random.next() as u8);
    let secret = NodeSecret::from_seed(seed);
    let record = |padding: u64| -> Arc<[u8]> { record(&secret, random.next(), padding as usize).into() };
    (secret.id(), [0, 100, 300, 400].map(record).into())
}

/// A signed record with so many bytes of nothing in it.
pub(super) fn record(secret: &NodeSecret, seq: u64, padding: usize) -> Box<[u8]> {
    let record = ContactRecord {
        grid: GridId::from_bytes([1; 32]),
        node: secret.id(),
        seq,
        issued: Timestamp::from_hours(500_000),
        lifetime: Lifetime::MAX,
        nickname: None,
        services: Vec::new(),
        grants: vec![0xa5; padding].chunks(256).map(<[u8]>::to_vec).collect(),
    };
    record.sign(secret).unwrap().bytes().into()
}

/// A list of revoked keys.
fn list(seq: u64) -> Arc<[u8]> {
    let secret = GridSecret::from_seed([1; 32]);
    let issued = Timestamp::from_hours(500_000);
    let list = RevocationList { grid: secret.id(), seq, issued, next_update_hours: 1, revoked: Vec::new() };
    list.sign(&secret).unwrap().bytes().into()
}

/// Keeps the expected panics of the database code out of the output of the tests.
pub(super) fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.location().is_some_and(|location| location.file().contains("redb")) {
                others(panic);
            }
        }));
    });
}
