//! What should be true, in the simplest form: one row a key, and what was ever accepted.

use std::collections::BTreeMap;

use anteroom::{
    directory::Marks,
    grid::VerifiedRevocations,
    record::{NodeId, SignedRecord, Timestamp},
};

/// A row on the simulated disk, which is also all that a restart has.
#[derive(Clone)]
pub struct Row {
    pub bytes: Vec<u8>,
    pub accepted: Timestamp,
    pub floor_until: Timestamp,
    /// What its grants lead through.
    pub keys: Vec<NodeId>,
}

impl Row {
    pub fn expires(&self) -> Timestamp {
        SignedRecord::decode(&self.bytes).expect("the model keeps records only").claims().expires()
    }
}

/// The best that was ever durable for a key, also after it was forgotten.
#[derive(Clone, Copy)]
pub struct Ever {
    pub seq: u64,
    pub expires_latest: Timestamp,
}

#[derive(Default)]
pub struct Model {
    pub rows: BTreeMap<NodeId, Row>,
    pub ever: BTreeMap<NodeId, Ever>,
    pub marks: Option<Marks>,
    /// The latest floor that was ever forgotten; what ends by then may be older than something forgotten.
    pub forgotten: Option<Timestamp>,
    /// Who is out, as the disk has it.
    pub revocations: Option<VerifiedRevocations>,
}

impl Model {
    /// A record became durable. Panics when that rolls a key back.
    pub fn accept(&mut self, node: NodeId, row: Row) {
        let record = SignedRecord::decode(&row.bytes).expect("accepted bytes decode");
        let (seq, expires) = (record.claims().seq, record.claims().expires());
        let ever = self.ever.get(&node).copied();
        if let Some(ever) = ever {
            assert!(
                seq > ever.seq || expires > ever.expires_latest,
                "a key was rolled back: seq {seq} was accepted after {}",
                ever.seq
            );
        }
        if let Some(current) = self.rows.get(&node) {
            let known = SignedRecord::decode(&current.bytes).expect("kept bytes decode").claims().seq;
            assert!(seq > known, "a listed key went from seq {known} to {seq}");
            assert!(row.floor_until >= current.floor_until, "a floor was shortened");
        }
        let expires_latest = ever.map_or(expires, |ever| ever.expires_latest.max(expires));
        self.ever.insert(node, Ever { seq, expires_latest });
        self.rows.insert(node, row);
    }

    /// A row is gone, and with it the memory of what came before.
    pub fn forget(&mut self, node: &NodeId) -> Row {
        let row = self.rows.remove(node).expect("what is forgotten was there");
        self.forgotten = self.forgotten.max(Some(row.floor_until));
        row
    }

    /// A list became durable. Panics when its number goes back.
    pub fn revise(&mut self, list: VerifiedRevocations) {
        let seq = self.revocations.as_ref().map(|list| list.list().seq);
        assert!(seq < Some(list.list().seq), "the list of revoked keys went back from {seq:?}");
        self.revocations = Some(list);
    }

    pub fn revokes(&self, key: &NodeId) -> bool {
        self.revocations.as_ref().is_some_and(|list| list.list().revokes(key))
    }

    /// What a reader should be shown.
    pub fn shown(&self, now: Timestamp) -> BTreeMap<NodeId, Vec<u8>> {
        let out = |row: &Row| row.keys.iter().any(|key| self.revokes(key));
        let current = self.rows.iter().filter(|(_, row)| now < row.expires() && !out(row));
        current.map(|(node, row)| (*node, row.bytes.clone())).collect()
    }
}
