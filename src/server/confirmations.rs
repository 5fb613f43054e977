//! Grants with which a node may stay that came by an invitation, from whoever invited it.

use tokio::sync::oneshot;

use super::{
    dispatch::{self, Published},
    state::{Outcome, Shared, State, Token, invitation},
};
use crate::{
    ambient,
    directory::{Rejection, Screening},
    grid::{BundleError, ChainError, GrantBundle, GrantDecodeError},
    net::CircuitId,
    protocol::RefusalCode,
};

/// decode → screen → verify → admit → store → answer.
pub(super) async fn put(shared: &Shared, circuit: CircuitId, bytes: &[u8]) -> Published {
    let waiting = match begin(&mut shared.borrow_mut(), circuit, bytes) {
        Ok(waiting) => waiting,
        Err(answer) => return answer,
    };
    match waiting.await {
        Ok(Outcome::Durable) => Published::Accepted,
        Ok(Outcome::NotStored) | Err(_) => dispatch::busy(&mut shared.borrow_mut(), 0),
    }
}

fn begin(state: &mut State, circuit: CircuitId, bytes: &[u8]) -> Result<oneshot::Receiver<Outcome>, Published> {
    let bundle = GrantBundle::decode(bytes).map_err(|error| dispatch::refused(code_of(error)))?;
    match admit(state, circuit, bundle) {
        Ok(Some(waiting)) => Ok(waiting),
        Ok(None) => Err(Published::Accepted),
        Err(Unfit::Starting) => Err(Published::Busy { retry_after_seconds: dispatch::RETRY_SECONDS_AT_START }),
        Err(Unfit::Backlog) => Err(dispatch::busy(state, 0)),
        Err(Unfit::Rejected(rejection)) => Err(dispatch::answer_to(state, rejection)),
    }
}

enum Unfit {
    /// The store is being checked.
    Starting,
    /// Too much is on its way to the disk.
    Backlog,
    Rejected(Rejection),
}

impl From<Rejection> for Unfit {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// `None` when the node has these grants already.
fn admit(
    state: &mut State,
    circuit: CircuitId,
    bundle: GrantBundle,
) -> Result<Option<oneshot::Receiver<Outcome>>, Unfit> {
    let now = ambient::now();
    let State { directory, fairness, .. } = state;
    let directory = directory.as_mut().ok_or(Unfit::Starting)?;
    match directory.screen_confirmation(now, &bundle, fairness.verifications(circuit))? {
        Screening::AlreadyCurrent => return Ok(None),
        Screening::Verify => {}
    }
    let Some(used) = directory.confirm(now, bundle)? else { return Ok(None) };
    let (waiting, outcome) = oneshot::channel();
    let token = Token::Invitation { used: Box::new(used.clone()), waiting: Some(waiting) };
    state.store(vec![invitation(&used)], token).map_err(|_| Unfit::Backlog)?;
    Ok(Some(outcome))
}

const fn code_of(error: BundleError) -> RefusalCode {
    match error {
        BundleError::TooLarge => RefusalCode::TooLarge,
        BundleError::CutOff => RefusalCode::Malformed,
        BundleError::Chain(ChainError::Grant(error)) => match error {
            GrantDecodeError::TooLarge => RefusalCode::TooLarge,
            GrantDecodeError::Version => RefusalCode::RecordVersion,
            GrantDecodeError::NotCanonical => RefusalCode::NotCanonical,
            GrantDecodeError::Claim(_) => RefusalCode::Limit,
            _ => RefusalCode::Malformed,
        },
        BundleError::Chain(_) => RefusalCode::GrantChain,
    }
}
