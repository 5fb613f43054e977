//! What an introducer sends is a claim. The one place where received bytes become records that may be shown; what fails
//! is dropped and counted.

use std::sync::Arc;

use super::{
    dropped::{DropReason, Tally},
    members::Members,
    settings::ClientSettings,
};
use crate::{
    directory::CLOCK_SKEW_HOURS_MAX,
    grid::{Chain, KnownGrants},
    record::{
        AddressKinds, ContactRecord, Epoch, GridId, GroupKeys, HashedNodeId, NodeId, SEALED_RECORD_VERSION,
        SealedRecord, ServiceName, SignedEnvelope, SignedRecord, Tag, Timestamp, VerifiedEnvelope, VerifiedRecord,
    },
    redact::Redacted,
};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// One node, among others of its shelf.
    Shelf { node: NodeId, bits: u16 },
    /// One node alone.
    Node(NodeId),
    /// All that offer a service.
    Service(ServiceName),
    /// All that offer a service, where everything had to be asked for.
    ServiceAmongAll(ServiceName),
    /// Everything; also whatever stopped to offer a service, since that no longer names it.
    All,
}

/// Turns received bytes into records that may be shown.
#[derive(Clone, Debug)]
pub(super) struct Sieve {
    grid: GridId,
    addresses: AddressKinds,
    members: Option<Arc<Members>>,
    group: Option<Redacted<Arc<GroupKeys>>>,
    tally: Arc<Tally>,
}

/// A record of the grid, before its signature is looked at.
enum Received {
    Clear(SignedRecord),
    Sealed(SealedRecord),
}

impl Sieve {
    pub(super) fn new(settings: &ClientSettings, tally: Arc<Tally>) -> Self {
        let members = settings.granted.then(|| Arc::new(Members::new()));
        let group = settings.group_keys.clone();
        Self { grid: settings.grid, addresses: settings.addresses, members, group, tally }
    }

    /// Who belongs, where that is asked.
    pub(super) fn members(&self) -> Option<&Members> {
        self.members.as_deref()
    }

    pub(super) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Is the key of this epoch at hand? `None` where nothing is sealed.
    pub(super) fn reads(&self, epoch: Epoch) -> Option<bool> {
        self.group.as_ref().map(|group| group.reveal().of(epoch).is_some())
    }

    /// What an introducer is to list by; `None`: everything. In a sealed grid that is a tag, and while two epochs overlap a
    /// service has two of them.
    pub(super) fn listed_by(&self, service: Option<&ServiceName>) -> Option<ServiceName> {
        let service = service?;
        match &self.group {
            None => Some(service.clone()),
            Some(group) => group.reveal().sole().map(|key| Tag::of(key, &self.grid, service).name()),
        }
    }

    /// A listing that starts from nothing names those that offer the service. One that resumes also names those that
    /// ceased to, and such a record does not name the service any more.
    pub(super) fn asked(&self, service: Option<ServiceName>, since: Option<Timestamp>) -> Asked {
        match (service, since) {
            (Some(service), None) if self.listed_by(Some(&service)).is_none() => Asked::ServiceAmongAll(service),
            (Some(service), None) => Asked::Service(service),
            _ => Asked::All,
        }
    }

    /// Can an introducer not tell which records concern a reader of a service? One that is sealed may drop a tag that was of
    /// no service.
    pub(super) const fn is_sealed(&self) -> bool {
        self.group.is_some()
    }

    /// A record that may be shown. `None` without a count: a neighbour on the shelf, or of another service, whom nobody
    /// asked for.
    pub(super) fn current(&self, bytes: &[u8], asked: &Asked, now: Timestamp) -> Option<VerifiedRecord> {
        let record = self.counted(self.of_grid(bytes))?;
        if let Asked::Shelf { node, bits } = asked
            && record.node() != node
            && self.shares_shelf(record.node(), node, *bits)
        {
            return None;
        }
        let record = self.counted(self.judge(record, asked, now))?;
        match asked {
            Asked::ServiceAmongAll(name) if !offers(record.claims(), name) => None,
            _ => Some(record),
        }
    }

    /// What an introducer keeps of `node` itself; it need not hold any more, nor be one that can be read: its number counts.
    pub(super) fn kept(&self, bytes: &[u8], node: &NodeId) -> Option<VerifiedEnvelope> {
        let kept = SignedEnvelope::decode(bytes).map_err(|_| DropReason::Malformed).and_then(|record| {
            self.refuse_foreign(&record.claims().grid)?;
            if record.claims().node != *node {
                return Err(DropReason::NotAsked);
            }
            record.verify().map_err(|_| DropReason::Signature)
        });
        self.counted(kept)
    }

    /// Two different records that `node` signed with one seq. What proves nothing is counted as not asked for.
    pub(super) fn evidence(&self, a: &[u8], b: &[u8], node: &NodeId) -> Option<[VerifiedRecord; 2]> {
        let readable = |bytes| {
            let record = self.of_grid(bytes)?;
            if *record.node() == *node { self.read(record) } else { Err(DropReason::NotAsked) }
        };
        let (a, b) = (self.counted(readable(a))?, self.counted(readable(b))?);
        let proof = a.claims().seq == b.claims().seq && a.bytes() != b.bytes();
        self.counted(proof.then_some([a, b]).ok_or(DropReason::NotAsked))
    }

