//! Following an introducer: what it lists, then what changes, over as many streams as that takes.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    connection::Connection,
    documents,
    dropped::DropReason,
    error::ClientError,
    introducer::Introducer,
    isolation::Role,
    members::{self, Members},
    pages::PageBudget,
    received::{Asked, offers},
    seen::Seen,
    shared::Shared,
};
use crate::{
    ambient,
    directory::CLOCK_SKEW_HOURS_MAX,
    protocol::{Blob, Request, Response},
    record::{NodeId, ServiceName, Timestamp, VerifiedRecord},
};

/// Events that wait for the caller. Few: behind them the stream itself is what waits, and an introducer resets slow readers.
const EVENTS_WAITING_MAX: usize = 16;
/// Doublings of the pause before a lost stream is opened again; beyond that every sensible maximum is reached.
const DOUBLINGS_MAX: u32 = 16;

/// What a subscription tells.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A record, newer than any that was told of its node. One that does not name the service that was asked for, or no
    /// service at all, says that its node ceased to offer it.
    Record(VerifiedRecord),
    /// In a granted grid: whatever was told of this node counts no more, as it, or somebody who let it in, was revoked.
    Revoked(NodeId),
    /// Everything listed was told. Again after each stream that was lost.
    CaughtUp,
    /// The introducer is there; about every minute.
    Tick,
}

/// The answer to [`Client::watch`](super::Client::watch). Dropping it ends it.
///
/// A task of the runtime reads ahead a little, so that no deadline depends on the caller.
#[derive(Debug)]
pub struct Subscription {
    events: mpsc::Receiver<Result<Event, ClientError>>,
    task: JoinHandle<()>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Subscription {
    /// Follows on from a stream on which nothing was asked yet.
    pub(super) async fn start(
        shared: Arc<Shared>,
        introducer: Introducer,
        service: Option<ServiceName>,
        since: Option<Timestamp>,
    ) -> Result<Self, ClientError> {
        let (sender, events) = mpsc::channel(EVENTS_WAITING_MAX);
        let follower = Follower {
            shared,
            introducer,
            service,
            since,
            caught_up: None,
            failures: 0,
            seen: Seen::default(),
            events: sender,
        };
        let first = follower.open().await?;
        Ok(Self { events, task: tokio::spawn(follower.run(first)) })
    }

    /// The next event. Cancel-safe.
    ///
    /// # Errors
    /// What went wrong with the introducer or on the way to it, but for streams that were merely lost. An error ends
    /// nothing but itself, [`ClientError::Ended`] excepted: the subscription goes on, after a pause that grows, and so may the caller.
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        self.events.recv().await.unwrap_or(Err(ClientError::Ended))
    }
}

/// Why a stream is not read on.
enum Stop {
    /// Nobody listens any more.
    Dropped,
    /// The introducer asks to start again.
    Reset,
    Failed(ClientError),
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Self {
        Self::Failed(error)
    }
}

/// The task behind a subscription.
struct Follower {
    shared: Arc<Shared>,
    introducer: Introducer,
    service: Option<ServiceName>,
    since: Option<Timestamp>,
    /// The hour, by the own clock, in which everything the introducer had was told.
    caught_up: Option<Timestamp>,
    failures: u32,
    seen: Seen,
    events: mpsc::Sender<Result<Event, ClientError>>,
}

impl Follower {
    async fn run(mut self, first: Connection) {
        let mut stream = Some(first);
        loop {
            let ended = match stream.take() {
                Some(connection) => self.follow(connection).await.map(|never| match never {}),
                None => match self.open().await {
                    Ok(connection) => {
                        stream = Some(connection);
                        continue;
                    }
                    // Where nothing answers any more the caller is told, unlike of a stream that was lost.
                    Err(error) => self.tell(Err(error)).await,
                },
            };
            let asked_pause = match ended {
                Err(Stop::Dropped) => return,
                Err(Stop::Failed(error)) if !error.is_lost_stream() => {
                    let pause = error.retry_after();
                    if self.tell(Err(error)).await.is_err() {
                        return;
                    }
                    pause
                }
                Err(Stop::Failed(_) | Stop::Reset) | Ok(()) => None,
            };
            match self.pause() {
                Ok(pause) => tokio::time::sleep(pause.max(asked_pause.unwrap_or_default())).await,
                Err(error) => {
                    let _ = self.tell(Err(error)).await;
                    return;
                }
            }
        }
    }

    /// Opens a stream and asks for what may have changed.
    async fn open(&self) -> Result<Connection, ClientError> {
        documents::refresh(&self.shared, &self.introducer, false).await?;
        let mut connection = self.shared.open(&self.introducer, Role::Read).await?;
        let listed_by = self.shared.sieve().listed_by(self.service.as_ref());
        let request = Request::Watch {
            service: listed_by.as_ref().map(ServiceName::as_str),
            since_hours: self.resume_from(ambient::wall()).map(Timestamp::hours),
        };
        connection.send(&request).await?;
        Ok(connection)
    }

