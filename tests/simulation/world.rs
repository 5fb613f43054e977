//! One introducer, some honest nodes, squatters, a replayer, a disk that may lose what was not synced, and two clocks.

use std::collections::BTreeMap;

use anteroom::{
    directory::{
        Admission, AdmissionPolicy, Bucket, CLOCK_JUMP_HOURS_MAX, CLOCK_SKEW_HOURS_MAX, Change, Cursor, Directory,
        Filter, Marks, Now, Policy, Rejection, Revision, Screening,
    },
    grid::{Chain, KnownGrants, SignedDocument, SignedRevocations, VerifiedDocument},
    record::{
        Address, ContactRecord, GridId, HashedNodeId, Lifetime, NodeId, NodeSecret, OnionAddress, Service, ServiceName,
        SignedEnvelope, SignedRecord, Timestamp,
    },
};

use crate::{
    members::{self, ISSUERS, ROGUE, grid},
    model::{Model, Row},
};

const HOUR_MILLIS: u64 = 3_600_000;
const NODES: u64 = 12;
const RECORDS_MAX: u32 = 40;
const RECORDS_PER_ISSUER_MAX: u32 = 8;
pub const START_HOUR: u32 = 480_000;
/// Room of a page small enough that listings need several.
const PAGE_BYTES: usize = 1_500;

/// How often each kind of event happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    fn count(&mut self, event: &'static str) {
        *self.0.entry(event).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (event, count) in &other.0 {
            *self.0.entry(event).or_default() += count;
        }
    }

    /// The simulation would prove nothing about what it never does.
    pub fn every_event_happens(&self) {
        for event in [
            "accepted",
            "withdrawn",
            "replay refused",
            "stale",
            "conflict",
            "evidence",
            "in flight",
            "full",
            "lifetime",
            "new key rate",
            "update rate",
            "expired",
            "future",
            "wrong grid",
            "idempotent",
            "abandoned",
            "crash",
            "forgotten",
            "clock forward",
            "clock back",
            "clock in doubt",
            "clock confirmed",
            "refused as forgotten",
            "verification budget",
            "bad signature",
            "no grant",
            "broken chain",
            "forged grant",
            "grant expired",
            "outlives grant",
            "no right",
            "revoked",
            "issuer full",
            "list in force",
            "list abandoned",
            "old list refused",
            "second list refused",
            "list in flight",
        ] {
            assert!(self.0.contains_key(event), "never happened: {event} ({:?})", self.0);
        }
    }
}

struct Node {
    seq: u64,
    signed: Vec<Vec<u8>>,
}

pub struct World {
    random: u64,
    directory: Directory,
    model: Model,
    in_flight: Vec<Change>,
    revision: Option<Revision>,
    lists: Vec<Vec<u8>>,
    granted: bool,
    nodes: Vec<Node>,
    steady_millis: u64,
    wall_millis: u64,
    anchor: Now,
    follower: Follower,
    squatters: u64,
    pub tally: Tally,
}

/// A watcher of one service in this run of the introducer.
struct Follower {
    cursor: Cursor,
    knows: BTreeMap<NodeId, Vec<u8>>,
}

fn storage() -> ServiceName {
    "storage".parse().expect("a service name")
}