    /// Two records of different nodes that rest on one invitation, which need not be readable. What proves nothing is counted as not asked for.
    pub(super) fn second_use(&self, a: &[u8], b: &[u8], invitation: &NodeId) -> Option<[VerifiedEnvelope; 2]> {
        let rests = |bytes: &[u8]| {
            let record = SignedEnvelope::decode(bytes).map_err(|_| DropReason::Malformed)?;
            let claims = record.claims();
            self.refuse_foreign(&claims.grid)?;
            let chain = Chain::read(&claims.grid, &claims.node, &claims.grants).map_err(|_| DropReason::Grant)?;
            if chain.invitation() != Some(*invitation) {
                return Err(DropReason::NotAsked);
            }
            chain.verify(&KnownGrants::new(0)).map_err(|_| DropReason::Grant)?;
            record.verify().map_err(|_| DropReason::Signature)
        };
        let (a, b) = (self.counted(rests(a))?, self.counted(rests(b))?);
        let proof = a.claims().node != b.claims().node;
        self.counted(proof.then_some([a, b]).ok_or(DropReason::NotAsked))
    }

    fn judge(&self, record: Received, asked: &Asked, now: Timestamp) -> Result<VerifiedRecord, DropReason> {
        // In front of the signatures, since those cost most.
        let chain = match &record {
            Received::Clear(record) => Some(self.fit(record.claims(), asked, now)?),
            Received::Sealed(record) => {
                refuse_time(record.claims().issued, record.claims().expires(), now)?;
                None
            }
        };
        let record = self.read(record)?;
        let chain = match chain {
            Some(chain) => chain,
            None => self.fit(record.claims(), asked, now)?,
        };
        if let (Some(members), Some(chain)) = (self.members(), chain) {
            members.prove(chain)?;
        }
        Ok(record)
    }

    /// Everything that is asked of what a record says; the chain of its grants, where one is asked for.
    fn fit(&self, claims: &ContactRecord, asked: &Asked, now: Timestamp) -> Result<Option<Chain>, DropReason> {
        refuse_unasked(claims, asked)?;
        if claims.addresses().any(|address| !self.addresses.admits(address.kind())) {
            return Err(DropReason::AddressKind);
        }
        refuse_time(claims.issued, claims.expires(), now)?;
        self.members().map(|members| members.read(claims)).transpose()
    }

    /// Checks the signature, and opens what is sealed.
    fn read(&self, record: Received) -> Result<VerifiedRecord, DropReason> {
        match (record, &self.group) {
            (Received::Clear(record), None) => record.verify().map_err(|_| DropReason::Signature),
            (Received::Sealed(record), Some(group)) => {
                let key = group.reveal().of(record.claims().epoch).ok_or(DropReason::Epoch)?;
                Ok(record.verify().map_err(|_| DropReason::Signature)?.open(key)?)
            }
            // What is in clear could be anybody's word on a member: its node would have sealed it.
            (Received::Clear(_), Some(_)) | (Received::Sealed(_), None) => Err(DropReason::Sealing),
        }
    }

    fn of_grid(&self, bytes: &[u8]) -> Result<Received, DropReason> {
        let record = if bytes.first() == Some(&SEALED_RECORD_VERSION) {
            SealedRecord::decode(bytes).map(Received::Sealed)
        } else {
            SignedRecord::decode(bytes).map(Received::Clear)
        };
        let record = record.map_err(|_| DropReason::Malformed)?;
        self.refuse_foreign(record.grid())?;
        Ok(record)
    }

    fn refuse_foreign(&self, grid: &GridId) -> Result<(), DropReason> {
        if *grid == self.grid { Ok(()) } else { Err(DropReason::WrongGrid) }
    }

    fn shares_shelf(&self, a: &NodeId, b: &NodeId, bits: u16) -> bool {
        let shelf = |node| HashedNodeId::new(&self.grid, node).with_tail(bits, false);
        shelf(a) == shelf(b)
    }

    fn counted<T>(&self, result: Result<T, DropReason>) -> Option<T> {
        result.map_err(|reason| self.tally.count(reason)).ok()
    }
}

impl Received {
    const fn grid(&self) -> &GridId {
        match self {
            Self::Clear(record) => &record.claims().grid,
            Self::Sealed(record) => &record.claims().grid,
        }
    }

    const fn node(&self) -> &NodeId {
        match self {
            Self::Clear(record) => &record.claims().node,
            Self::Sealed(record) => &record.claims().node,
        }
    }
}

fn refuse_time(issued: Timestamp, expires: Timestamp, now: Timestamp) -> Result<(), DropReason> {
    if expires <= now {
        return Err(DropReason::Expired);
    }
    if issued > now.plus_hours(CLOCK_SKEW_HOURS_MAX) { Err(DropReason::IssuedInFuture) } else { Ok(()) }
}

fn refuse_unasked(claims: &ContactRecord, asked: &Asked) -> Result<(), DropReason> {
    let fits = match asked {
        Asked::Shelf { node, .. } | Asked::Node(node) => claims.node == *node,
        Asked::Service(name) => offers(claims, name),
        // Others are passed over, not dropped: this client asked for them.
        Asked::ServiceAmongAll(_) | Asked::All => true,
    };
    if fits { Ok(()) } else { Err(DropReason::NotAsked) }
}

/// Does the record name the service?
pub(super) fn offers(claims: &ContactRecord, name: &ServiceName) -> bool {
    claims.services.iter().any(|service| service.name == *name)
}
