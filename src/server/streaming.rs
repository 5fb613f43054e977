//! Listings and watches. Nothing is buffered for a reader: each has a position, and a page is made when there is room for it.

use std::{rc::Rc, time::Duration};

use tokio::sync::watch;

use super::{
    connection::{Connection, End},
    dispatch::{self, Published},
    state::Shared,
};
use crate::{
    ambient,
    config::WatchRule,
    directory::{Cursor, Filter},
    protocol::{Blob, Bucket, FrameError, Request, Response},
    record::Timestamp,
};

/// Size of a full page: large enough that padding and headers are a few parts in a hundred, small enough that as many
/// slow readers as there may be streams hold little memory.
const PAGE: Bucket = Bucket::SixteenKib;
/// Pages a client may ask for ahead: 16 MiB, more than any Tor circuit holds in flight.
const CREDIT_PAGES_MAX: u16 = 1024;
/// For a listing's reader to grant more.
const CREDIT_DEADLINE: Duration = Duration::from_secs(120);
/// A watcher that is further behind than this many changes lists again, which is faster than a page a tick.
const WATCH_LAG_CHANGES_MAX: usize = 1024;

/// Where changes are delivered at once, an empty frame after so long without one shows both ends that the stream lives.
const ALIVE_SECONDS: u16 = 60;

/// Pages against credit, without a round trip each.
pub(super) async fn list(
    connection: &mut Connection,
    service: Option<&str>,
    since_hours: Option<u32>,
    credit_pages: u16,
) -> Result<(), End> {
    let filter = filter(service)?;
    let Some(mut cursor) = start(&connection.shared, since_hours) else {
        return busy(connection).await;
    };
    let mut credit = credit_pages.min(CREDIT_PAGES_MAX);
    loop {
        if credit == 0 {
            credit = more_credit(connection).await?;
        }
        let page = page(connection, &filter, cursor, Form::Page)?;
        cursor = page.cursor;
        connection.send(page.frame).await?;
        credit -= 1;
        if page.end {
            return Ok(());
        }
    }
}

/// A listing, then changes: one equal frame a tick, or each at once, as the grid has set.
pub(super) async fn watch(
    connection: &mut Connection,
    service: Option<&str>,
    since_hours: Option<u32>,
) -> Result<(), End> {
    let filter = filter(service)?;
    let Some(mut cursor) = start(&connection.shared, since_hours) else {
        return busy(connection).await;
    };
    let Some(_place) = Watching::enter(&connection.shared) else {
        return busy(connection).await;
    };
    let revised = connection.shared.borrow().revisions();
    loop {
        let page = page(connection, &filter, cursor, Form::Page)?;
        cursor = page.cursor;
        connection.send(page.frame).await?;
        if page.end {
            break;
        }
    }
    let rules = connection.shared.borrow().rules;
    match rules.watch {
        WatchRule::Tick { seconds } => watch_in_ticks(connection, &filter, cursor, seconds, revised).await,
        WatchRule::Immediate => watch_at_once(connection, &filter, cursor, revised).await,
    }
}

async fn watch_in_ticks(
    connection: &mut Connection,
    filter: &Filter,
    mut cursor: Cursor,
    tick_seconds: u16,
    mut revised: watch::Receiver<u64>,
) -> Result<(), End> {
    loop {
        pause(connection, jittered(tick_seconds), &mut revised).await?;
        if lags(&connection.shared, cursor) {
            return reset(connection).await;
        }
        let page = page(connection, filter, cursor, Form::Tick)?;
        cursor = page.cursor;
        connection.send(page.frame).await?;
    }
}

async fn watch_at_once(
    connection: &mut Connection,
    filter: &Filter,
    mut cursor: Cursor,
    mut revised: watch::Receiver<u64>,
) -> Result<(), End> {
    let mut changes = connection.shared.borrow().changes();
    let alive_by = tokio::time::sleep(jittered(ALIVE_SECONDS));
    tokio::pin!(alive_by);
    loop {
        changes.mark_unchanged();
        let page = page(connection, filter, cursor, Form::Change)?;
        cursor = page.cursor;
        if page.records > 0 {
            connection.send(page.frame).await?;
            alive_by.set(tokio::time::sleep(jittered(ALIVE_SECONDS)));
        }
        if !page.end {
            continue;
        }
        let mut stopping = connection.stopping();
        tokio::select! {
            _ = changes.changed() => {}
            () = &mut alive_by => {
                connection.respond(&Response::Change { records: Vec::new() }).await?;
                alive_by.set(tokio::time::sleep(jittered(ALIVE_SECONDS)));
            }
            () = connection.hung_up() => return Err(End::Quiet),
            _ = revised.changed() => return reset(connection).await,
            _ = stopping.wait_for(|stopping| *stopping) => return reset(connection).await,
        }
    }
}