    /// The hour from which on something may be new: the last success, less what two clocks may differ by. A clock that
    /// was ahead and was set back does not hide what happened meanwhile.
    fn resume_from(&self, now: Timestamp) -> Option<Timestamp> {
        match self.caught_up {
            None => self.since,
            Some(hour) => Some(hour.min(now).minus_hours(CLOCK_SKEW_HOURS_MAX)).max(self.since),
        }
    }

    /// Reads one stream until it is of no use any more.
    async fn follow(&mut self, mut connection: Connection) -> Result<Infallible, Stop> {
        self.tell_revoked().await?;
        let deadlines = self.shared.settings().deadlines;
        let from_nothing = self.resume_from(ambient::wall()).is_none();
        let mut budget = PageBudget::new();
        let mut caught_up = false;
        loop {
            let deadline = if caught_up { deadlines.tick } else { deadlines.answer };
            connection.wait(deadline).await?;
            let (records, end, closing) = match connection.answer()? {
                Response::Page { records, end } if !caught_up => {
                    budget.spend()?;
                    (records, end, end.then_some(Event::CaughtUp))
                }
                Response::Tick { records, end } if caught_up => (records, end, Some(Event::Tick)),
                // Where changes come at once, an empty one is the sign of life.
                Response::Change { records } if caught_up => {
                    let alive = records.is_empty().then_some(Event::Tick);
                    (records, true, alive)
                }
                Response::Reset => return Err(Stop::Reset),
                other => return Err(ClientError::unfit(&other).into()),
            };
            let owned: Vec<Box<[u8]>> = records.iter().map(|Blob(bytes)| Box::from(*bytes)).collect();
            for bytes in owned {
                if let Some(record) = self.admit(&bytes, from_nothing && !caught_up) {
                    budget.fruitful();
                    self.tell(Ok(Event::Record(record))).await?;
                }
            }
            // From here on it was told: a stream that is lost now is taken up behind it.
            if end {
                self.caught_up = Some(ambient::wall());
            }
            if caught_up {
                self.failures = 0;
            }
            caught_up |= end;
            if let Some(event) = closing {
                self.tell(Ok(event)).await?;
            }
        }
    }

    /// A record that may be shown and is newer than what was told of its node. In a listing `from_nothing` only a node
    /// that was told can cease to offer the service; afterwards, and when resuming, any may have been told earlier.
    fn admit(&mut self, bytes: &[u8], from_nothing: bool) -> Option<VerifiedRecord> {
        let sieve = self.shared.sieve();
        let record = sieve.current(bytes, &Asked::All, ambient::wall())?;
        let claims = record.claims();
        let offered = self.service.as_ref().is_none_or(|name| offers(claims, name));
        if !offered && !self.seen.knows(&claims.node) {
            // An introducer of a sealed grid can't tell whom a change concerns, and was asked for all while epochs overlap.
            if sieve.is_sealed() && self.since.is_none() {
                return None;
            }
            if from_nothing {
                sieve.tally().count(DropReason::NotAsked);
                return None;
            }
        }
        let keys = sieve.members().map_or_else(Box::default, |_| members::keys(claims));
        if self.seen.advance(claims.node, claims.seq, keys).is_none() {
            sieve.tally().count(DropReason::NotNewer);
            return None;
        }
        Some(record)
    }

    /// An introducer ends streams when keys are revoked, and the list was asked for before this one was opened.
    async fn tell_revoked(&mut self) -> Result<(), Stop> {
        let Some(list) = self.shared.sieve().members().and_then(Members::newest) else { return Ok(()) };
        for node in self.seen.forget_revoked(list.list()) {
            self.tell(Ok(Event::Revoked(node))).await?;
        }
        Ok(())
    }

    async fn tell(&self, event: Result<Event, ClientError>) -> Result<(), Stop> {
        self.events.send(event).await.map_err(|_| Stop::Dropped)
    }

    /// How long to wait before the next stream: twice as long each time, and by chance, so that the watchers of an
    /// introducer that restarts do not all come back at once.
    fn pause(&mut self) -> Result<Duration, ClientError> {
        let deadlines = self.shared.settings().deadlines;
        let doubled = deadlines.reconnect_min.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX));
        self.failures = self.failures.saturating_add(1);
        let mean = doubled.min(deadlines.reconnect_max);
        let millis = u64::try_from(mean.as_millis()).unwrap_or(u64::MAX / 2);
        ambient::random_between(millis / 2, millis.saturating_add(millis / 2))
            .map(Duration::from_millis)
            .map_err(ClientError::System)
    }
}
