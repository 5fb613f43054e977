//! What Tor says of itself, as [`Report`]s.

use std::{sync::Arc, time::Duration};

use arti_client::status::{BlockageKind, BootstrapStatus};
use futures::StreamExt as _;
use tor_hsservice::RunningOnionService;

use super::{
    TorClient,
    error::{CLOCK, CLOCK_HINT, FILTERED, FILTERED_HINT, OFFLINE, OFFLINE_HINT},
};
use crate::carrier::Report;

/// arti has no word on the passage of time while nothing changes; a blockage is looked at again this often.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Reports each step of the way into the network, and what is in it, for as long as the client lives.
pub(super) async fn follow(client: &TorClient, report: Arc<dyn Fn(Report) + Send + Sync>) {
    let mut events = client.bootstrap_events();
    let mut last = None;
    loop {
        let status = client.bootstrap_status();
        let now = described(&status);
        if last.as_ref() != Some(&now) {
            report(now.clone());
            last = Some(now);
        }
        // Either tells no more than that it is worth looking again.
        let _ = tokio::time::timeout(LOOK_AGAIN, events.next()).await;
    }
}

fn described(status: &BootstrapStatus) -> Report {
    if let Some(blockage) = status.blocked() {
        let (why, hint) = match blockage.kind() {
            BlockageKind::Offline => (OFFLINE, OFFLINE_HINT),
            BlockageKind::Filtering => (FILTERED, FILTERED_HINT),
            BlockageKind::ClockSkewed => (CLOCK, CLOCK_HINT),
            BlockageKind::CantReachTor => ("no relay of Tor can be reached", FILTERED_HINT),
            _ => ("Tor's directories can't be fetched", "wait, it goes on trying; if it stays so, check the clock"),
        };
        return Report::Blocked { why: why.into(), hint: hint.into() };
    }
    let fraction = status.as_frac().clamp(0.0, 1.0);
    let percent = (fraction * 100.0) as u8;
    let doing = match percent {
        0..15 => "connecting to a relay",
        15..40 => "fetching the network's consensus",
        40..100 => "fetching the descriptions of relays",
        _ => "in the network",
    };
    Report::Bootstrap { percent, doing: doing.into() }
}

/// Returns when the network has taken the service's descriptor, as far as arti can tell: in a network too young for two
/// time periods it never does, and only a connection is proof.
pub(super) async fn follow_service(service: &RunningOnionService, report: &Arc<dyn Fn(Report) + Send + Sync>) {
    let mut events = service.status_events();
    while !service.status().state().is_fully_reachable() {
        if events.next().await.is_none() {
            return;
        }
    }
    report(Report::Published);
}
