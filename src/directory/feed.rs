//! The order of changes. Each entry stands once, at its latest change, so the feed is never longer than the directory and
//! a reader that lags skips what was replaced meanwhile.

use alloc::{collections::BTreeMap, vec::Vec};

use super::entry::Slot;
use crate::record::{ServiceName, Timestamp};

/// Entries looked at for one page, hidden ones included: a page costs a bounded time even where nothing is shown.
pub const RECORDS_SCANNED_PER_PAGE_MAX: usize = 4096;
/// What a record costs in a page beyond its bytes: its length, as a varint of at most two bytes, and a reserve.
pub(super) const BYTES_PER_RECORD_OVERHEAD: usize = 4;

/// Accepted hour in the upper half, a count within it in the lower: so "since an hour" is a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(u64);

impl Position {
    const fn first_of(hour: Timestamp) -> Self {
        Self((hour.hours() as u64) << 32)
    }

    const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Where a reader stands. Good within one generation (one run of an introducer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    generation: u64,
    next: Position,
    removals_from: Position,
}

/// The cursor is of another generation: start from the beginning, duplicates are harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the position is of another run of this introducer")]
pub struct Gap;

/// Which records a reader wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Every one, withdrawals included.
    All,
    /// Those that are listed by the name of a service, or by its tag; after the start of the listing also those that ceased to.
    Service(ServiceName),
}

/// One page of a listing.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// Signed records in the order of their acceptance.
    pub records: Vec<&'a [u8]>,
    /// Where to go on.
    pub cursor: Cursor,
    /// Nothing more at the moment.
    pub end: bool,
}

#[derive(Debug)]
pub(super) struct Feeds {
    generation: u64,
    /// Above every position that was ever given.
    head: Position,
    all: BTreeMap<Position, Slot>,
    services: BTreeMap<ServiceName, BTreeMap<Position, Slot>>,
    /// Withdrawals, records that dropped a service, and what replaced these: they concern readers of services they do not
    /// name, and a reader that lags sees only the last of them.
    removals: BTreeMap<Position, Slot>,
}

impl Feeds {
    pub(super) fn new(generation: u64, latest_hour: Timestamp) -> Self {
        Self {
            generation,
            head: Position::first_of(latest_hour),
            all: BTreeMap::new(),
            services: BTreeMap::new(),
            removals: BTreeMap::new(),
        }
    }

    /// Where a row of the store goes: they come back in no order of time, each behind what is there of its hour.
    pub(super) fn restored(&self, accepted: Timestamp) -> Position {
        let (first, after) = (Position::first_of(accepted), Position::first_of(accepted.plus_hours(1)));
        self.all.range(first..after).next_back().map_or(first, |(position, _)| position.next())
    }

    /// Where a change goes: positions never go back, also when the clock does.
    pub(super) fn newest(&self, accepted: Timestamp) -> Position {
        self.head.max(Position::first_of(accepted))
    }

    pub(super) fn insert(&mut self, position: Position, slot: Slot, services: &[ServiceName], removal: bool) {
        self.head = self.head.max(position.next());
        self.all.insert(position, slot);
        for name in services {
            match self.services.get_mut(name) {
                Some(feed) => feed.insert(position, slot),
                None => self.services.entry(name.clone()).or_default().insert(position, slot),
            };
        }
        if removal {
            self.removals.insert(position, slot);
        }
    }

    /// Takes an entry out; `true` when readers of other services than its own may not have heard of it yet.
    pub(super) fn remove(&mut self, position: Position, services: &[ServiceName]) -> bool {
        self.all.remove(&position);
        for name in services {
            if let Some(feed) = self.services.get_mut(name) {
                feed.remove(&position);
                if feed.is_empty() {
                    self.services.remove(name);
                }
            }
        }
        self.removals.remove(&position).is_some()
    }

    /// Who starts from nothing has nothing to be told of what is gone; who resumes has.
    pub(super) fn start(&self, since: Option<Timestamp>) -> Cursor {
        let next = since.map(Position::first_of).unwrap_or_default();
        let end = self.all.last_key_value().map(|(position, _)| position.next()).unwrap_or_default();
        let removals_from = if since.is_some() { next } else { end };
        Cursor { generation: self.generation, next, removals_from }
    }

    pub(super) fn is_behind(&self, cursor: Cursor) -> bool {
        self.head > cursor.next
    }

    pub(super) fn lags(&self, cursor: Cursor, changes: usize) -> bool {
        self.all.range(cursor.next..).nth(changes).is_some()
    }

    pub(super) fn page<'a>(
        &self,
        filter: &Filter,
        cursor: Cursor,
        bytes_max: usize,
        shown: impl Fn(Slot) -> Option<&'a [u8]>,
    ) -> Result<Page<'a>, Gap> {
        if cursor.generation != self.generation {
            return Err(Gap);
        }
        let mut page = Page { records: Vec::new(), cursor, end: false };
        let mut bytes_left = bytes_max;
        for (scanned, (position, slot)) in self.from(filter, cursor).enumerate() {
            if scanned >= RECORDS_SCANNED_PER_PAGE_MAX {
                return Ok(page);
            }
            if let Some(record) = shown(slot) {
                let size = record.len() + BYTES_PER_RECORD_OVERHEAD;
                if size > bytes_left {
                    return Ok(page);
                }
                bytes_left -= size;
                page.records.push(record);
            }
            page.cursor.next = position.next();
        }
        // Everything up to the newest change was seen, also what the filter left out.
        page.cursor.next = page.cursor.next.max(self.head);
        page.end = true;
        Ok(page)
    }

    /// Two ordered feeds as one, each position once.
    fn from(&self, filter: &Filter, cursor: Cursor) -> impl Iterator<Item = (Position, Slot)> {
        let (first, removals) = match filter {
            Filter::All => (Some(&self.all), None),
            Filter::Service(name) => (self.services.get(name), Some(&self.removals)),
        };
        let start = cursor.removals_from.max(cursor.next);
        let mut offered = first.into_iter().flat_map(move |feed| feed.range(cursor.next..)).peekable();
        let mut removed = removals.into_iter().flat_map(move |feed| feed.range(start..)).peekable();
        core::iter::from_fn(move || {
            let take_offered = match (offered.peek(), removed.peek()) {
                (Some((a, _)), Some((b, _))) => {
                    if a == b {
                        removed.next();
                        true
                    } else {
                        a < b
                    }
                }
                (Some(_), None) => true,
                (None, _) => false,
            };
            let next = if take_offered { offered.next() } else { removed.next() };
            next.map(|(position, slot)| (*position, *slot))
        })
    }
}
