//! What an introducer sends is a claim. The one place where received bytes become records that may be shown; what fails
//! is dropped and counted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use super::{members::Members, settings::ClientSettings};
use crate::{
    directory::CLOCK_SKEW_HOURS_MAX,
    grid::{Chain, KnownGrants},
    record::{
        AddressKinds, ContactRecord, GridId, HashedNodeId, NodeId, ServiceName, SignedRecord, Timestamp, VerifiedRecord,
    },
};

/// Records that were received and not shown, by the first thing wrong with each. An honest introducer adds to `expired` at
/// most, when the clocks differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Not a record in its one spelling.
    pub malformed: u64,
    /// Of another grid.
    pub wrong_grid: u64,
    /// Of a node, a shelf or a service that was not asked for.
    pub not_asked: u64,
    /// With an address of a kind that the settings do not admit.
    pub address_kind: u64,
    /// Over, by the own clock.
    pub expired: u64,
    /// Issued later than the own clock and its tolerance.
    pub issued_in_future: u64,
    /// Not signed by the node it names.
    pub signature: u64,
    /// In a subscription: no newer than what was shown of this node.
    pub not_newer: u64,
    /// In a granted grid: without grants that allow it.
    pub grant: u64,
    /// In a granted grid: resting on a key that was revoked.
    pub revoked: u64,
}

/// Why one record is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DropReason {
    Malformed,
    WrongGrid,
    NotAsked,
    AddressKind,
    Expired,
    IssuedInFuture,
    Signature,
    NotNewer,
    Grant,
    Revoked,
}

/// Counts of [`Dropped`], shared by all that a client does.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: [AtomicU64; 10],
}

impl Tally {
    pub(super) fn count(&self, reason: DropReason) {
        if let Some(count) = self.counts.get(reason as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn dropped(&self) -> Dropped {
        let [
            malformed,
            wrong_grid,
            not_asked,
            address_kind,
            expired,
            issued_in_future,
            signature,
            not_newer,
            grant,
            revoked,
        ] = self.counts.each_ref().map(|count| count.load(Relaxed));
        Dropped {
            malformed,
            wrong_grid,
            not_asked,
            address_kind,
            expired,
            issued_in_future,
            signature,
            not_newer,
            grant,
            revoked,
        }
    }
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// One node, among others of its shelf.
    Shelf { node: NodeId, bits: u16 },
    /// One node alone.
    Node(NodeId),
    /// All that offer a service.
    Service(ServiceName),
    /// Everything; also whatever stopped to offer a service, since that no longer names it.
    All,
}

impl Asked {
    /// A listing that starts from nothing names those that offer the service. One that resumes also names those that
    /// ceased to, and such a record does not name the service any more.
    pub(super) fn listing(service: Option<ServiceName>, since: Option<Timestamp>) -> Self {
        match (service, since) {
            (Some(service), None) => Self::Service(service),
            _ => Self::All,
        }
    }
}

/// Turns received bytes into records that may be shown.
#[derive(Clone, Debug)]
pub(super) struct Sieve {
    grid: GridId,
    addresses: AddressKinds,
    members: Option<Arc<Members>>,
    tally: Arc<Tally>,
}

impl Sieve {
    pub(super) fn new(settings: &ClientSettings, tally: Arc<Tally>) -> Self {
        let members = settings.granted.then(|| Arc::new(Members::new()));
        Self { grid: settings.grid, addresses: settings.addresses, members, tally }
    }

    /// Who belongs, where that is asked.
    pub(super) fn members(&self) -> Option<&Members> {
        self.members.as_deref()
    }

    pub(super) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// A record that may be shown. `None` without a count: a neighbour on the shelf, whom nobody asked for and nobody
    /// looks at.
    pub(super) fn current(&self, bytes: &[u8], asked: &Asked, now: Timestamp) -> Option<VerifiedRecord> {
        let record = self.counted(self.of_grid(bytes))?;
        if let Asked::Shelf { node, bits } = asked
            && record.claims().node != *node
            && self.shares_shelf(&record.claims().node, node, *bits)
        {
            return None;
        }
        self.counted(self.judge(record, asked, now))
    }

    /// A record of `node` that need not hold any more: what an introducer keeps of the node itself.
    pub(super) fn kept(&self, bytes: &[u8], node: &NodeId) -> Option<VerifiedRecord> {
        let verified = self.of_grid(bytes).and_then(|record| {
            refuse_unasked(record.claims(), &Asked::Node(*node))?;
            record.verify().map_err(|_| DropReason::Signature)
        });
        self.counted(verified)
    }

    /// Two different records that `node` signed with one seq. What proves nothing is counted as not asked for.
    pub(super) fn evidence(&self, a: &[u8], b: &[u8], node: &NodeId) -> Option<[VerifiedRecord; 2]> {
        let (a, b) = (self.kept(a, node)?, self.kept(b, node)?);
        let proof = a.claims().seq == b.claims().seq && a.bytes() != b.bytes();
        self.counted(proof.then_some([a, b]).ok_or(DropReason::NotAsked))
    }

    /// Two records of different nodes that rest on one invitation. What proves nothing is counted as not asked for.
    pub(super) fn second_use(&self, a: &[u8], b: &[u8], invitation: &NodeId) -> Option<[VerifiedRecord; 2]> {
        let rests = |bytes: &[u8]| {
            let record = self.of_grid(bytes)?;
            let claims = record.claims();
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

    fn judge(&self, record: SignedRecord, asked: &Asked, now: Timestamp) -> Result<VerifiedRecord, DropReason> {
        let claims = record.claims();
        refuse_unasked(claims, asked)?;
        if claims.addresses().any(|address| !self.addresses.admits(address.kind())) {
            return Err(DropReason::AddressKind);
        }
        if claims.expires() <= now {
            return Err(DropReason::Expired);
        }
        if claims.issued > now.plus_hours(CLOCK_SKEW_HOURS_MAX) {
            return Err(DropReason::IssuedInFuture);
        }
        let member = self.members().map(|members| Ok((members, members.read(claims)?))).transpose()?;
        // Last, since they cost most.
        let record = record.verify().map_err(|_| DropReason::Signature)?;
        if let Some((members, chain)) = member {
            members.prove(chain)?;
        }
        Ok(record)
    }

    fn of_grid(&self, bytes: &[u8]) -> Result<SignedRecord, DropReason> {
        let record = SignedRecord::decode(bytes).map_err(|_| DropReason::Malformed)?;
        if record.claims().grid == self.grid { Ok(record) } else { Err(DropReason::WrongGrid) }
    }

    fn shares_shelf(&self, a: &NodeId, b: &NodeId, bits: u16) -> bool {
        let shelf = |node| HashedNodeId::new(&self.grid, node).with_tail(bits, false);
        shelf(a) == shelf(b)
    }

    fn counted<T>(&self, result: Result<T, DropReason>) -> Option<T> {
        result.map_err(|reason| self.tally.count(reason)).ok()
    }
}

fn refuse_unasked(claims: &ContactRecord, asked: &Asked) -> Result<(), DropReason> {
    let fits = match asked {
        Asked::Shelf { node, .. } | Asked::Node(node) => claims.node == *node,
        Asked::Service(name) => offers(claims, name),
        Asked::All => true,
    };
    if fits { Ok(()) } else { Err(DropReason::NotAsked) }
}

/// Does the record name the service?
pub(super) fn offers(claims: &ContactRecord, name: &ServiceName) -> bool {
    claims.services.iter().any(|service| service.name == *name)
}
