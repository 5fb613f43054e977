//! How much: capacity that can't be squatted, and rates.

use super::{Now, Policy, Rejection};
use crate::record::{ContactRecord, LIFETIME_HOURS_MAX, SECONDS_PER_HOUR};

/// What a new key may always ask for, however full the store is: long enough to be renewed by hand once a day.
const NEW_KEY_LIFETIME_HOURS_MIN: u16 = 24;
/// Part of an hour's new keys that may come at once.
const NEW_KEY_BURST_DIVISOR: u32 = 4;

/// So many in so much time, with so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u64,
    micros: u64,
    burst_micros: u64,
}

impl Rate {
    /// `count` in `seconds`, at most `burst` of them at once. A count of 0 lets one pass in so many seconds.
    pub const fn new(count: u64, seconds: u64, burst: u64) -> Self {
        let count = if count == 0 { 1 } else { count };
        let micros = seconds.saturating_mul(1_000_000);
        Self { count, micros, burst_micros: burst.saturating_mul(micros) / count }
    }

    /// Time in which `tokens` come back, rounded up: a token may be worth less than a microsecond (a byte of bandwidth).
    const fn micros(self, tokens: u64) -> u64 {
        tokens.saturating_mul(self.micros).div_ceil(self.count)
    }
}

/// A token bucket in one number: the moment at which it is full again (virtual scheduling, ITU-T I.371).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    full_at_micros: u64,
}

impl Bucket {
    /// Takes `count` tokens, or says in how many milliseconds they are there.
    ///
    /// # Errors
    /// Milliseconds to wait; nothing was taken.
    pub fn take(&mut self, now: Now, rate: Rate, count: u64) -> Result<(), u64> {
        let now_micros = now.steady_millis.saturating_mul(1000);
        let cost = rate.micros(count);
        let full_at = self.full_at_micros.max(now_micros).saturating_add(cost);
        let latest = now_micros.saturating_add(rate.burst_micros.max(cost));
        if full_at > latest {
            return Err((full_at - latest).div_ceil(1000));
        }
        self.full_at_micros = full_at;
        Ok(())
    }

    /// Takes `count` tokens in any case and says for how many milliseconds the debt keeps.
    pub fn charge(&mut self, now: Now, rate: Rate, count: u64) -> u64 {
        let now_micros = now.steady_millis.saturating_mul(1000);
        let cost = rate.micros(count);
        self.full_at_micros = self.full_at_micros.max(now_micros).saturating_add(cost);
        self.full_at_micros.saturating_sub(now_micros.saturating_add(rate.burst_micros)).div_ceil(1000)
    }

    /// Nothing was taken that has not come back.
    pub fn is_full(&self, now: Now) -> bool {
        self.full_at_micros <= now.steady_millis.saturating_mul(1000)
    }
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

    pub(super) fn refuse_verification(&mut self, now: Now, circuit: &mut Bucket) -> Result<(), Rejection> {
        circuit
            .take(now, self.verifications_per_circuit, 1)
            .and_then(|()| self.verifications_level.take(now, self.verifications, 1))
            .map_err(|retry_millis| Rejection::VerificationBudget { retry_millis })
    }

    /// `kept` counts entries and new keys in flight.
    pub(super) fn refuse_new_key(&mut self, now: Now, kept: u32, claims: &ContactRecord) -> Result<(), Rejection> {
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

    #[test]
    fn a_token_may_be_worth_less_than_a_microsecond() {
        let bytes_per_second = 4 * 1024 * 1024;
        let rate = Rate::new(bytes_per_second, 1, bytes_per_second);
        let mut bucket = Bucket::default();
        assert_eq!(bucket.charge(at(0), rate, bytes_per_second), 0, "the burst");
        assert_eq!(bucket.charge(at(0), rate, bytes_per_second), 1000);
        assert_eq!(bucket.charge(at(1000), rate, bytes_per_second), 1000);
        assert_eq!(bucket.take(at(2000), rate, 1), Err(1));
        assert_eq!(bucket.take(at(3000), rate, bytes_per_second / 2), Ok(()));
    }
}
