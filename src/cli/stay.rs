//! Keeping a record fresh: sign and publish again before it ends, at moments nobody can predict.

use std::{path::Path, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    failure::{Exit, Failure, system},
    node::{Says, Signer},
    outcomes::Outcomes,
    output,
    proxy::Proxy,
    publish::{Publisher, Resign},
};
use crate::{
    ambient,
    config::NodeConfig,
    record::{Lifetime, SECONDS_PER_HOUR},
};

/// Who could not be reached is tried again after so long: a restart of tor or of an introducer is over by then.
const RETRY_MILLIS_MIN: u64 = 300_000;
/// And twice as long each time up to this: an introducer that is down for a day costs two dozen tries.
const RETRY_MILLIS_MAX: u64 = 3_600_000;
/// A sleeping machine's timers stand still while its records grow old: so long until that is noticed.
const SLEEP_MILLIS_MAX: u64 = 300_000;

/// A record is dated to the start of its hour, so that a part of its lifetime is over when it is signed: what lasts less
/// would have gaps.
const LIFETIME_HOURS_MIN: u16 = 3;

/// Publishes until SIGINT or SIGTERM. No introducer's failure ends it; a wrong configuration or key does at the start.
pub(super) async fn stay(path: &Path, proxy: &Proxy, json: bool) -> Result<(), Failure> {
    let config = load(path)?;
    let signer = Signer::open(&config)?;
    Publisher::new(&config, proxy)?;
    let hangup = signal(SignalKind::hangup()).map_err(system("SIGHUP can't be listened to"))?;
    tokio::select! {
        failure = keep(path, proxy, config, signer, hangup, json) => Err(failure),
        () = output::stop_signal() => Ok(()),
    }
}

/// Round after round; returns only when the very first record can't be signed.
async fn keep(
    path: &Path,
    proxy: &Proxy,
    mut config: NodeConfig,
    mut signer: Signer,
    mut hangup: Signal,
    json: bool,
) -> Failure {
    let mut signed_once = false;
    loop {
        let started = ambient::steady_millis();
        match publish(&config, proxy, &mut signer).await {
            Ok(outcomes) => {
                signed_once = true;
                // Of the record, which may hold for less than is configured: no longer than its grants.
                let due = started + half_life_millis(outcomes.record.claims().lifetime);
                tell(&outcomes, json);
                output::say(format_args!("Next record in about {} h", hours_until(due)));
                // Whoever has the record has it: a retry may be broken off at any moment.
                tokio::select! {
                    () = retry(&config, proxy, &mut signer, outcomes, due, json) => {}
                    _ = hangup.recv() => {}
                }
            }
            Err(failure) if !signed_once => return failure,
            Err(failure) => {
                output::say(format_args!("{failure}; trying again"));
                tokio::select! {
                    () = sleep_until(ambient::steady_millis() + jittered(RETRY_MILLIS_MIN)) => {}
                    _ = hangup.recv() => {}
                }
            }
        }
        config = reload(path, config);
    }
}

/// A new record for everybody.
async fn publish(config: &NodeConfig, proxy: &Proxy, signer: &mut Signer) -> Result<Outcomes, Failure> {
    let publisher = Publisher::new(config, proxy)?;
    publisher.sign_and_offer(signer, config, Says::Services).await
}

/// Until the next record is due: the same one for who does not have it yet.
async fn retry(config: &NodeConfig, proxy: &Proxy, signer: &mut Signer, mut outcomes: Outcomes, due: u64, json: bool) {
    let mut pause = RETRY_MILLIS_MIN;
    while !outcomes.without().is_empty() {
        let next = ambient::steady_millis() + jittered(pause);
        let Ok(mut publisher) = Publisher::new(config, proxy) else { break };
        if next >= due {
            break;
        }
        sleep_until(next).await;
        pause = (2 * pause).min(RETRY_MILLIS_MAX);
        publisher.introducers = outcomes.without();
        let resign = Resign { signer: &mut *signer, config, says: Says::Services };
        outcomes = publisher.publish(&outcomes.record, Some(resign)).await;
        tell(&outcomes, json);
    }
    sleep_until(due).await;
}

