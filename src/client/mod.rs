//! Asking one introducer: publish, look up, list, follow. Through a SOCKS proxy on an AF_UNIX socket and in no other way.
//!
//! Everything an introducer sends is a claim. A record is shown when it is of the grid, was asked for, holds by the own
//! clock, contains admitted addresses alone, and its node signed it; what fails is dropped and counted
//! ([`Client::dropped`]). Where the grid lets in whom it granted it ([`ClientSettings::granted`]), the grid's list of revoked
//! keys is asked for first, and only records whose grants hold are shown. Where the grid is sealed
//! ([`ClientSettings::group_keys`]), records are opened here, and only those that open are shown. Each role has circuits of its own, renewed hourly, so that an introducer can't tell that who
//! publishes also reads. A question costs one round trip, on a stream that is open already or with the connection itself.
//!
//! ```no_run
//! use anteroom::{client::{Client, ClientSettings, Event, Introducer}, record::GridId};
//!
//! # async fn example(grid: GridId, introducer: Introducer) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(ClientSettings::new("/run/tor/socks", grid))?;
//! let mut listing = client.list(&introducer, Some("storage".parse()?), None).await?;
//! while let Some(record) = listing.next().await? {
//!     println!("{}", record.claims().node);
//! }
//! let mut subscription = client.watch(&introducer, None, None).await?;
//! while let Ok(event) = subscription.next().await {
//!     if let Event::Record(record) = event {
//!         println!("{} has changed", record.claims().node);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod confirmations;
mod connection;
mod documents;
mod dropped;
mod error;
mod introducer;
mod isolation;
mod listing;
mod lookup;
mod members;
mod pages;
mod received;
mod seen;
mod settings;
mod shared;
mod subscription;

use std::{io, sync::Arc, time::Duration};

pub use confirmations::Confirmation;
pub use documents::{Delivered, Freshness};
pub use dropped::Dropped;
pub use error::ClientError;
pub use introducer::{Introducer, IntroducerError};
use isolation::Role;
pub use listing::{CREDIT_PAGES_WINDOW, Listing};
pub use lookup::SHELF_PAGES_MAX;
pub use pages::{BARREN_PAGES_MAX, LISTING_PAGES_MAX};
pub use seen::NODES_SEEN_MAX;
pub use settings::{ClientSettings, Deadlines, LOOKUP_BITS_EXACT, LOOKUP_BITS_MAX_DEFAULT};
use shared::Shared;
pub use subscription::{Event, Subscription};

use crate::{
    protocol::{About, Blob, LookupMode, RefusalCode, Request, Response},
    record::{Epoch, GridId, NodeId, ServiceName, Timestamp, VerifiedEnvelope, VerifiedRecord},
};

/// Who asks introducers.
///
/// # Security
/// Keep one for as long as the process: its circuits are kept apart by a secret that is drawn once, and a new client
/// means new circuits. Operations of one client under one identity share circuits within a role; what must not be linked
/// asks through [`Client::for_identity`].
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Published {
    /// It is listed, and durable.
    Accepted,
    /// It is not.
    Refused {
        /// Why.
        code: RefusalCode,
        /// With `Stale` and `SeqConflict`: what the node signed earlier. It may be expired; its seq is what counts.
        current: Option<VerifiedEnvelope>,
    },
    /// Nothing was changed.
    Busy {
        /// Not to be asked before that.
        retry_after: Duration,
    },
}

