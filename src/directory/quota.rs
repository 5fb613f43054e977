//! How much: capacity that can't be squatted, and rates.

use super::{Now, Policy, Rejection};
use crate::record::{LIFETIME_HOURS_MAX, Outline, SECONDS_PER_HOUR};

/// What a new key may always ask for, however full the store is: long enough to be renewed by hand once a day.
const NEW_KEY_LIFETIME_HOURS_MIN: u16 = 24;
/// Part of an hour's new keys that may come at once.
const NEW_KEY_BURST_DIVISOR: u32 = 4;

const NANOS_PER_SECOND: u128 = 1_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// So many in so much time, with so many at once. Kept as a fraction: a byte of a fast line lasts less than any unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u64,
    seconds: u64,
    burst: u64,
}

impl Rate {
    /// `count` in `seconds`, at most `burst` of them at once. A count of 0 counts as 1.
    pub const fn new(count: u64, seconds: u64, burst: u64) -> Self {
        Self { count: if count == 0 { 1 } else { count }, seconds, burst }
    }

    /// The time in which so many come.
    fn nanos(self, count: u64) -> u64 {
        let nanos = NANOS_PER_SECOND * u128::from(self.seconds) * u128::from(count) / u128::from(self.count);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// A token bucket in one number: the moment at which it is full again (virtual scheduling, ITU-T I.371).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    full_at_nanos: u64,
}

impl Bucket {
    /// Takes `count` tokens, or says in how many milliseconds they are there.
    ///
    /// # Errors
    /// Milliseconds to wait; nothing was taken.
    pub fn take(&mut self, now: Now, rate: Rate, count: u64) -> Result<(), u64> {
        let (now, cost) = (nanos(now), rate.nanos(count));
        let full_at = self.full_at_nanos.max(now).saturating_add(cost);
        let latest = now.saturating_add(rate.nanos(rate.burst).max(cost));
        if full_at > latest {
            return Err((full_at - latest).div_ceil(NANOS_PER_MILLI));
        }
        self.full_at_nanos = full_at;
        Ok(())
    }

    /// Takes `count` tokens in any case and says for how many milliseconds the debt keeps.
    pub fn charge(&mut self, now: Now, rate: Rate, count: u64) -> u64 {
        let now = nanos(now);
        self.full_at_nanos = self.full_at_nanos.max(now).saturating_add(rate.nanos(count));
        self.full_at_nanos.saturating_sub(now.saturating_add(rate.nanos(rate.burst))).div_ceil(NANOS_PER_MILLI)
    }

    /// Nothing was taken that has not come back.
    pub fn is_full(&self, now: Now) -> bool {
        self.full_at_nanos <= nanos(now)
    }
}

const fn nanos(now: Now) -> u64 {
    now.steady_millis.saturating_mul(NANOS_PER_MILLI)
}

#[derive(Debug)]
pub(super) struct Quota {
    records_max: u32,
    new_keys: Rate,
    new_keys_level: Bucket,
    verifications: Rate,
    verifications_level: Bucket,
    verifications_per_circuit: Rate,
}

/// A circuit may use this part of all signature checks.
const CIRCUIT_SHARE_DIVISOR: u64 = 4;

impl Quota {
    pub(super) fn new(policy: &Policy) -> Self {
        let per_second = u64::from(policy.verifications_per_second_max);
        let new_keys = u64::from(policy.new_keys_per_hour_max);
        let share = (per_second / CIRCUIT_SHARE_DIVISOR).max(1);
        Self {
            records_max: policy.records_max,
            new_keys: Rate::new(new_keys, SECONDS_PER_HOUR, (new_keys / u64::from(NEW_KEY_BURST_DIVISOR)).max(1)),
            new_keys_level: Bucket::default(),
            verifications: Rate::new(per_second, 1, per_second.max(1)),
            verifications_level: Bucket::default(),
            verifications_per_circuit: Rate::new(share, 1, share),
        }
    }

    /// New limits, old levels: a reload forgives nothing.
    pub(super) fn reload(&mut self, policy: &Policy) {
        let (new_keys_level, verifications_level) = (self.new_keys_level, self.verifications_level);
        *self = Self { new_keys_level, verifications_level, ..Self::new(policy) };
    }

    /// `checks` signatures at once.
    pub(super) fn refuse_verification(&mut self, now: Now, circuit: &mut Bucket, checks: u64) -> Result<(), Rejection> {
        circuit
            .take(now, self.verifications_per_circuit, checks)
            .and_then(|()| self.verifications_level.take(now, self.verifications, checks))
            .map_err(|retry_millis| Rejection::VerificationBudget { retry_millis })
    }

    /// `kept` counts entries and new keys in flight.
    pub(super) fn refuse_new_key(&mut self, now: Now, kept: u32, claims: &Outline) -> Result<(), Rejection> {
        if kept >= self.records_max {
            return Err(Rejection::Full);
        }
        let hours_max = self.new_key_lifetime_hours_max(kept);
        if claims.lifetime.hours() > hours_max {
            return Err(Rejection::LifetimeTooLong { hours_max });
        }
        self.new_keys_level.take(now, self.new_keys, 1).map_err(|retry_millis| Rejection::NewKeyRate { retry_millis })
    }

    /// All of it while the store is at most half full, then less in proportion to what is free, in whole days, so that
    /// a squatter holds much for a short time or little for a long one.
    pub(super) fn new_key_lifetime_hours_max(&self, kept: u32) -> u16 {
        let free = u64::from(self.records_max.saturating_sub(kept));
        let days_max = u64::from(LIFETIME_HOURS_MAX / 24);
        let days = (2 * free * days_max).checked_div(u64::from(self.records_max)).unwrap_or(0).min(days_max);
        (days as u16 * 24).max(NEW_KEY_LIFETIME_HOURS_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Timestamp;

    fn at(steady_millis: u64) -> Now {
        Now { wall: Timestamp::EPOCH, steady_millis }
    }

    /// Units per second that pass in ten seconds, beyond the burst.
    fn passed(rate: Rate, unit: u64) -> u64 {
        let (mut bucket, mut passed) = (Bucket::default(), 0);
        bucket.charge(at(0), rate, rate.burst);
        for millis in 0..10_000 {
            while bucket.take(at(millis), rate, unit).is_ok() {
                passed += unit;
            }
        }
        passed / 10
    }

    #[test]
    fn fast_and_slow_rates_are_what_they_say() {
        for (per_second, unit) in [(10, 1), (5_000, 1), (256 << 10, 4096), (4096 << 10, 4096), (10 << 30, 1 << 20)] {
            let got = passed(Rate::new(per_second, 1, 4 * per_second), unit);
            assert!(got.abs_diff(per_second) <= per_second / 100 + unit, "{got} instead of {per_second}");
        }
    }

    #[test]
    fn a_debt_keeps_as_long_as_the_rate_takes() {
        let mebibyte = 1 << 20;
        let rate = Rate::new(4 * mebibyte, 1, 4 * mebibyte);
        let mut bucket = Bucket::default();
        assert_eq!(bucket.charge(at(0), rate, 4 * mebibyte), 0);
        assert_eq!(bucket.charge(at(0), rate, 8 * mebibyte), 2_000);
        assert!(bucket.is_full(at(3_000)) && !bucket.is_full(at(2_999)));
    }
}
