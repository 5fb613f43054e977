//! How long a refused client should stay away: longer while the pressure lasts, shorter once it is gone.

use crate::directory::Now;

/// Delay without pressure: two Tor round trips.
const RETRY_SECONDS_MIN: u64 = 2;
/// Delay under lasting pressure: nobody is sent away for longer than a watcher's patience.
const RETRY_SECONDS_MAX: u64 = 600;
/// The delay doubles with each of these seconds in which somebody had to be refused, and halves with each without.
const STEP_MILLIS: u64 = 1000;

/// Doubles and halves with time, so it follows the demand without counting clients.
#[derive(Debug, Default)]
pub(super) struct Load {
    doublings: u32,
    step: u64,
    refused_in_step: bool,
}

impl Load {
    /// Somebody is refused now. The delay before jitter, in seconds, at least what the limit itself asks for.
    pub(super) fn refuse(&mut self, now: Now, wait_millis: u64) -> u64 {
        self.advance(now);
        self.refused_in_step = true;
        let adaptive = RETRY_SECONDS_MIN.checked_shl(self.doublings).unwrap_or(RETRY_SECONDS_MAX);
        adaptive.max(wait_millis.div_ceil(1000)).min(RETRY_SECONDS_MAX)
    }

    fn advance(&mut self, now: Now) {
        let step = now.steady_millis / STEP_MILLIS;
        let passed = step.saturating_sub(self.step);
        if passed == 0 {
            return;
        }
        // The step that ended, then the quiet ones since.
        self.doublings = if self.refused_in_step { (self.doublings + 1).min(MAX_DOUBLINGS) } else { self.doublings };
        let quiet = u32::try_from(passed - 1).unwrap_or(u32::MAX);
        self.doublings = self.doublings.saturating_sub(quiet);
        self.refused_in_step = false;
        self.step = step;
    }
}

/// 2 s × 2⁹ is above the maximum.
const MAX_DOUBLINGS: u32 = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Timestamp;

    fn at(seconds: u64) -> Now {
        Now { wall: Timestamp::EPOCH, steady_millis: seconds * 1000 }
    }

    #[test]
    fn lasting_pressure_sends_clients_away_for_longer_up_to_a_limit() {
        let mut load = Load::default();
        let delays: Vec<_> = (1..20).map(|second| load.refuse(at(second), 0)).collect();
        assert_eq!(delays.first(), Some(&RETRY_SECONDS_MIN));
        assert!(delays.is_sorted());
        assert_eq!(delays.last(), Some(&RETRY_SECONDS_MAX));
    }

    #[test]
    fn quiet_seconds_bring_it_back() {
        let mut load = Load::default();
        for second in 1..6 {
            load.refuse(at(second), 0);
        }
        assert_eq!(load.refuse(at(100), 0), RETRY_SECONDS_MIN);
    }

    #[test]
    fn a_limit_that_knows_better_is_heard() {
        assert_eq!(Load::default().refuse(at(1), 30_000), 30);
    }
}
