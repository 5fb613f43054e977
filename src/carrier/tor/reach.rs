//! Is the service reachable? Only a stream that comes through Tor says so.

use std::{sync::Arc, time::Duration};

use tor_hscrypto::pk::HsId;
use tor_keymgr::KeystoreSelector;

use super::{OnionSettings, TorClient, TorError, error::in_words};
use crate::{ambient, carrier::Report};

/// From a look at the directory to an answer; a slow circuit is not waited for, the next may be better.
const ATTEMPT_SECONDS_MAX: u64 = 60;
/// Between two attempts, at first; then twice as long each time.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest of these pauses.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A descriptor takes some seconds to spread: what fails before is no news.
const SILENT_ATTEMPTS: u32 = 6;

/// A key by which this client can find its own service, made anew at each start; the public half, as C tor writes it.
pub(super) fn own_key(client: &TorClient, host: &str) -> Result<String, TorError> {
    let service: HsId = host.parse().map_err(|_| TorError::NoIdentity)?;
    let public = client.rotate_service_discovery_key(KeystoreSelector::Primary, service).map_err(TorError::start)?;
    Ok(public.to_string())
}

/// Connects to the service until it answers.
pub(super) async fn until_reached(
    client: &Arc<TorClient>,
    onion: &OnionSettings,
    report: &Arc<dyn Fn(Report) + Send + Sync>,
    started: u64,
) {
    let mut pause = PAUSE_MIN;
    for attempt in 1u32.. {
        // A circuit of its own: nothing joins it to what clients of this carrier do.
        let alone = client.isolated_client();
        let connecting = alone.connect((onion.host.as_str(), onion.port));
        let (why, hint) = match tokio::time::timeout(Duration::from_secs(ATTEMPT_SECONDS_MAX), connecting).await {
            Ok(Ok(_)) => {
                let millis = ambient::steady_millis().saturating_sub(started);
                report(Report::Reachable { seconds: millis / 1000 });
                return;
            }
            Ok(Err(error)) => in_words(&error),
            Err(_) => ("no circuit in time".into(), "wait, it is tried again".into()),
        };
        if attempt >= SILENT_ATTEMPTS {
            report(Report::NotReachable { why, hint });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
