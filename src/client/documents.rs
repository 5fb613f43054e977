//! What the grid's key signed for everybody, brought to an introducer and asked of it: the list of revoked keys, and the
//! newest key of a sealed grid.

use std::time::Duration;

use super::{Client, ClientError, Introducer, error, isolation::Role, shared::Shared};
use crate::{
    ambient,
    grid::{
        RevocationList, SignedDocument, SignedKeyEpoch, SignedRevocations, VerifiedDocument, VerifiedKeyEpoch,
        VerifiedRevocations,
    },
    protocol::{Blob, DocumentKind, RefusalCode, Request, Response},
    record::{GridId, Timestamp},
};

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Delivered {
    /// It is in force, and durable.
    Accepted,
    /// It is not.
    Refused {
        /// Why.
        code: RefusalCode,
        /// With `Stale` and `SeqConflict`: the document in force, so that whoever runs the grid can go on from it.
        current: Option<VerifiedDocument>,
    },
    /// Nothing was changed.
    Busy {
        /// Not to be asked before that.
        retry_after: Duration,
    },
}

/// How far the word of an introducer on who is out can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The next list is due by this hour.
    Fresh {
        /// The first hour in which it is stale.
        until: Timestamp,
    },
    /// The next list is overdue: whoever runs the grid is late, or the introducer withholds it.
    Stale {
        /// Since this hour.
        since: Timestamp,
    },
    /// The introducer has no list.
    Missing,
}

impl Freshness {
    /// Of what an introducer sent.
    pub fn of(list: Option<&RevocationList>, now: Timestamp) -> Self {
        match list.map(RevocationList::next_update) {
            None => Self::Missing,
            Some(until) if now < until => Self::Fresh { until },
            Some(since) => Self::Stale { since },
        }
    }
}

impl Client {
    /// Brings a document of the grid to an introducer.
    ///
    /// # Errors
    /// See [`ClientError`]. The same bytes again do no harm.
    pub async fn bring(&self, introducer: &Introducer, document: &VerifiedDocument) -> Result<Delivered, ClientError> {
        let kind = match document {
            VerifiedDocument::Revocations(_) => DocumentKind::REVOCATIONS,
            VerifiedDocument::KeyEpoch(_) => DocumentKind::KEY_EPOCH,
        };
        let request = Request::PutDocument { kind, document: Blob(document.bytes()) };
        let grid = self.shared.settings().grid;
        let read = |response: Response<'_>| match response {
            Response::Accepted => Ok(Delivered::Accepted),
            Response::Busy { retry_after_seconds } => {
                Ok(Delivered::Busy { retry_after: error::retry_after(retry_after_seconds) })
            }
            Response::Refused { code, current } => {
                Ok(Delivered::Refused { code, current: current.and_then(|Blob(bytes)| verified(kind, bytes, grid)) })
            }
            other => Err(ClientError::unfit(&other)),
        };
        self.shared.exchange(introducer, Role::Documents, &[], &request, read).await
    }

    /// The newest key of a sealed grid, wrapped for its members, as `introducer` has it; `None` when it has none.
    ///
    /// # Errors
    /// See [`ClientError`]; `Protocol` for what the grid did not sign.
    pub async fn key_epoch(&self, introducer: &Introducer) -> Result<Option<VerifiedKeyEpoch>, ClientError> {
        match ask(&self.shared, introducer, DocumentKind::KEY_EPOCH).await? {
            Some(VerifiedDocument::KeyEpoch(epoch)) => Ok(Some(epoch)),
            _ => Ok(None),
        }
    }

    /// The grid's list of revoked keys, as `introducer` has it; `None` when it has none. [`Freshness::of`] tells whether a
    /// newer one is due.
    ///
    /// # Errors
    /// See [`ClientError`]; `Protocol` for what the grid did not sign.
    pub async fn revocations(&self, introducer: &Introducer) -> Result<Option<VerifiedRevocations>, ClientError> {
        fetch(&self.shared, introducer).await
    }

    /// How fresh the newest list is that any introducer sent; `None` where grants are not asked for
    /// ([`ClientSettings::granted`](super::ClientSettings::granted)).
    pub fn freshness(&self) -> Option<Freshness> {
        self.shared.sieve().members().map(|members| members.freshness(ambient::wall()))
    }
}

/// Asks for the list, and lets it decide from now on whose records are shown.
async fn fetch(shared: &Shared, introducer: &Introducer) -> Result<Option<VerifiedRevocations>, ClientError> {
    let list = match ask(shared, introducer, DocumentKind::REVOCATIONS).await? {
        Some(VerifiedDocument::Revocations(list)) => Some(list),
        _ => None,
    };
    if let Some(members) = shared.sieve().members() {
        members.remember(introducer, shared.hour());
        if let Some(list) = &list {
            members.learn(list);
        }
    }
    Ok(list)
}

/// The newest document of a kind.
async fn ask(
    shared: &Shared,
    introducer: &Introducer,
    kind: DocumentKind,
) -> Result<Option<VerifiedDocument>, ClientError> {
    let request = Request::GetDocument { kind };
    let grid = shared.settings().grid;
    let read = |response: Response<'_>| match response {
        Response::Document { document: None } => Ok(None),
        Response::Document { document: Some(Blob(bytes)) } => match verified(kind, bytes, grid) {
            Some(document) => Ok(Some(document)),
            None => Err(ClientError::Protocol("a document that the grid did not sign")),
        },
        other => Err(ClientError::unfit(&other)),
    };
    shared.exchange(introducer, Role::Documents, &[], &request, read).await
}

/// In a granted grid: the list, before anything else is read. Once an hour is enough where the introducer itself hides
/// whoever is out (`hourly`); whoever reads everything asks each time.
pub(super) async fn refresh(shared: &Shared, introducer: &Introducer, hourly: bool) -> Result<(), ClientError> {
    let Some(members) = shared.sieve().members() else { return Ok(()) };
    if !(hourly && members.asked(introducer, shared.hour())) {
        fetch(shared, introducer).await?;
    }
    Ok(())
}

/// A document that the grid did sign.
fn verified(kind: DocumentKind, bytes: &[u8], grid: GridId) -> Option<VerifiedDocument> {
    let document = match kind {
        DocumentKind::KEY_EPOCH => SignedDocument::KeyEpoch(SignedKeyEpoch::decode(bytes).ok()?),
        _ => SignedDocument::Revocations(SignedRevocations::decode(bytes).ok()?),
    };
    if document.head().grid == grid { document.verify().ok() } else { None }
}
