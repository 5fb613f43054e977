//! Signed records for tests.

use std::{
    path::Path,
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};

use anteroom::{
    grid::{Grant, GrantKind, Revocation, RevocationList, Rights, VerifiedRevocations},
    record::{
        Address, ContactRecord, GridId, GridSecret, GroupKey, Lifetime, NodeId, NodeSecret, OnionAddress, Service,
        Timestamp, VerifiedRecord,
    },
    store::{self, GROUP_WRITES_MAX, Limits, Marks, Write},
};

/// The grid of all tests.
pub fn grid() -> GridId {
    static GRID: LazyLock<GridId> = LazyLock::new(|| grid_secret().id());
    *GRID
}

/// Its key.
pub fn grid_secret() -> GridSecret {
    GridSecret::from_seed([9; 32])
}

/// A grant by the grid, or by a node, for a day from this hour on; change what a test is about, then [`sign_grant`].
pub fn grant(issuer: Option<&Node>, subject: &Node, depth: u8) -> Grant {
    Grant {
        grid: grid(),
        issuer: issuer.map(Node::id),
        subject: subject.id(),
        kind: GrantKind::Lasting,
        rights: Rights::ANY_SERVICE,
        depth,
        issued: this_hour(),
        lifetime_hours: 48,
    }
}

/// The bytes of a grant, signed by whom it names.
pub fn sign_grant(grant: &Grant, issuer: Option<&Node>) -> Vec<u8> {
    let signed = match issuer {
        None => grant.sign_by_grid(&grid_secret()),
        Some(node) => grant.sign_by_member(&node.secret),
    };
    signed.expect("the grant is within its limits").bytes().to_vec()
}

/// The grid's list of who is out.
pub fn revocations(seq: u64, out: &[&Node]) -> VerifiedRevocations {
    let until = this_hour().plus_hours(48);
    let mut revoked: Vec<_> = out.iter().map(|node| Revocation { key: node.id(), until }).collect();
    revoked.sort_by_key(|entry| entry.key);
    let list = RevocationList { grid: grid(), seq, issued: this_hour(), next_update_hours: 24, revoked };
    list.sign(&grid_secret()).expect("the list is within its limits")
}

/// This hour.
pub fn this_hour() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    Timestamp::from_unix_seconds(since.as_secs())
}

/// A node that signs for tests.
pub struct Node {
    number: u64,
    secret: NodeSecret,
}

impl Node {
    /// The node with this number: the same key each time.
    pub fn new(number: u64) -> Self {
        let mut seed = [3; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        Self { number, secret: NodeSecret::from_seed(seed) }
    }

    pub fn id(&self) -> NodeId {
        self.secret.id()
    }

    /// The claims of a record with one service; change what a test is about, then [`Node::sign`].
    pub fn claims(&self, seq: u64) -> ContactRecord {
        let port = 1 + (self.number % 60_000) as u16;
        let address = OnionAddress::new([5; 32], port).expect("a port that is not 0");
        ContactRecord {
            grid: grid(),
            node: self.id(),
            seq,
            issued: this_hour(),
            lifetime: Lifetime::from_hours(24).expect("within limits"),
            nickname: None,
            services: vec![Service {
                name: "storage".parse().expect("a service name"),
                version: 1,
                addresses: vec![Address::Onion(address)],
                attributes: Default::default(),
            }],
            grants: Vec::new(),
        }
    }

    pub fn sign(&self, claims: &ContactRecord) -> VerifiedRecord {
        claims.sign(&self.secret).expect("the claims are within their limits")
    }

    /// The same for the holders of `key`.
    pub fn seal(&self, claims: &ContactRecord, key: &GroupKey) -> VerifiedRecord {
        let nonce = anteroom::ambient::random().expect("randomness");
        claims.seal(key, nonce, &self.secret).expect("the claims are within their limits")
    }

    /// An ordinary record.
    pub fn record(&self, seq: u64) -> VerifiedRecord {
        self.sign(&self.claims(seq))
    }

    /// No services: all is taken back.
    pub fn withdrawal(&self, seq: u64) -> VerifiedRecord {
        self.sign(&ContactRecord { services: Vec::new(), ..self.claims(seq) })
    }

    /// A record of exactly `bytes` bytes, padded by attributes.
    pub fn record_of_size(&self, seq: u64, bytes: usize) -> VerifiedRecord {
        let mut claims = self.claims(seq);
        let bare = self.sign(&claims).bytes().len();
        let mut missing = bytes.checked_sub(bare).expect("larger than a bare record");
        for index in 0_u8.. {
            // Key and value have a length byte each (two above 127).
            let key = format!("k{index:02}");
            let overhead = key.len() + 2;
            if missing == 0 {
                break;
            }
            let value = "x".repeat(missing.saturating_sub(overhead).min(120));
            missing = missing.saturating_sub(overhead + value.len());
            claims.services[0].attributes.insert(&key, &value).expect("a new key");
        }
        self.sign(&claims)
    }
}

/// First number of the nodes of [`fill_store`].
pub const STORED_NODES_FROM: u64 = 1_000_000;

/// Writes a store of `count` records of `bytes` bytes each, as an introducer would have.
pub fn fill_store(state: &Path, count: u64, bytes: usize) {
    let hour = this_hour();
    let opened = store::open(state, Limits { content_bytes_max: 1 << 40 }).expect("a new store");
    let mut store = opened.load(|_| ()).and_then(store::Loaded::accept).expect("a new store");
    let marks = Marks { latest_hour: hour, forgotten_until: Timestamp::EPOCH };
    let mut writes = (STORED_NODES_FROM..STORED_NODES_FROM + count).map(|number| {
        let record = Node::new(number).record_of_size(1, bytes);
        let claims = record.claims();
        Write::Put { node: claims.node, accepted: hour, floor_until: claims.expires(), record: record.bytes().into() }
    });
    loop {
        let group: Vec<_> = writes.by_ref().take(GROUP_WRITES_MAX).collect();
        if group.is_empty() {
            break;
        }
        store.commit(&group, marks, 0).expect("there is room");
    }
}

/// Repeatable randomness (xorshift64*): the seed is printed, and `ANTEROOM_SEED` sets it.
pub struct Random(u64);

impl Random {
    pub fn announced() -> Self {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970").as_nanos() as u64;
        let seed = std::env::var("ANTEROOM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(clock | 1);
        println!("ANTEROOM_SEED={seed}");
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}
