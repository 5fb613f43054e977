//! Waiting for conditions, and the dates in directory documents.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::POLL_INTERVAL;

/// How far into a voting interval a start is still in time for the vote at its end. The vote closes 6 s before the
/// end of the 20 s, and every relay must have uploaded its descriptor by then.
const START_WINDOW: Duration = Duration::from_secs(5);

/// Asks until there is an answer, for at most `seconds_max`.
pub fn poll<T>(seconds_max: u64, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + Duration::from_secs(seconds_max);
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Waits until the wall clock is just past a multiple of `interval_seconds`.
pub fn wait_for_voting_interval(interval_seconds: u64) {
    let in_window = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let past = Duration::from_secs(now.as_secs() % interval_seconds);
        (past < START_WINDOW).then_some(())
    };
    poll(2 * interval_seconds, in_window).expect("the wall clock moves on");
}

/// Reads `YYYY-MM-DD HH:MM:SS`, UTC (dir-spec, "Document meta-format").
pub fn parse_time(text: &str) -> Option<SystemTime> {
    let (date, time) = text.trim().split_once(' ')?;
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let seconds = ((days_since_epoch(year, month, day)? * 24 + hour) * 60 + minute) * 60 + second;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let parsed = text.split(separator).map(|part| part.parse().ok());
    parsed.collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// Days from 1970-01-01 in the Gregorian calendar; the year is taken to begin in March, so that the leap day is last.
fn days_since_epoch(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_before_month = (153 * month + 2) / 5;
    let days_before_year = 365 * year + year / 4 - year / 100 + year / 400;
    (days_before_year + days_before_month + day).checked_sub(719_469)
}
