//! How much an introducer takes on: every limit, its default, and the reason for the number.

use serde::Deserialize;

use super::problem::{Bad, parse_number};
use crate::directory::Policy;

/// 200 MiB of records at the very most: fits the memory of the smallest rented machine.
pub const RECORDS_MAX_DEFAULT: u32 = 100_000;
/// A stranger needs ten hours to fill the default store, and a person may notice in that time.
pub const NEW_KEYS_PER_HOUR_MAX_DEFAULT: u32 = 10_000;
/// One a minute: nobody's addresses change more often, a loop that runs wild does.
pub const UPDATES_PER_KEY_PER_HOUR_MAX_DEFAULT: u16 = 60;
/// A quarter of what one slow core checks, so that answers keep coming under a flood of records.
pub const VERIFICATIONS_PER_SECOND_MAX_DEFAULT: u32 = 5_000;
/// A tenth of the store: whoever lets others in can't fill it alone.
pub const RECORDS_PER_ISSUER_MAX_DEFAULT: u32 = 10_000;
/// Two records each: 4 MiB. Keys that run twice are few; who makes them on purpose shall not fill the store.
pub const EVIDENCE_MAX_DEFAULT: u32 = 1_024;
/// Five times the records of [`RECORDS_MAX_DEFAULT`]: the database keeps old pages until a change is durable.
pub const STORE_BYTES_MAX_DEFAULT: u64 = 1024 * 1024 * 1024;
/// Each may hold a request of 4 KiB and a page of 16 KiB: 40 MiB when everybody does at once.
pub const STREAMS_MAX_DEFAULT: u32 = 2_048;
/// A client has one for each of its roles; a mirror some more.
pub const STREAMS_PER_CIRCUIT_MAX_DEFAULT: u32 = 16;
/// As many as streams, and as many again whose streams have closed and whose debts have not.
pub const CIRCUITS_MAX_DEFAULT: u32 = 4_096;
/// Half of the streams, so that watchers who never leave can't keep everybody else out.
pub const WATCHERS_MAX_DEFAULT: u32 = 1_024;
/// 32 Mbit/s: below what a small machine's line and its tor process carry.
pub const BANDWIDTH_KIB_PER_SECOND_MAX_DEFAULT: u32 = 4_096;
/// An onion circuit seldom carries more: a listing is as fast as Tor lets it be, and takes four to fill the line.
pub const BANDWIDTH_PER_CIRCUIT_KIB_PER_SECOND_MAX_DEFAULT: u32 = 1_024;
/// A Tor round trip is about a second; a minute hides in which of many a record changed, and nobody waits much longer.
pub const TICK_SECONDS_DEFAULT: u16 = 60;

/// The index of the directory counts in 32 bits with room to spare.
const RECORDS_MAX_MAX: u32 = 10_000_000;
/// What a core could check at the very best.
const PER_SECOND_MAX: u32 = 1_000_000;
/// Below this the database does not hold its own pages.
const STORE_BYTES_MIN: u64 = 4 * 1024 * 1024;
/// More than any disk that this is meant for.
const STORE_BYTES_MAX: u64 = 1 << 44;
/// The usual hard limit of open files of a process (systemd).
const STREAMS_MAX_MAX: u32 = 500_000;
/// The smallest answer is a frame of 1 KiB, the largest of 64: less a second and one takes minutes.
const BANDWIDTH_KIB_MIN: u32 = 4;
/// 80 Gbit/s.
const BANDWIDTH_KIB_MAX: u32 = 10_000_000;

/// What the server holds itself to; what the directory does is in [`Policy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// The database file grows to this; then publishing is answered `Busy` and reading goes on.
    pub store_bytes_max: u64,
    /// Streams open at once.
    pub streams_max: u32,
    /// Streams open at once on one circuit.
    pub streams_per_circuit_max: u32,
    /// Circuits remembered at once, with or without an open stream.
    pub circuits_max: u32,
    /// Streams that watch.
    pub watchers_max: u32,
    /// Bytes sent in a second, in KiB, for everybody together.
    pub bandwidth_kib_per_second_max: u32,
    /// The same for one circuit.
    pub bandwidth_per_circuit_kib_per_second_max: u32,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            store_bytes_max: STORE_BYTES_MAX_DEFAULT,
            streams_max: STREAMS_MAX_DEFAULT,
            streams_per_circuit_max: STREAMS_PER_CIRCUIT_MAX_DEFAULT,
            circuits_max: CIRCUITS_MAX_DEFAULT,
            watchers_max: WATCHERS_MAX_DEFAULT,
            bandwidth_kib_per_second_max: BANDWIDTH_KIB_PER_SECOND_MAX_DEFAULT,
            bandwidth_per_circuit_kib_per_second_max: BANDWIDTH_PER_CIRCUIT_KIB_PER_SECOND_MAX_DEFAULT,
        }
    }
}