impl Client {
    /// Draws the secret that keeps circuits apart. Opens nothing.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn new(settings: ClientSettings) -> io::Result<Self> {
        Ok(Self { shared: Arc::new(Shared::new(settings)?) })
    }

    /// The same settings for somebody who shares no circuit with any other identity. The name never leaves the process.
    #[must_use]
    pub fn for_identity(&self, identity: &str) -> Self {
        Self { shared: Arc::new(self.shared.for_identity(identity)) }
    }

    /// What was received and not shown so far, over all operations and identities.
    pub fn dropped(&self) -> Dropped {
        self.shared.sieve().tally().dropped()
    }

    /// Can records of this epoch be read? `None` where the grid is not sealed.
    pub fn reads_epoch(&self, epoch: Epoch) -> Option<bool> {
        self.shared.sieve().reads(epoch)
    }

    /// The rules of an introducer: its claims, but for the grid, which must be the one of the settings.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn about(&self, introducer: &Introducer) -> Result<About, ClientError> {
        let read = |response: Response<'_>| match response {
            Response::About(about) => Ok(about),
            other => Err(ClientError::unfit(&other)),
        };
        let about = self.shared.exchange(introducer, Role::About, &[], &Request::About, read).await?;
        if GridId::from_bytes(about.grid) != self.shared.settings().grid {
            return Err(ClientError::WrongGrid);
        }
        let bits = match about.lookup {
            LookupMode::Prefix { bits } => bits,
            LookupMode::Exact => LOOKUP_BITS_EXACT,
        };
        self.shared.announced_bits().remember(introducer, bits);
        Ok(about)
    }

    /// Offers a record. Each node has circuits of its own, so that an introducer can't tell that two nodes are one machine.
    ///
    /// # Errors
    /// See [`ClientError`]. After an error nobody knows whether the record is listed; the same bytes again do no harm.
    pub async fn publish(&self, introducer: &Introducer, record: &VerifiedRecord) -> Result<Published, ClientError> {
        let node = record.claims().node;
        let request = Request::Publish { record: Blob(record.bytes()) };
        let read = |response: Response<'_>| match response {
            Response::Accepted => Ok(Published::Accepted),
            Response::Busy { retry_after_seconds } => {
                Ok(Published::Busy { retry_after: error::retry_after(retry_after_seconds) })
            }
            Response::Refused { code, current } => Ok(Published::Refused {
                code,
                current: current.and_then(|Blob(bytes)| self.shared.sieve().kept(bytes, &node)),
            }),
            other => Err(ClientError::unfit(&other)),
        };
        self.shared.exchange(introducer, Role::Publish, node.as_bytes(), &request, read).await
    }

    /// The newest record that `introducer` lists of `node`; it may be a withdrawal. The introducer learns a prefix of the
    /// node's hash, of [`ClientSettings::lookup_bits_max`] bits at most, and neither which node of that shelf was looked
    /// for nor whether it was there.
    ///
    /// # Errors
    /// See [`ClientError`]; `ShelfTooLong` when the client's own maximum is too low for the size of the grid.
    pub async fn lookup(&self, introducer: &Introducer, node: NodeId) -> Result<Option<VerifiedRecord>, ClientError> {
        documents::refresh(&self.shared, introducer, true).await?;
        lookup::lookup(&self.shared, introducer, node).await
    }

    /// Everything listed, or what offers `service`; with `since` what was accepted in that hour or later, and then also
    /// what ceased to offer the service.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn list(
        &self,
        introducer: &Introducer,
        service: Option<ServiceName>,
        since: Option<Timestamp>,
    ) -> Result<Listing, ClientError> {
        documents::refresh(&self.shared, introducer, false).await?;
        let connection = self.shared.open(introducer, Role::Read).await?;
        let deadlines = self.shared.settings().deadlines;
        Listing::start(connection, self.shared.sieve().clone(), deadlines, service, since).await
    }

    /// Everything listed, or what offers `service`, and from then on what changes.
    ///
    /// # Errors
    /// See [`ClientError`]; only of the first connection. Later ones are reported by [`Subscription::next`].
    pub async fn watch(
        &self,
        introducer: &Introducer,
        service: Option<ServiceName>,
        since: Option<Timestamp>,
    ) -> Result<Subscription, ClientError> {
        Subscription::start(Arc::clone(&self.shared), *introducer, service, since).await
    }

    /// The proof that `node` signed two records with one seq, if `introducer` has one: its key runs on two machines, or
    /// came back from a backup. This names the node to the introducer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn evidence(
        &self,
        introducer: &Introducer,
        node: NodeId,
    ) -> Result<Option<[VerifiedRecord; 2]>, ClientError> {
        let request = Request::Evidence { node: *node.as_bytes() };
        let read = |response: Response<'_>| match response {
            Response::Evidence { pair } => Ok(pair.and_then(|(a, b)| self.shared.sieve().evidence(a.0, b.0, &node))),
            other => Err(ClientError::unfit(&other)),
        };
        self.shared.exchange(introducer, Role::Evidence, node.as_bytes(), &request, read).await
    }
}
