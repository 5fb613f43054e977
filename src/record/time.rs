//! Whole hours: the only time a record or an answer may carry, since finer clocks tell machines apart.

/// Longest lifetime a record may ask for: 30 days, so that a node that is gone for good is forgotten within a month.
pub const LIFETIME_HOURS_MAX: u16 = 720;

/// Seconds in the unit of every timestamp.
pub const SECONDS_PER_HOUR: u64 = 3600;

/// Whole hours since the Unix epoch (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u32);

impl Timestamp {
    /// The Unix epoch: before every record.
    pub const EPOCH: Self = Self(0);

    /// `hours` since the Unix epoch.
    pub const fn from_hours(hours: u32) -> Self {
        Self(hours)
    }

    /// The hour that `seconds` since the Unix epoch lie in; saturates after some 490,000 years.
    pub fn from_unix_seconds(seconds: u64) -> Self {
        Self(u32::try_from(seconds / SECONDS_PER_HOUR).unwrap_or(u32::MAX))
    }

    /// Hours since the Unix epoch.
    pub const fn hours(self) -> u32 {
        self.0
    }

    /// This many hours later; saturates.
    pub const fn plus_hours(self, hours: u32) -> Self {
        Self(self.0.saturating_add(hours))
    }

    /// This many hours earlier; stops at the epoch.
    pub const fn minus_hours(self, hours: u32) -> Self {
        Self(self.0.saturating_sub(hours))
    }

    /// Hours from `earlier` to this; 0 when `earlier` is later.
    pub const fn hours_since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

/// How long a record holds after it was issued: 1 to [`LIFETIME_HOURS_MAX`] hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(u16);

impl Lifetime {
    /// The longest.
    pub const MAX: Self = Self(LIFETIME_HOURS_MAX);

    /// `None` unless `1 <= hours <= LIFETIME_HOURS_MAX`.
    pub const fn from_hours(hours: u16) -> Option<Self> {
        if hours >= 1 && hours <= LIFETIME_HOURS_MAX { Some(Self(hours)) } else { None }
    }

    /// In hours.
    pub const fn hours(self) -> u16 {
        self.0
    }
}
