//! What happens without a request: groups come back from the disk, entries expire, the operator reloads.

use std::{fs, path::Path, rc::Rc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::{
    descriptors, documents,
    state::{Completed, Outcome, Rules, Shared, State, Token},
};
use crate::{
    ambient,
    config::{ConfigError, IntroducerConfig},
    directory::EXPIRIES_PER_STEP_MAX,
    store::{CommitError, Write},
};

/// Between two looks at what has expired: the unit of time is an hour, a minute late is nothing.
const INTERVAL: Duration = Duration::from_secs(60);
/// A confirmation counts for the hour it names and the one after it, so that an old file confirms nothing.
const CONFIRMATION_HOURS_MAX: u32 = 1;

/// Applies groups in the order they became durable, then answers who waits. Ends with a message when the store fails for good.
pub(super) async fn apply_completions(shared: Shared, mut completions: mpsc::UnboundedReceiver<Completed>) -> String {
    while let Some(completed) = completions.recv().await {
        let mut state = shared.borrow_mut();
        if let Err(CommitError::Fatal(error)) = &completed.result {
            return error.to_string();
        }
        let durable = completed.result.is_ok();
        // What is tried by itself where there is no room says nothing about room.
        if completed.tokens.iter().any(|token| matches!(token, Token::Publish { .. } | Token::Evidence(_))) {
            tell_of_room(&mut state, durable);
        }
        for token in completed.tokens {
            settle(&mut state, token, durable);
        }
        if durable {
            state.announce_change();
        }
    }
    "the store's thread ended".into()
}

/// Once when the room is gone and once when it is back: a line a publish would fill the rest of the disk.
fn tell_of_room(state: &mut State, there_is: bool) {
    if std::mem::replace(&mut state.store_is_full, !there_is) != there_is {
        return;
    }
    if there_is {
        tracing::info!("there is room on the disk again: publishing goes on");
    } else {
        tracing::warn!("the disk (or the store's limit) is full: publishing is answered Busy, reading goes on");
    }
}

fn settle(state: &mut State, token: Token, durable: bool) {
    let Some(directory) = &mut state.directory else { return };
    match (token, durable) {
        (Token::Publish { change, waiting }, true) => {
            directory.apply(*change);
            // Whoever waited may have gone.
            let _ = waiting.send(Outcome::Durable);
        }
        (Token::Publish { change, waiting }, false) => {
            directory.abandon(*change);
            let _ = waiting.send(Outcome::NotStored);
        }
        (Token::Revision { revision, waiting }, true) => {
            if directory.apply_revision(*revision) {
                state.announce_revision();
            }
            tell(waiting, Outcome::Durable);
        }
        (Token::Revision { revision, waiting }, false) => {
            directory.abandon_revision(*revision);
            tell(waiting, Outcome::NotStored);
        }
        (Token::Invitation { used, waiting }, true) => {
            directory.apply_use(*used);
            tell(waiting, Outcome::Durable);
        }
        (Token::Invitation { waiting, .. }, false) => tell(waiting, Outcome::NotStored),
        (Token::Evidence(evidence), true) => directory.apply_evidence(evidence),
        (Token::Evidence(_) | Token::Housekeeping, _) => {}
    }
}

/// Whoever waited may have gone, or be nobody.
fn tell(waiting: Option<oneshot::Sender<Outcome>>, outcome: Outcome) {
    if let Some(waiting) = waiting {
        let _ = waiting.send(outcome);
    }
}

/// Looks at the clock, forgets what is over, and writes down the hour: once a minute, and at once after a reload.
pub(super) async fn keep(shared: Shared) {
    let mut written = None;
    let reloaded = Rc::clone(&shared.borrow().reloaded);
    loop {
        let more = step(&mut shared.borrow_mut(), &mut written);
        if more {
            tokio::task::yield_now().await;
        } else {
            let _ = tokio::time::timeout(INTERVAL, reloaded.notified()).await;
        }
    }
}

/// One bounded step; `true` when there is more to forget at once.
fn step(state: &mut State, written: &mut Option<crate::directory::Marks>) -> bool {
    let now = ambient::now();
    state.fairness.forget_idle(now);
    let Some(directory) = &mut state.directory else {
        return false;
    };
    let forgotten = directory.expire(now);
    let in_doubt = directory.clock_is_in_doubt();
    if in_doubt && !state.clock_doubt_told {
        tracing::warn!(
            "the clock jumped by more than a day: nothing is forgotten until it is confirmed. Check it (`date -u`), then \
             `anteroom confirm-clock` and SIGHUP"
        );
    }
    state.clock_doubt_told = in_doubt;
    let (marks, invitations) = (directory.marks(), directory.forget_invitations(now));
    if forgotten.is_empty() && invitations.is_empty() && *written == Some(marks) {
        return false;
    }
    let more = forgotten.len() >= EXPIRIES_PER_STEP_MAX;
    let rows = forgotten.into_iter().flat_map(|node| [Write::Delete(node), Write::ForgetEvidence(node)]);
    let writes = rows.chain(invitations.into_iter().map(Write::ForgetInvitation)).collect();
    // Without room on the way to the disk the rows stay until the next start, which forgets them again.
    if state.store(writes, Token::Housekeeping).is_ok() {
        *written = Some(marks);
    }
    more
}

/// New rules from the configuration; the old ones stay when it has an error.
pub(super) fn reload(shared: &Shared, config: Result<IntroducerConfig, ConfigError>) {
    let mut config = match config {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(%error, "the configuration was not reloaded; the old rules stay");
            return;
        }
    };
    config.limits.streams_max = descriptors::streams_max(config.limits.streams_max);
    {
        let mut state = shared.borrow_mut();
        let State { directory, fairness, rules, .. } = &mut *state;
        *rules = Rules::new(&config);
        fairness.reload(&config.limits);
        if directory.as_mut().is_some_and(|directory| directory.reload(config.policy.clone())) {
            state.announce_revision();
        }
    }
    documents::take_file(shared, config.revocations.as_deref());
    confirm_clock(shared, &config.state);
    tracing::info!("the configuration was reloaded (socket, state and grid stay as they were)");
}

/// Takes the operator's word on the clock, if there is one of this hour.
pub(super) fn confirm_clock(shared: &Shared, state_directory: &Path) {
    let mut state = shared.borrow_mut();
    let Some(directory) = &mut state.directory else { return };
    let path = super::clock_confirmed_path(state_directory);
    let now = ambient::now();
    let confirmed = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<u32>().ok());
    if let Some(hour) = confirmed {
        if hour.abs_diff(now.wall.hours()) <= CONFIRMATION_HOURS_MAX {
            directory.confirm_clock(now);
            tracing::info!("the operator confirmed the clock: expired records are forgotten again");
        } else {
            tracing::warn!("the confirmation of the clock is of another hour and was not taken: confirm it again");
        }
        let _ = fs::remove_file(&path);
    }
    // Who asked is told again.
    state.clock_doubt_told = false;
    state.reloaded.notify_one();
}