/// `[limits]` as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    records_max: Option<i64>,
    records_per_issuer_max: Option<i64>,
    new_keys_per_hour_max: Option<i64>,
    updates_per_key_per_hour_max: Option<i64>,
    verifications_per_second_max: Option<i64>,
    evidence_max: Option<i64>,
    store_bytes_max: Option<i64>,
    streams_max: Option<i64>,
    streams_per_circuit_max: Option<i64>,
    circuits_max: Option<i64>,
    watchers_max: Option<i64>,
    bandwidth_kib_per_second_max: Option<i64>,
    bandwidth_per_circuit_kib_per_second_max: Option<i64>,
}

impl RawLimits {
    /// The limits of the directory, into its policy.
    pub(super) fn parse_policy(&self, policy: &mut Policy) -> Result<(), Bad> {
        policy.records_max =
            parse_number("limits.records_max", self.records_max, RECORDS_MAX_DEFAULT, (1, RECORDS_MAX_MAX))?;
        policy.records_per_issuer_max = parse_number(
            "limits.records_per_issuer_max",
            self.records_per_issuer_max,
            RECORDS_PER_ISSUER_MAX_DEFAULT,
            (1, RECORDS_MAX_MAX),
        )?;
        policy.new_keys_per_hour_max = parse_number(
            "limits.new_keys_per_hour_max",
            self.new_keys_per_hour_max,
            NEW_KEYS_PER_HOUR_MAX_DEFAULT,
            (1, RECORDS_MAX_MAX),
        )?;
        policy.updates_per_key_per_hour_max = parse_number(
            "limits.updates_per_key_per_hour_max",
            self.updates_per_key_per_hour_max,
            UPDATES_PER_KEY_PER_HOUR_MAX_DEFAULT,
            (1, u16::MAX),
        )?;
        policy.verifications_per_second_max = parse_number(
            "limits.verifications_per_second_max",
            self.verifications_per_second_max,
            VERIFICATIONS_PER_SECOND_MAX_DEFAULT,
            (1, PER_SECOND_MAX),
        )?;
        policy.evidence_max =
            parse_number("limits.evidence_max", self.evidence_max, EVIDENCE_MAX_DEFAULT, (0, RECORDS_MAX_MAX))?;
        Ok(())
    }

    /// The limits of the server.
    pub(super) fn parse_server(&self) -> Result<ServerLimits, Bad> {
        let defaults = ServerLimits::default();
        let streams = |key, value, default| parse_number(key, value, default, (1, STREAMS_MAX_MAX));
        let bandwidth = |key, value, default| parse_number(key, value, default, (BANDWIDTH_KIB_MIN, BANDWIDTH_KIB_MAX));
        Ok(ServerLimits {
            store_bytes_max: parse_number(
                "limits.store_bytes_max",
                self.store_bytes_max,
                defaults.store_bytes_max,
                (STORE_BYTES_MIN, STORE_BYTES_MAX),
            )?,
            streams_max: streams("limits.streams_max", self.streams_max, defaults.streams_max)?,
            streams_per_circuit_max: streams(
                "limits.streams_per_circuit_max",
                self.streams_per_circuit_max,
                defaults.streams_per_circuit_max,
            )?,
            circuits_max: streams("limits.circuits_max", self.circuits_max, defaults.circuits_max)?,
            watchers_max: streams("limits.watchers_max", self.watchers_max, defaults.watchers_max)?,
            bandwidth_kib_per_second_max: bandwidth(
                "limits.bandwidth_kib_per_second_max",
                self.bandwidth_kib_per_second_max,
                defaults.bandwidth_kib_per_second_max,
            )?,
            bandwidth_per_circuit_kib_per_second_max: bandwidth(
                "limits.bandwidth_per_circuit_kib_per_second_max",
                self.bandwidth_per_circuit_kib_per_second_max,
                defaults.bandwidth_per_circuit_kib_per_second_max,
            )?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::GridId;

    #[test]
    fn the_directory_and_the_file_have_the_same_defaults() {
        let defaults = Policy::new(GridId::from_bytes([1; 32]));
        let mut parsed = defaults.clone();
        let raw = RawLimits::default();
        assert!(raw.parse_policy(&mut parsed).is_ok());
        assert_eq!(parsed, defaults);
    }
}
