//! Signed records for tests.

use std::time::{SystemTime, UNIX_EPOCH};

use anteroom::record::{
    Address, ContactRecord, GridId, Lifetime, NodeId, NodeSecret, OnionAddress, Service, Timestamp, VerifiedRecord,
};

/// The grid of all tests.
pub fn grid() -> GridId {
    GridId::from_bytes([9; 32])
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
