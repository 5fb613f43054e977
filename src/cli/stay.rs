//! Keeping a record fresh: sign and publish again before it ends, at moments nobody can predict.

use std::{path::Path, time::Duration};

use super::{
    failure::Failure,
    node::{Says, Signer},
    output,
    publish::Publisher,
};
use crate::{ambient, config::NodeConfig, record::SECONDS_PER_HOUR};

/// When nobody took the record: soon again, but not in step with others.
const RETRY_SECONDS: u64 = 300;

/// Publishes until SIGINT or SIGTERM. The configuration is read again each time; one with an error is told and the last good
/// one stays.
pub(super) async fn stay(path: &Path, publisher: Publisher, mut signer: Signer) -> Result<(), Failure> {
    let mut config = NodeConfig::load(path)?;
    let stop = output::stop_signal();
    tokio::pin!(stop);
    loop {
        let round = async {
            let record = signer.sign(&config, Says::Services, 0)?;
            Ok::<_, Failure>(publisher.publish(&record, Some((&mut signer, &config)), Says::Services).await)
        };
        let outcomes = tokio::select! {
            outcomes = round => outcomes?,
            () = &mut stop => return Ok(()),
        };
        let seconds = if outcomes.all_failed() { RETRY_SECONDS } else { half_life_seconds(&config) };
        let wait = jittered(seconds);
        output::say(format_args!("Next publish in about {} min", wait.as_secs() / 60));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = &mut stop => return Ok(()),
        }
        match NodeConfig::load(path) {
            Ok(new) => config = new,
            Err(error) => output::say(format_args!("{error}; going on with the configuration as it was")),
        }
    }
}

fn half_life_seconds(config: &NodeConfig) -> u64 {
    u64::from(config.lifetime.hours()) * SECONDS_PER_HOUR / 2
}

/// × U(0.75, 1.25).
fn jittered(seconds: u64) -> Duration {
    let millis = seconds * 1000;
    Duration::from_millis(ambient::random_between(millis * 3 / 4, millis * 5 / 4).unwrap_or(millis))
}