fn policy(granted: bool) -> Policy {
    Policy {
        admission: if granted { AdmissionPolicy::Granted } else { AdmissionPolicy::Open },
        records_per_issuer_max: RECORDS_PER_ISSUER_MAX,
        records_max: RECORDS_MAX,
        new_keys_per_hour_max: 30,
        updates_per_key_per_hour_max: 1,
        verifications_per_second_max: 20,
        evidence_max: 4,
        ..Policy::new(grid())
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let start = Now { wall: Timestamp::from_hours(START_HOUR), steady_millis: 0 };
        let granted = seed.is_multiple_of(2);
        let directory = Directory::new(policy(granted), start, Marks::NONE, 1);
        let nodes = (0..NODES).map(|_| Node { seq: 0, signed: Vec::new() }).collect();
        Self {
            random: seed,
            follower: Follower { cursor: directory.cursor(None), knows: BTreeMap::new() },
            directory,
            model: Model::default(),
            in_flight: Vec::new(),
            revision: None,
            lists: Vec::new(),
            granted,
            nodes,
            steady_millis: 0,
            wall_millis: u64::from(START_HOUR) * HOUR_MILLIS,
            anchor: start,
            squatters: 0,
            tally: Tally::default(),
        }
    }

    pub fn step(&mut self) {
        match self.below(100) {
            0..30 => self.publish_next(false),
            30..36 => self.publish_next(true),
            36..50 => self.replay(),
            50..54 => self.equivocate(),
            54..62 => self.squat(),
            62..80 => self.complete(),
            80..82 => self.abandon(),
            82..84 => self.crash(),
            84..94 => self.pass_time(),
            94..95 => self.jump_clock(),
            95..97 => self.confirm_clock(),
            97 => self.revoke(),
            98 => self.bring_an_old_list(),
            _ => self.nonsense(),
        }
        if self.below(20) == 0 {
            self.finish_revision();
        }
        self.expire();
        self.compare();
    }

    /// Everything in flight arrives; then all must agree once more.
    pub fn settle(&mut self) {
        self.finish_revision();
        while !self.in_flight.is_empty() {
            self.complete();
        }
        self.compare();
    }

    pub fn fingerprint(&self) -> Vec<Vec<u8>> {
        self.model.rows.values().map(|row| row.bytes.clone()).collect()
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn now(&self) -> Now {
        let wall = Timestamp::from_unix_seconds(self.wall_millis / 1000);
        Now { wall, steady_millis: self.steady_millis }
    }

    fn sign(
        &mut self,
        secret: &NodeSecret,
        seq: u64,
        issued: Timestamp,
        withdrawal: bool,
        grants: Vec<Vec<u8>>,
    ) -> Vec<u8> {
        let name = if self.below(4) == 0 { "relay".parse().expect("a name") } else { storage() };
        let port = 1 + self.below(60_000) as u16;
        let address = OnionAddress::new([port as u8; 32], port).expect("a port");
        let service =
            Service { name, version: 1, addresses: vec![Address::Onion(address)], attributes: Default::default() };
        let lifetime = [1, 3, 24, 100, 720][self.below(5) as usize];
        let record = ContactRecord {
            grid: grid(),
            node: secret.id(),
            seq,
            issued,
            lifetime: Lifetime::from_hours(lifetime).expect("within limits"),
            nickname: None,
            services: if withdrawal { Vec::new() } else { vec![service] },
            grants,
        };
        record.sign(secret).expect("a record").bytes().to_vec()
    }

    fn publish_next(&mut self, withdrawal: bool) {
        let index = self.below(NODES) as usize;
        self.nodes[index].seq += 1 + self.below(3);
        let (secret, seq) = (secret(index as u64), self.nodes[index].seq);
        // Some nodes have clocks of their own.
        let ahead = [0, 0, 0, 1, 2, 5][self.below(6) as usize];
        let issued = self.now().wall.plus_hours(ahead);
        let grants = self.grants_of(index as u64);
        let bytes = self.sign(&secret, seq, issued, withdrawal, grants);
        self.nodes[index].signed.push(bytes.clone());
        if self.offer(&bytes) && withdrawal {
            self.tally.count("withdrawn");
        }
    }

    /// Any record anybody ever signed, again.
    fn replay(&mut self) {
        let index = self.below(NODES) as usize;
        let count = self.nodes[index].signed.len() as u64;
        if count > 0 {
            let chosen = self.below(count) as usize;
            let bytes = self.nodes[index].signed[chosen].clone();
            if !self.offer(&bytes) {
                self.tally.count("replay refused");
            }
        }
    }

    fn equivocate(&mut self) {
        let index = self.below(NODES) as usize;
        let (secret, seq, issued) = (secret(index as u64), self.nodes[index].seq, self.now().wall);
        let grants = self.grants_of(index as u64);
        let bytes = self.sign(&secret, seq, issued, false, grants);
        self.nodes[index].signed.push(bytes.clone());
        self.offer(&bytes);
    }

    fn grants_of(&self, number: u64) -> Vec<Vec<u8>> {
        if self.granted { members::grants_of(number) } else { Vec::new() }
    }

    fn squat(&mut self) {
        for _ in 0..self.below(8) {
            self.squatters += 1;
            let (secret, issued) = (secret(1_000_000 + self.squatters), self.now().wall);
            // Most strangers have no grant, some have one by whoever lets in everybody.
            let friend = self.granted && self.below(3) == 0;
            let grants = if friend { members::granted_by(ROGUE, secret.id(), 17_568) } else { Vec::new() };
            let bytes = self.sign(&secret, 1, issued, false, grants);
            self.offer(&bytes);
        }
    }

    /// A new list of who is out: some issuers, some nodes, or nobody.
    fn revoke(&mut self) {
        if !self.granted {
            return;
        }
        let seq = 1 + self.lists.len() as u64;
        let mut out: Vec<NodeId> = (0..NODES).map(|number| secret(number).id()).collect();
        out.extend((0..ISSUERS).map(|number| members::issuer(number).id()));
        out.retain(|_| self.below(6) == 0);
        let list = members::list(seq, self.now().wall, out.into_iter());
        self.lists.push(list.bytes().to_vec());
        self.bring(list.bytes());
    }

    /// Any list the grid ever signed, again; sometimes with other content under its number.
    fn bring_an_old_list(&mut self) {
        let count = self.lists.len() as u64;
        if count == 0 {
            return;
        }
        let seq = 1 + self.below(count);
        let bytes = match self.below(2) {
            0 => self.lists[seq as usize - 1].clone(),
            _ => {
                // An hour nobody signed anything in.
                let issued = Timestamp::from_hours(START_HOUR - seq as u32);
                members::list(seq, issued, std::iter::empty()).bytes().to_vec()
            }
        };
        self.bring(&bytes);
    }

    fn bring(&mut self, bytes: &[u8]) {
        let (now, mut circuit) = (self.now(), Bucket::default());
        let list = SignedRevocations::decode(bytes).expect("the world signs well-formed lists");
        let seq = list.list().seq;
        let list = SignedDocument::Revocations(list);
        let known = self.model.revocations.as_ref().map(|list| (list.list().seq, list.bytes().to_vec()));
        let screened = self.directory.screen_document(now, &list, &mut circuit);
        let revised = match screened {
            Ok(Screening::AlreadyCurrent) => Ok(None),
            Ok(Screening::Verify) => self.directory.revise(now, list.verify().expect("signed")),
            Err(rejection) => Err(rejection),
        };
        match (revised, known) {
            (Ok(None), known) => assert_eq!(known.expect("it is in force").1, bytes),
            (Ok(Some(revision)), known) => {
                assert!(known.is_none_or(|(known, _)| seq > known), "the list went back");
                assert!(self.revision.replace(revision).is_none(), "two lists in flight");
            }
            (Err(Rejection::Stale { current }), Some((known, bytes))) => {
                assert!(seq < known && *current == *bytes, "the list in force comes with the refusal");
                self.tally.count("old list refused");
            }
            (Err(Rejection::SeqConflict { current }), Some((known, bytes))) => {
                assert!(seq == known && *current == *bytes);
                self.tally.count("second list refused");
            }
            (Err(Rejection::InFlight), _) => self.tally.count("list in flight"),
            (Err(Rejection::IssuedInFuture | Rejection::VerificationBudget { .. }), _) => {}
            (Err(other), _) => panic!("the world gives no reason for {other}"),
        }
    }

    /// The list on its way becomes durable and then counts, or it does not.
    fn finish_revision(&mut self) {
        let Some(revision) = self.revision.take() else { return };
        if self.below(5) == 0 {
            self.directory.abandon_revision(revision);
            self.tally.count("list abandoned");
            return;
        }
        self.keep_list(&revision);
        assert!(self.directory.apply_revision(revision), "others may be listed now");
        self.tally.count("list in force");
        // Whoever watches is told to start again.
        self.follower = Follower { cursor: self.directory.cursor(None), knows: BTreeMap::new() };
    }

    fn keep_list(&mut self, revision: &Revision) {
        let list = SignedRevocations::decode(revision.document().bytes()).expect("a list").verify().expect("signed");
        self.model.revise(list);
    }

    fn nonsense(&mut self) {
        let issued = self.now().wall;
        let grants = self.grants_of(77);
        let bytes = self.sign(&secret(77), 1, issued, false, grants);
        self.forge_grants(&bytes);
        let mut damaged = bytes.clone();
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        self.offer(&damaged);
        let foreign = ContactRecord { grid: GridId::from_bytes([1; 32]), ..claims(&bytes) };
        let foreign = foreign.sign(&secret(77)).expect("a record").bytes().to_vec();
        self.offer(&foreign);
    }

    /// The record of a node that made its own grants.
    fn forge_grants(&mut self, bytes: &[u8]) {
        if !self.granted {
            return;
        }
        let mut forged = claims(bytes);
        *forged.grants[1].last_mut().expect("a signature") ^= 1;
        let broken = ContactRecord { grants: forged.grants[1..].to_vec(), ..forged.clone() };
        for record in [forged, broken] {
            self.offer(record.sign(&secret(77)).expect("a record").bytes());
        }
    }

    /// The way of a record through an introducer. `true`: on its way to the disk.
    fn offer(&mut self, bytes: &[u8]) -> bool {
        let now = self.now();
        let record = SignedEnvelope::decode(bytes).expect("the world signs well-formed records");
        let (node, seq) = (record.claims().node, record.claims().seq);
        let known = self.model.rows.get(&node).cloned();
        let in_flight = self.in_flight.iter().any(|change| change.node == node);
        let mut circuit = Bucket::default();
        let admitted = match self.directory.screen(now, &record, &mut circuit) {
            Ok(Screening::AlreadyCurrent) => Ok(Admission::AlreadyCurrent),
            Ok(Screening::Verify) => match record.clone().verify() {
                Ok(verified) => self.directory.publish(now, verified),
                Err(_) => Err(Rejection::Signature),
            },
            Err(rejection) => Err(rejection),
        };
        if let (Err(rejection), Some(known)) = (&admitted, &known) {
            self.known_keys_are_not_squeezed(rejection, known, seq);
        }
        match admitted {
            Ok(Admission::AlreadyCurrent) => {
                assert_eq!(known.expect("it is current").bytes, bytes);
                self.tally.count("idempotent");
                false
            }
            Ok(Admission::Change(change)) => {
                assert!(!in_flight, "two changes of one key in flight");
                let expires = Some(record.claims().expires());
                assert!(expires > self.model.forgotten, "a record was admitted whose floor may have been forgotten");
                let keys = members::keys_of(&claims(bytes));
                assert!(!self.granted || !keys.is_empty(), "a stranger was admitted");
                assert!(!keys.iter().any(|key| self.model.revokes(key)), "one who is out was admitted");
                self.in_flight.push(change);
                self.issuers_are_not_overdrawn(&keys);
                true
            }
            Ok(Admission::Equivocation { evidence, .. }) => {
                assert!(evidence.pair.iter().all(|proof| claims(proof).seq == seq && claims(proof).node == node));
                assert_ne!(evidence.pair[0], evidence.pair[1]);
                self.directory.apply_evidence(evidence);
                assert!(self.directory.evidence(&node).is_some());
                self.tally.count("evidence");
                false
            }
            Ok(Admission::InvitationUsed(_)) => panic!("nobody in this world is invited"),
            Err(rejection) => {
                self.note(&rejection, &record);
                false
            }
        }
    }

    /// No more rests on one issuer than may.
    fn issuers_are_not_overdrawn(&self, keys: &[NodeId]) {
        for issuer in keys.split_last().map_or(&[][..], |(_, issuers)| issuers) {
            let coming = self.in_flight.iter().map(|change| (change.node, members::keys_of(&claims(&change.record))));
            let kept = self.model.rows.iter().map(|(node, row)| (*node, row.keys.clone()));
            let resting: BTreeMap<_, _> = kept.chain(coming).filter(|(_, keys)| keys.contains(issuer)).collect();
            assert!(resting.len() <= RECORDS_PER_ISSUER_MAX as usize, "too much rests on one issuer");
        }
    }

    /// Who is in can always go on or leave, however full it is.
    fn known_keys_are_not_squeezed(&self, rejection: &Rejection, known: &Row, seq: u64) {
        assert!(
            !matches!(rejection, Rejection::Full | Rejection::NewKeyRate { .. } | Rejection::LifetimeTooLong { .. }),
            "a known key was refused for want of room: {rejection}"
        );
        match rejection {
            Rejection::Stale { current } => {
                assert!(seq < claims(&known.bytes).seq);
                assert_eq!(**current, *known.bytes, "the current record comes with the refusal");
            }
            Rejection::SeqConflict { current } => assert_eq!(**current, *known.bytes),
            _ => {}
        }
    }

    fn note(&mut self, rejection: &Rejection, record: &SignedEnvelope) {
        let expired_by_clock = record.claims().expires() <= self.now().wall;
        self.tally.count(match rejection {
            Rejection::WrongGrid => "wrong grid",
            Rejection::IssuedInFuture => "future",
            Rejection::Expired if expired_by_clock => "expired",
            Rejection::Expired => "refused as forgotten",
            Rejection::VerificationBudget { .. } => "verification budget",
            Rejection::Stale { .. } => "stale",
            Rejection::SeqConflict { .. } => "conflict",
            Rejection::Signature => "bad signature",
            Rejection::InFlight => "in flight",
            Rejection::LifetimeTooLong { .. } => "lifetime",
            Rejection::NewKeyRate { .. } => "new key rate",
            Rejection::Full => "full",
            Rejection::UpdateRate { .. } => "update rate",
            Rejection::NoGrant => "no grant",
            Rejection::GrantChain(_) => "broken chain",
            Rejection::GrantSignature => "forged grant",
            Rejection::GrantExpired => "grant expired",
            Rejection::OutlivesGrant => "outlives grant",
            Rejection::Rights => "no right",
            Rejection::Revoked => "revoked",
            Rejection::IssuerFull => "issuer full",
            other => panic!("the world gives no reason for {other}"),
        });
    }

    /// The oldest change in flight becomes durable, then visible.
    fn complete(&mut self) {
        if self.in_flight.is_empty() {
            return;
        }
        let change = self.in_flight.remove(0);
        self.write(&change);
        self.directory.apply(change);
        self.tally.count("accepted");
    }

    fn write(&mut self, change: &Change) {
        let keys = if self.granted { members::keys_of(&claims(&change.record)) } else { Vec::new() };
        let (bytes, accepted) = (change.record.to_vec(), change.accepted);
        let row = Row { bytes, accepted, floor_until: change.floor_until, keys };
        self.model.accept(change.node, row);
        self.model.marks = Some(self.directory.marks());
    }

    fn abandon(&mut self) {
        if let Some(change) = self.in_flight.pop() {
            self.directory.abandon(change);
            self.tally.count("abandoned");
        }
    }

    /// A crash: what was in flight may have reached the disk in order, up to some point.
    fn crash(&mut self) {
        let reached = self.below(1 + self.in_flight.len() as u64) as usize;
        for change in std::mem::take(&mut self.in_flight).into_iter().take(reached) {
            self.write(&change);
        }
        if let Some(revision) = self.revision.take()
            && self.below(2) == 0
        {
            self.keep_list(&revision);
        }
        // A new boot has a steady clock of its own.
        self.steady_millis = self.below(1_000_000);
        let (now, generation) = (self.now(), self.next());
        self.anchor = now;
        let marks = self.model.marks.unwrap_or(Marks::NONE);
        self.directory = Directory::new(policy(self.granted), now, marks, generation);
        for row in self.model.rows.values() {
            let verified = SignedEnvelope::decode(&row.bytes).expect("a record").verify().expect("signed");
            let claims = verified.claims();
            let chain = Chain::read(&claims.grid, &claims.node, &claims.grants).ok();
            let chain = chain.map(|chain| chain.verify(&KnownGrants::new(0)).expect("it was admitted"));
            self.directory.restore(row.accepted, row.floor_until, verified, chain.as_ref());
        }
        if let Some(list) = &self.model.revocations {
            self.directory.restore_document(VerifiedDocument::Revocations(list.clone()));
        }
        let cursor = self.directory.cursor(None);
        let old = std::mem::replace(&mut self.follower, Follower { cursor, knows: BTreeMap::new() });
        let gap = self.directory.page(now.wall, &Filter::All, old.cursor, PAGE_BYTES);
        assert!(gap.is_err(), "a position of another run was taken");
        self.tally.count("crash");
    }

    fn pass_time(&mut self) {
        let millis = match self.below(4) {
            0 => self.below(2_000),
            1 => self.below(HOUR_MILLIS),
            2 => self.below(20 * HOUR_MILLIS),
            _ => self.below(200 * HOUR_MILLIS),
        };
        self.steady_millis += millis;
        self.wall_millis += millis;
    }

    fn jump_clock(&mut self) {
        let millis = self.below(400 * HOUR_MILLIS);
        if self.below(2) == 0 {
            self.wall_millis += millis;
            self.tally.count("clock forward");
        } else {
            self.wall_millis -= millis.min(self.wall_millis);
            // What was hidden for a while is seen by who starts again.
            self.follower = Follower { cursor: self.directory.cursor(None), knows: BTreeMap::new() };
            self.tally.count("clock back");
        }
    }

    fn confirm_clock(&mut self) {
        let now = self.now();
        self.directory.confirm_clock(now);
        self.anchor = now;
        self.tally.count("clock confirmed");
    }

    fn expire(&mut self) {
        let now = self.now();
        let forgotten = self.directory.expire(now);
        if self.directory.clock_is_in_doubt() {
            self.tally.count("clock in doubt");
            assert!(forgotten.is_empty(), "something was forgotten while the clock was in doubt");
        }
        let passed = ((now.steady_millis - self.anchor.steady_millis) / HOUR_MILLIS) as u32;
        let expected = self.anchor.wall.plus_hours(passed).hours();
        for node in forgotten {
            assert!(
                now.wall.hours().abs_diff(expected) <= CLOCK_JUMP_HOURS_MAX + 1,
                "forgotten on a wrong clock's word"
            );
            let row = self.model.forget(&node);
            assert!(row.floor_until.plus_hours(CLOCK_SKEW_HOURS_MAX) <= now.wall, "a floor was forgotten too early");
            self.model.marks = Some(self.directory.marks());
            self.tally.count("forgotten");
        }
    }

    fn compare(&mut self) {
        let now = self.now().wall;
        let shown = self.model.shown(now);
        assert_eq!(self.listed(now, &Filter::All), shown, "the listing differs from the model");
        assert_eq!(self.directory.listed() as usize, self.model.rows.len());
        assert!(self.directory.listed() <= RECORDS_MAX);
        for node in self.model.rows.keys() {
            let hash = HashedNodeId::new(&grid(), node);
            let exact = self.directory.lookup(now, hash, 256, None, PAGE_BYTES).records;
            assert_eq!(exact.first().copied(), shown.get(node).map(Vec::as_slice));
        }
        let bits = self.below(6) as u16;
        self.compare_shelves(now, &shown, bits);
        self.follow(now);
    }

    /// Shelves of any width partition what is shown.
    fn compare_shelves(&self, now: Timestamp, shown: &BTreeMap<NodeId, Vec<u8>>, bits: u16) {
        let mut found = 0;
        for shelf in 0..(1_u32 << bits) {
            let mut prefix = [0; 32];
            prefix[0] = if bits == 0 { 0 } else { (shelf << (8 - bits)) as u8 };
            let mut after = None;
            loop {
                let page = self.directory.lookup(now, HashedNodeId::from_bytes(prefix), bits, after, PAGE_BYTES);
                for record in page.records {
                    assert_eq!(shown.get(&claims(record).node).map(Vec::as_slice), Some(record));
                    found += 1;
                }
                after = page.more_after;
                if after.is_none() {
                    break;
                }
            }
        }
        assert_eq!(found, shown.len(), "every record stands on exactly one shelf of {bits} bits");
    }

    fn listed(&self, now: Timestamp, filter: &Filter) -> BTreeMap<NodeId, Vec<u8>> {
        let mut all = BTreeMap::new();
        let mut cursor = self.directory.cursor(None);
        loop {
            let page = self.directory.page(now, filter, cursor, PAGE_BYTES).expect("a cursor of this run");
            for record in page.records {
                assert!(all.insert(claims(record).node, record.to_vec()).is_none(), "listed twice");
            }
            cursor = page.cursor;
            if page.end {
                return all;
            }
        }
    }

    /// A watcher of one service, who sees only what its filter lets through, never believes in what is gone.
    fn follow(&mut self, now: Timestamp) {
        let filter = Filter::Service(storage());
        loop {
            let page =
                self.directory.page(now, &filter, self.follower.cursor, PAGE_BYTES).expect("a cursor of this run");
            for record in page.records {
                self.follower.knows.insert(claims(record).node, record.to_vec());
            }
            self.follower.cursor = page.cursor;
            if page.end {
                break;
            }
        }
        for (node, bytes) in self.follower.knows.iter().filter(|(_, bytes)| offers_storage(bytes)) {
            match self.model.rows.get(node) {
                Some(row) if row.expires() > now && claims(bytes).expires() > now => {
                    assert_eq!(&row.bytes, bytes, "a watcher believes in a record that was replaced");
                }
                // What is over, a watcher sees by its own clock.
                _ => {}
            }
        }
        for (node, bytes) in self.model.shown(now) {
            if offers_storage(&bytes) {
                assert_eq!(self.follower.knows.get(&node), Some(&bytes), "a watcher missed a record");
            }
        }
    }
}

pub fn secret(number: u64) -> NodeSecret {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed[31] = 1;
    NodeSecret::from_seed(seed)
}

fn offers_storage(bytes: &[u8]) -> bool {
    claims(bytes).services.iter().any(|service| service.name == storage())
}

fn claims(bytes: &[u8]) -> ContactRecord {
    SignedRecord::decode(bytes).expect("a record").claims().clone()
}
