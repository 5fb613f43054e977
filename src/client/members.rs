//! In a granted grid: whose records are shown at all, judged by the grid's own signatures and not by an introducer's word.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{documents::Freshness, dropped::DropReason, introducer::Introducer};
use crate::{
    grid::{Chain, KnownGrants, VerifiedRevocations},
    record::{ContactRecord, NodeId, Timestamp},
};

/// Grants remembered as verified: 10 MB when full.
const GRANTS_KNOWN_MAX: usize = 65_536;
/// Introducers of which it is remembered when they were asked for the list; whoever uses more asks some too often.
const INTRODUCERS_REMEMBERED_MAX: usize = 256;

/// Shared by all that a client does.
#[derive(Debug)]
pub(super) struct Members {
    known: Mutex<KnownGrants>,
    newest: Mutex<Option<Arc<VerifiedRevocations>>>,
    asked: Mutex<BTreeMap<String, u64>>,
}

impl Members {
    pub(super) fn new() -> Self {
        let known = Mutex::new(KnownGrants::new(GRANTS_KNOWN_MAX));
        Self { known, newest: Mutex::default(), asked: Mutex::default() }
    }

    /// Takes a list, unless a newer one is known: an introducer that hands out an old one brings nobody back.
    pub(super) fn learn(&self, list: &VerifiedRevocations) {
        let mut newest = locked(&self.newest);
        if newest.as_ref().is_none_or(|newest| newest.list().seq < list.list().seq) {
            *newest = Some(Arc::new(list.clone()));
        }
    }

    /// The newest list that any introducer sent.
    pub(super) fn newest(&self) -> Option<Arc<VerifiedRevocations>> {
        locked(&self.newest).clone()
    }

    pub(super) fn freshness(&self, now: Timestamp) -> Freshness {
        Freshness::of(locked(&self.newest).as_ref().map(|newest| newest.list()), now)
    }

    /// Whether `introducer` was asked for the list in this hour of the client already.
    pub(super) fn asked(&self, introducer: &Introducer, hour: u64) -> bool {
        locked(&self.asked).get(&introducer.to_string()) == Some(&hour)
    }

    /// It was asked now.
    pub(super) fn remember(&self, introducer: &Introducer, hour: u64) {
        let mut asked = locked(&self.asked);
        if asked.len() >= INTRODUCERS_REMEMBERED_MAX {
            asked.pop_first();
        }
        asked.insert(introducer.to_string(), hour);
    }

    /// The chain of a record, which allows what it says; signatures are still to be checked.
    pub(super) fn read(&self, claims: &ContactRecord) -> Result<Chain, DropReason> {
        let chain = Chain::read(&claims.grid, &claims.node, &claims.grants).map_err(|_| DropReason::Grant)?;
        if !chain.rights().admit(claims.services.iter().map(|service| &service.name))
            || claims.expires() > chain.expires()
        {
            return Err(DropReason::Grant);
        }
        match &*locked(&self.newest) {
            Some(newest) if chain.keys().iter().any(|key| newest.list().revokes(key)) => Err(DropReason::Revoked),
            _ => Ok(chain),
        }
    }

    /// Checks what signatures are not known to hold.
    pub(super) fn prove(&self, chain: Chain) -> Result<(), DropReason> {
        let mut known = locked(&self.known);
        let verified = chain.verify(&known).map_err(|_| DropReason::Grant)?;
        known.learn(&verified);
        Ok(())
    }
}

/// The keys that the grants of a record lead through; none without grants.
pub(super) fn keys(claims: &ContactRecord) -> Box<[NodeId]> {
    let chain = Chain::read(&claims.grid, &claims.node, &claims.grants);
    chain.map(|chain| chain.keys().into()).unwrap_or_default()
}

/// No panic happens under these locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