/// Waits, unless the reader goes, keys are revoked, or the introducer stops.
async fn pause(connection: &mut Connection, time: Duration, revised: &mut watch::Receiver<u64>) -> Result<(), End> {
    let mut stopping = connection.stopping();
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        () = connection.hung_up() => Err(End::Quiet),
        _ = revised.changed() => reset(connection).await,
        _ = stopping.wait_for(|stopping| *stopping) => reset(connection).await,
    }
}

/// Tells a watcher to start again, and ends the stream.
async fn reset(connection: &mut Connection) -> Result<(), End> {
    connection.respond(&Response::Reset).await?;
    Err(End::Quiet)
}

/// Mean as configured, a quarter to either side: U(0.75, 1.25).
fn jittered(seconds: u16) -> Duration {
    let millis = u64::from(seconds) * 1000;
    Duration::from_millis(ambient::random_between(millis * 3 / 4, millis * 5 / 4).unwrap_or(millis))
}

#[derive(Clone, Copy)]
enum Form {
    Page,
    Tick,
    Change,
}

struct MadePage {
    frame: Vec<u8>,
    cursor: Cursor,
    end: bool,
    records: usize,
}

fn page(connection: &mut Connection, filter: &Filter, cursor: Cursor, form: Form) -> Result<MadePage, End> {
    let version = connection.take_version();
    let state = connection.shared.borrow();
    let directory = state.directory.as_ref().ok_or(End::Quiet)?;
    // A gap can't be: the cursor was made in this run.
    let page = directory.page(ambient::wall(), filter, cursor, PAGE.records_bytes_max()).map_err(|_| End::Quiet)?;
    let (cursor, end, count) = (page.cursor, page.end, page.records.len());
    let records = page.records.into_iter().map(Blob).collect();
    let response = match form {
        Form::Page => Response::Page { records, end },
        Form::Tick => Response::Tick { records, end },
        Form::Change => Response::Change { records },
    };
    Ok(MadePage { frame: response.encode(version)?, cursor, end, records: count })
}

async fn more_credit(connection: &mut Connection) -> Result<u16, End> {
    let payload = connection.receive(CREDIT_DEADLINE).await?;
    match Request::decode(&payload)? {
        Some(Request::Credit { pages }) if pages > 0 => Ok(pages.min(CREDIT_PAGES_MAX)),
        _ => Err(FrameError::Malformed.into()),
    }
}

async fn busy(connection: &mut Connection) -> Result<(), End> {
    let answer: Published = dispatch::busy(&mut connection.shared.borrow_mut(), 0);
    connection.respond(&answer.response()).await
}

fn start(shared: &Shared, since_hours: Option<u32>) -> Option<Cursor> {
    let state = shared.borrow();
    state.directory.as_ref().map(|directory| directory.cursor(since_hours.map(Timestamp::from_hours)))
}

fn lags(shared: &Shared, cursor: Cursor) -> bool {
    shared.borrow().directory.as_ref().is_none_or(|directory| directory.lags(cursor, WATCH_LAG_CHANGES_MAX))
}

fn filter(service: Option<&str>) -> Result<Filter, End> {
    match service {
        None => Ok(Filter::All),
        Some(name) => name.parse().map(Filter::Service).map_err(|_| FrameError::Malformed.into()),
    }
}

/// A watcher's place in the count; given back when the watch ends, however.
struct Watching(Shared);

impl Watching {
    fn enter(shared: &Shared) -> Option<Self> {
        let admitted = shared.borrow_mut().fairness.enter_watch();
        admitted.then(|| Self(Rc::clone(shared)))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.borrow_mut().fairness.leave_watch();
    }
}
