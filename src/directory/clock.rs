//! Time as the directory sees it: an hour by the wall, which may be wrong, and a steady count, which only grows.

use crate::record::{SECONDS_PER_HOUR, Timestamp};

/// How far ahead of the introducer's clock a record may be issued, and how long after its end an entry is kept on.
pub const CLOCK_SKEW_HOURS_MAX: u32 = 2;
/// A wall clock that moves so far against the steady one is wrong now or was wrong before: nothing is forgotten on its
/// word until the operator confirms it.
pub const CLOCK_JUMP_HOURS_MAX: u32 = 24;

/// This moment by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The hour by the wall clock.
    pub wall: Timestamp,
    /// Milliseconds of a clock that never jumps and goes on while the machine sleeps.
    pub steady_millis: u64,
}

/// What outlives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The latest hour seen while the clock was not in doubt.
    pub latest_hour: Timestamp,
    /// Records that end by this hour are refused: the floor of their key may have been forgotten.
    pub forgotten_until: Timestamp,
}

impl Marks {
    /// Of a directory that never saw anything.
    pub const NONE: Self = Self { latest_hour: Timestamp::EPOCH, forgotten_until: Timestamp::EPOCH };
}

#[derive(Debug)]
pub(super) struct Clock {
    anchor: Now,
    marks: Marks,
    in_doubt: bool,
}

impl Clock {
    pub(super) fn new(now: Now, marks: Marks) -> Self {
        let first_start = marks.latest_hour == Timestamp::EPOCH;
        let jumped = apart(now.wall, marks.latest_hour) > CLOCK_JUMP_HOURS_MAX;
        let mut clock = Self { anchor: now, marks, in_doubt: jumped && !first_start };
        clock.observe(now);
        clock
    }

    pub(super) fn observe(&mut self, now: Now) {
        let steady_hours = now.steady_millis.saturating_sub(self.anchor.steady_millis) / (1000 * SECONDS_PER_HOUR);
        let expected = self.anchor.wall.plus_hours(u32::try_from(steady_hours).unwrap_or(u32::MAX));
        // One hour is lost to rounding.
        if apart(now.wall, expected) > CLOCK_JUMP_HOURS_MAX + 1 {
            self.in_doubt = true;
        }
        if !self.in_doubt {
            self.marks.latest_hour = self.marks.latest_hour.max(now.wall);
        }
    }

    pub(super) const fn marks(&self) -> Marks {
        self.marks
    }

    pub(super) const fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Floors up to this hour may go; `None` while the clock is in doubt.
    pub(super) fn deletes_before(&self, now: Now) -> Option<Timestamp> {
        (!self.in_doubt).then(|| now.wall.minus_hours(CLOCK_SKEW_HOURS_MAX))
    }

    pub(super) fn forget_until(&mut self, floor_until: Timestamp) {
        self.marks.forgotten_until = self.marks.forgotten_until.max(floor_until);
    }

    pub(super) fn confirm(&mut self, now: Now) {
        self.anchor = now;
        self.marks.latest_hour = now.wall;
        self.in_doubt = false;
    }
}

fn apart(a: Timestamp, b: Timestamp) -> u32 {
    a.hours_since(b).max(b.hours_since(a))
}
