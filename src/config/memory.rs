//! How much memory an introducer needs when every limit is reached.

use super::IntroducerConfig;

/// A record of 2 KiB, and what the directory's tables add for each.
const RECORD_BYTES: u64 = 2 * 1024 + 512;
/// Two records that contradict each other.
const EVIDENCE_BYTES: u64 = 2 * RECORD_BYTES;
/// A request of 4 KiB and a page of 16.
const STREAM_BYTES: u64 = 20 * 1024;
/// Half as much again for what an allocator leaves unused between records that come and go.
const UNUSED_DIVISOR: u64 = 2;
/// The program, the cache of the database (8 MiB), circuits, and what a restart reads ahead on each core (8 MiB).
const PROGRAM_BYTES: u64 = 128 << 20;

impl IntroducerConfig {
    /// What records, evidence and streams come to when there are as many as `[limits]` admits.
    pub fn held_bytes_max(&self) -> u64 {
        let needs = [
            (self.policy.records_max, RECORD_BYTES),
            (self.policy.evidence_max, EVIDENCE_BYTES),
            (self.limits.streams_max, STREAM_BYTES),
        ];
        needs.iter().map(|(count, bytes)| u64::from(*count).saturating_mul(*bytes)).fold(0, u64::saturating_add)
    }

    /// What the process needs at the very most, for a limit from outside (`MemoryMax=` of its systemd unit): below it,
    /// strangers who fill the directory could have the process ended.
    pub fn memory_bytes_max(&self) -> u64 {
        let content = self.held_bytes_max();
        content.saturating_add(content / UNUSED_DIVISOR).saturating_add(PROGRAM_BYTES)
    }
}
