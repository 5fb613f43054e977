//! The two streams: data on standard output, words for people on standard error. A reader that went away is no fault.

use std::{
    fmt,
    io::{ErrorKind, Write as _},
};

use super::failure::{Exit, Failure};
#[cfg(feature = "client")]
use crate::record::{NodeId, Timestamp, VerifiedRecord};

/// A line of data.
///
/// # Errors
/// See [`write()`].
pub(super) fn data(line: impl fmt::Display) -> Result<(), Failure> {
    write(format_args!("{line}\n"))
}

/// Data as it is.
///
/// # Errors
/// [`Exit::ReaderGone`] when nobody reads any more; a full disk is a failure, since half a list looks like a whole one.
pub(super) fn write(text: impl fmt::Display) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(|error| {
        let exit = if error.kind() == ErrorKind::BrokenPipe { Exit::ReaderGone } else { Exit::Failed };
        Failure::new(exit, format_args!("can't write to standard output: {error}"))
    })
}

/// A line for a person.
pub(super) fn say(line: impl fmt::Display) {
    // Nobody to tell: nothing to do.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// A record as data, for a program or for a person.
///
/// # Errors
/// See [`data`].
#[cfg(feature = "client")]
pub(super) fn record(record: &VerifiedRecord, json: bool) -> Result<(), Failure> {
    if json { data(self::json(record)) } else { data(text(record, crate::ambient::wall())) }
}

/// The fields of [`json`], for `--help`: scripts hold on to them.
#[cfg(feature = "client")]
pub(super) const JSON_HELP: &str = "JSON of a record: node, grid, seq, issued_hours and expires_hours (hours since the \
    Unix epoch), nickname (or null), withdrawn, services: a list of {name, version, addresses, attributes}; where records are \
    shown also petname (or null), nickname_also_claimed_by (some ids of those told so far), nickname_also_claimed_by_count, \
    nickname_is_petname_of (the id of another node, or null). Fields may be added, none will change.";

/// A record as JSON; hours count from the Unix epoch.
#[cfg(feature = "client")]
pub(super) fn json(record: &VerifiedRecord) -> serde_json::Value {
    let claims = record.claims();
    let services: Vec<_> = claims
        .services
        .iter()
        .map(|service| {
            serde_json::json!({
                "name": service.name.as_str(),
                "version": service.version,
                "addresses": service.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "attributes": service.attributes.iter().collect::<std::collections::BTreeMap<_, _>>(),
            })
        })
        .collect();
    serde_json::json!({
        "node": claims.node.to_string(),
        "grid": claims.grid.to_string(),
        "seq": claims.seq,
        "issued_hours": claims.issued.hours(),
        "expires_hours": claims.expires().hours(),
        "nickname": claims.nickname.as_ref().map(|nickname| nickname.as_str()),
        "withdrawn": claims.is_withdrawal(),
        "services": services,
    })
}

/// A record for people, several lines. Nothing in it is the owner's own, so that it may leave this machine.
#[cfg(feature = "client")]
pub(super) fn text(record: &VerifiedRecord, now: Timestamp) -> String {
    let claims = record.claims();
    let mut head = claims.node.to_string();
    if let Some(nickname) = &claims.nickname {
        // A nickname is claimed, not verified: quotes keep it apart from what is.
        head.push_str(&format!("  calls itself {:?}", nickname.as_str()));
    }
    described(head, record, now)
}

/// What a record says, below what its node is called.
#[cfg(feature = "client")]
pub(super) fn described(head: String, record: &VerifiedRecord, now: Timestamp) -> String {
    use fmt::Write as _;
    let (claims, mut text) = (record.claims(), head);
    let _ = write!(text, "\n  record {}, {}", claims.seq, remaining(now, claims.expires()));
    if claims.is_withdrawal() {
        text.push_str(", withdrawn: it offers nothing");
    }
    for service in &claims.services {
        let _ = write!(text, "\n  {} (version {})", service.name, service.version);
        for address in &service.addresses {
            let _ = write!(text, "\n    {address}");
        }
        for (key, value) in service.attributes.iter() {
            let _ = write!(text, "\n    {key} = {value:?}");
        }
    }
    text
}

/// The first characters of an id, enough to tell lines apart.
#[cfg(feature = "client")]
pub(super) fn short(node: &NodeId) -> String {
    const SHOWN: usize = 17;
    let mut text: String = node.to_string().chars().take(SHOWN).collect();
    text.push('…');
    text
}

/// "holds for 3 days 4 hours".
#[cfg(feature = "client")]
pub(super) fn remaining(now: Timestamp, expires: Timestamp) -> String {
    match expires.hours_since(now) {
        0 => "expired".into(),
        hours if hours < 48 => format!("holds for {hours} h"),
        hours => format!("holds for {} days {} h", hours / 24, hours % 24),
    }
}

/// Until SIGINT or SIGTERM. When they can't be listened to, they end the process by themselves.
#[cfg(any(feature = "client", feature = "carrier-loopback", all(feature = "server", feature = "carrier-tor")))]
pub(super) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}