/// A configuration whose records can be kept fresh.
pub(super) fn load(path: &Path) -> Result<NodeConfig, Failure> {
    let config = NodeConfig::load(path)?;
    if config.lifetime.hours() < LIFETIME_HOURS_MIN {
        let message = format_args!("a lifetime of less than {LIFETIME_HOURS_MIN} hours can't be kept fresh");
        return Err(Failure::new(Exit::Usage, message).hint("raise `lifetime_hours`"));
    }
    Ok(config)
}

/// The configuration as it is now. Key and grid stay: the counter that is held belongs to the key.
fn reload(path: &Path, old: NodeConfig) -> NodeConfig {
    match load(path) {
        Ok(new) if (&new.key, new.grid) == (&old.key, old.grid) => new,
        Ok(_) => {
            output::say("The configuration names another key or grid: start again for that. Going on as before.");
            old
        }
        Err(error) => {
            output::say(format_args!("{error}; going on with the configuration as it was"));
            old
        }
    }
}

fn tell(outcomes: &Outcomes, json: bool) {
    // The node matters, not who listens to it.
    let _ = outcomes.tell(json);
}

/// Half of the lifetime, more or less by chance.
fn half_life_millis(lifetime: Lifetime) -> u64 {
    jittered(u64::from(lifetime.hours()) * SECONDS_PER_HOUR * 1000 / 2)
}

/// × U(0.75, 1.25).
fn jittered(millis: u64) -> u64 {
    ambient::random_between(millis * 3 / 4, millis * 5 / 4).unwrap_or(millis)
}

fn hours_until(due: u64) -> u64 {
    due.saturating_sub(ambient::steady_millis()).div_ceil(SECONDS_PER_HOUR * 1000)
}

async fn sleep_until(due: u64) {
    loop {
        let left = due.saturating_sub(ambient::steady_millis());
        if left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(left.min(SLEEP_MILLIS_MAX))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(lifetime_hours: u16) -> NodeConfig {
        let grid = crate::record::GridId::from_bytes([1; 32]);
        let text = format!("version = 1\ngrid = \"{grid}\"\nlifetime_hours = {lifetime_hours}\n");
        NodeConfig::parse(&text, Path::new("node.toml")).unwrap()
    }

    #[test]
    fn a_record_is_renewed_before_it_ends_however_late_in_its_hour_it_was_signed() {
        const HOUR_MILLIS: u64 = SECONDS_PER_HOUR * 1000;
        for hours in [LIFETIME_HOURS_MIN, 96, 720] {
            let whole = u64::from(hours) * HOUR_MILLIS;
            let pauses: Vec<_> = (0..1000).map(|_| half_life_millis(config(hours).lifetime)).collect();
            assert!(pauses.iter().all(|pause| (whole * 3 / 8..=whole * 5 / 8).contains(pause)));
            assert!(pauses.iter().all(|pause| pause + HOUR_MILLIS < whole));
            assert!(pauses.iter().max() > pauses.iter().min(), "at moments nobody can predict");
        }
    }

    #[test]
    fn a_configuration_that_can_not_be_used_changes_nothing() {
        let old = config(96);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.toml");
        assert_eq!(reload(&path, old.clone()), old, "gone");
        std::fs::write(&path, "version = 2").unwrap();
        assert_eq!(reload(&path, old.clone()), old, "wrong");
        let text = format!("version = 1\ngrid = \"{}\"\nlifetime_hours = 24\n", old.grid);
        std::fs::write(&path, format!("{text}key = \"other.key\"\n")).unwrap();
        assert_eq!(reload(&path, old.clone()), old, "another key");
        std::fs::write(&path, text.replace("24", "2")).unwrap();
        assert_eq!(reload(&path, old.clone()), old, "too short to be kept fresh");
        std::fs::write(&path, text).unwrap();
        assert_eq!(reload(&path, old).lifetime.hours(), 24);
    }
}
