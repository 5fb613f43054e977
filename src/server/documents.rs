//! What the grid's key signed for everybody: from whoever brings it, or from a file of the operator's. Its signature is what
//! counts.

use std::{path::Path, sync::Arc};

use tokio::sync::oneshot;

use super::{
    dispatch::{self, Published},
    state::{Outcome, Shared, State, Token},
};
use crate::{
    ambient, armor,
    directory::{Bucket, Rejection, Screening},
    grid::{KeyEpochError, RevocationError, SignedDocument, SignedKeyEpoch, SignedRevocations, VerifiedDocument},
    net::CircuitId,
    protocol::{DocumentKind, RefusalCode},
    store::Write,
};

/// decode → screen → verify → admit → store → answer.
pub(super) async fn put(shared: &Shared, circuit: CircuitId, kind: DocumentKind, bytes: &[u8]) -> Published {
    let waiting = match begin_for(&mut shared.borrow_mut(), circuit, kind, bytes) {
        Ok(waiting) => waiting,
        Err(answer) => return answer,
    };
    match waiting.await {
        Ok(Outcome::Durable) => Published::Accepted,
        Ok(Outcome::NotStored) | Err(_) => dispatch::busy(&mut shared.borrow_mut(), 0),
    }
}

fn begin_for(
    state: &mut State,
    circuit: CircuitId,
    kind: DocumentKind,
    bytes: &[u8],
) -> Result<oneshot::Receiver<Outcome>, Published> {
    let document = if kind == DocumentKind::KEY_EPOCH {
        SignedKeyEpoch::decode(bytes).map(SignedDocument::KeyEpoch).map_err(code_of_epoch)
    } else {
        SignedRevocations::decode(bytes).map(SignedDocument::Revocations).map_err(code_of)
    };
    let document = document.map_err(dispatch::refused)?;
    let (waiting, outcome) = oneshot::channel();
    match begin(state, document, Some((circuit, waiting))) {
        Ok(Begun::OnItsWay) => Ok(outcome),
        Ok(Begun::InForce) => Err(Published::Accepted),
        Err(Unfit::Starting) => Err(Published::Busy { retry_after_seconds: dispatch::RETRY_SECONDS_AT_START }),
        Err(Unfit::Backlog) => Err(dispatch::busy(state, 0)),
        Err(Unfit::Rejected(rejection)) => Err(dispatch::answer_to(state, rejection)),
    }
}

enum Begun {
    InForce,
    OnItsWay,
}

enum Unfit {
    /// The store is being checked.
    Starting,
    /// Too much is on its way to the disk.
    Backlog,
    Rejected(Rejection),
}

/// `waiting`: a stranger who waits for the answer, and pays for the signature check.
fn begin(
    state: &mut State,
    document: SignedDocument,
    waiting: Option<(CircuitId, oneshot::Sender<Outcome>)>,
) -> Result<Begun, Unfit> {
    let now = ambient::now();
    let State { directory, fairness, .. } = state;
    let directory = directory.as_mut().ok_or(Unfit::Starting)?;
    let (mut own, stranger) = (Bucket::default(), waiting.as_ref().map(|(circuit, _)| *circuit));
    let budget = stranger.map_or(&mut own, |circuit| fairness.verifications(circuit));
    match directory.screen_document(now, &document, budget).map_err(Unfit::Rejected)? {
        Screening::AlreadyCurrent => return Ok(Begun::InForce),
        Screening::Verify => {}
    }
    let verified = document.verify().map_err(|_| Unfit::Rejected(Rejection::Signature))?;
    let Some(revision) = directory.revise(now, verified).map_err(Unfit::Rejected)? else {
        return Ok(Begun::InForce);
    };
    let write = match revision.document() {
        VerifiedDocument::Revocations(list) => Write::Revocations(Arc::from(list.bytes())),
        VerifiedDocument::KeyEpoch(epoch) => Write::KeyEpoch(Arc::from(epoch.bytes())),
    };
    let waiting = waiting.map(|(_, waiting)| waiting);
    match state.store(vec![write], Token::Revision { revision: Box::new(revision), waiting }) {
        Ok(()) => Ok(Begun::OnItsWay),
        Err(token) => {
            if let (Token::Revision { revision, .. }, Some(directory)) = (token, &mut state.directory) {
                directory.abandon_revision(*revision);
            }
            Err(Unfit::Backlog)
        }
    }
}

/// Takes the operator's copy of the list, if there is one. An error is told, and what is in force stays.
pub(super) fn take_file(shared: &Shared, file: Option<&Path>) {
    let Some(file) = file else { return };
    let list = match armor::load(file, armor::REVOCATIONS) {
        Ok(bytes) => SignedRevocations::decode(&bytes),
        Err(error) => return tracing::error!(%error, "the file `admission.revocations` was not taken"),
    };
    let list = match list {
        Ok(list) => list,
        Err(error) => {
            return tracing::error!(%error, "the file `admission.revocations` holds no list and was not taken");
        }
    };
    match begin(&mut shared.borrow_mut(), SignedDocument::Revocations(list), None) {
        Ok(Begun::InForce) => {}
        Ok(Begun::OnItsWay) => tracing::info!("the list of revoked keys was read from its file"),
        // The grid has sent a newer one meanwhile, which is as it should be.
        Err(Unfit::Rejected(Rejection::Stale { .. })) => {}
        Err(Unfit::Rejected(error)) => tracing::error!(%error, "the file `admission.revocations` was not taken"),
        Err(Unfit::Starting | Unfit::Backlog) => {
            tracing::warn!("the file `admission.revocations` was not taken for want of time: send SIGHUP again");
        }
    }
}

const fn code_of(error: RevocationError) -> RefusalCode {
    match error {
        RevocationError::TooLarge => RefusalCode::TooLarge,
        RevocationError::Version => RefusalCode::RecordVersion,
        RevocationError::NotCanonical => RefusalCode::NotCanonical,
        RevocationError::TooShort | RevocationError::Malformed | RevocationError::TrailingBytes => {
            RefusalCode::Malformed
        }
        RevocationError::NextUpdate | RevocationError::TooMany | RevocationError::Order | RevocationError::Ended => {
            RefusalCode::Limit
        }
    }
}

const fn code_of_epoch(error: KeyEpochError) -> RefusalCode {
    match error {
        KeyEpochError::TooLarge => RefusalCode::TooLarge,
        KeyEpochError::Version => RefusalCode::RecordVersion,
        KeyEpochError::NotCanonical => RefusalCode::NotCanonical,
        KeyEpochError::TooShort | KeyEpochError::Malformed | KeyEpochError::TrailingBytes => RefusalCode::Malformed,
        KeyEpochError::NextUpdate | KeyEpochError::Epoch | KeyEpochError::Slots => RefusalCode::Limit,
    }
}
