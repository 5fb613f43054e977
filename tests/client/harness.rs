//! A client, a proxy and one fake introducer on a temporary directory; and records to talk about.

use std::time::Duration;

use anteroom::{
    ambient,
    client::{Client, ClientSettings, Deadlines, Introducer},
    protocol::Blob,
    record::{
        Address, Attributes, ContactRecord, GridId, HashedNodeId, I2pAddress, Lifetime, NodeId, NodeSecret,
        OnionAddress, Service, VerifiedRecord,
    },
};
use tempfile::TempDir;

use crate::{
    fake_introducer::{FakeIntroducer, Peer},
    quiet,
    socks::{Dial, SocksProxy},
};

pub(crate) const GRID: GridId = GridId::from_bytes([9; 32]);

/// Long enough for a busy machine.
pub(crate) const PATIENT: Deadlines = Deadlines {
    connect: Duration::from_secs(20),
    answer: Duration::from_secs(20),
    frame: Duration::from_secs(20),
    tick: Duration::from_secs(20),
    reconnect_min: Duration::from_millis(2),
    reconnect_max: Duration::from_millis(20),
};

/// For introducers that say nothing.
pub(crate) const IMPATIENT: Deadlines = Deadlines {
    answer: Duration::from_millis(150),
    frame: Duration::from_millis(150),
    tick: Duration::from_millis(150),
    ..PATIENT
};

pub(crate) struct Net {
    pub(crate) proxy: SocksProxy,
    pub(crate) fake: FakeIntroducer,
    pub(crate) settings: ClientSettings,
    pub(crate) client: Client,
    _dir: TempDir,
}

impl Net {
    /// Every host is the one fake, which follows `script` on each stream.
    pub(crate) fn new<S, F>(script: S) -> Self
    where
        S: Fn(Peer) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        quiet::listen();
        let dir = tempfile::tempdir().unwrap();
        let fake = FakeIntroducer::start(dir.path(), "fake", script).unwrap();
        let target = fake.path.clone();
        let proxy = SocksProxy::start(dir.path(), move |_| Ok(target.clone())).unwrap();
        let mut settings = ClientSettings::new(&proxy.path, GRID);
        settings.deadlines = PATIENT;
        Self { client: Client::new(settings.clone()).unwrap(), proxy, fake, settings, _dir: dir }
    }

    /// Another client of the same network.
    pub(crate) fn client_with(&self, change: impl FnOnce(&mut ClientSettings)) -> Client {
        let mut settings = self.settings.clone();
        change(&mut settings);
        Client::new(settings).unwrap()
    }

    pub(crate) fn dials(&self) -> Vec<Dial> {
        self.proxy.log.lock().unwrap().clone()
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            quiet::assert_nobody_was_named();
        }
    }
}

pub(crate) fn introducer() -> Introducer {
    Introducer::Onion(OnionAddress::new([5; 32], 80).unwrap())
}

pub(crate) fn other_introducer() -> Introducer {
    Introducer::I2p(I2pAddress::from_hash([6; 32], 80))
}

fn secret(number: u16) -> NodeSecret {
    let mut seed = [1; 32];
    seed[..2].copy_from_slice(&number.to_be_bytes());
    NodeSecret::from_seed(seed)
}

pub(crate) fn node(number: u16) -> NodeId {
    secret(number).id()
}

pub(crate) fn hash(record: &VerifiedRecord) -> [u8; 32] {
    *HashedNodeId::new(&GRID, &record.claims().node).as_bytes()
}

/// A record of node `number` that offers `storage`.
pub(crate) fn record(number: u16, seq: u64) -> VerifiedRecord {
    changed(number, seq, |_| {})
}

/// The same after `change`.
pub(crate) fn changed(number: u16, seq: u64, change: impl FnOnce(&mut ContactRecord)) -> VerifiedRecord {
    let mut record = ContactRecord {
        grid: GRID,
        node: node(number),
        seq,
        issued: ambient::wall(),
        lifetime: Lifetime::from_hours(24).unwrap(),
        nickname: quiet::NICKNAME.parse().ok(),
        services: vec![service("storage", Address::Onion(OnionAddress::new([7; 32], 1).unwrap()))],
        grants: Vec::new(),
    };
    change(&mut record);
    record.sign(&secret(number)).unwrap()
}

pub(crate) fn service(name: &str, address: Address) -> Service {
    Service { name: name.parse().unwrap(), version: 1, addresses: vec![address], attributes: Attributes::default() }
}

pub(crate) fn blobs(records: &[VerifiedRecord]) -> Vec<Blob<'_>> {
    records.iter().map(|record| Blob(record.bytes())).collect()
}
