//! As many open files as there may be streams, or fewer streams: out of files, nobody gets in at all.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Everything that is no stream: the store, its lock, a probe for room, the log, epoll, signals, a stream that is about to
/// be displaced.
const RESERVED: u64 = 64;

/// Raises this process's limit of open files as far as `streams_max` needs and the system lets it; how many streams there
/// may be.
pub(super) fn streams_max(wanted: u32) -> u32 {
    let needed = u64::from(wanted) + RESERVED;
    let limit = getrlimit(Resource::Nofile);
    let (Some(current), hard) = (limit.current, limit.maximum) else { return wanted };
    if current >= needed {
        return wanted;
    }
    let raised = hard.map_or(needed, |hard| hard.min(needed));
    let got = match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: hard }) {
        Ok(()) => raised,
        Err(_) => current,
    };
    let streams_max = fitting(wanted, got);
    if streams_max < wanted {
        tracing::warn!(
            streams_max,
            "the system allows too few open files for the configured `streams_max`: there will be fewer streams. Raise the \
             limit (LimitNOFILE= of the systemd unit, `ulimit -Hn`)"
        );
    }
    streams_max
}

/// Streams that so many open files leave room for.
fn fitting(wanted: u32, files: u64) -> u32 {
    u32::try_from(files.saturating_sub(RESERVED)).unwrap_or(u32::MAX).clamp(1, wanted.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_streams_than_files_or_than_asked_for() {
        assert_eq!(fitting(2048, 1024), 1024 - RESERVED as u32);
        assert_eq!(fitting(2048, u64::MAX), 2048);
        assert_eq!(fitting(2048, 0), 1);
    }
}
