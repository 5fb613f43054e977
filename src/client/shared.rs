//! What all operations of a client share: settings, isolation, open streams, and one way to ask a question.

use std::{io, sync::Arc};

use super::{
    connection::{Connection, Warm},
    dropped::Tally,
    error::ClientError,
    introducer::Introducer,
    isolation::{IsolationSecret, Role},
    lookup::AnnouncedBits,
    received::Sieve,
    settings::ClientSettings,
};
use crate::{
    ambient,
    net::Isolation,
    protocol::{Request, Response},
};

#[derive(Debug)]
pub(super) struct Shared {
    settings: ClientSettings,
    secret: Arc<IsolationSecret>,
    identity: Box<str>,
    warm: Warm,
    announced_bits: AnnouncedBits,
    sieve: Sieve,
}

impl Shared {
    pub(super) fn new(settings: ClientSettings) -> io::Result<Self> {
        Ok(Self {
            sieve: Sieve::new(&settings, Arc::new(Tally::default())),
            settings,
            secret: Arc::new(IsolationSecret::draw()?),
            identity: "".into(),
            warm: Warm::default(),
            announced_bits: AnnouncedBits::default(),
        })
    }

    pub(super) fn for_identity(&self, identity: &str) -> Self {
        Self {
            settings: self.settings.clone(),
            secret: Arc::clone(&self.secret),
            identity: identity.into(),
            warm: Warm::default(),
            announced_bits: AnnouncedBits::default(),
            sieve: self.sieve.clone(),
        }
    }

    pub(super) const fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    pub(super) const fn announced_bits(&self) -> &AnnouncedBits {
        &self.announced_bits
    }

    pub(super) const fn sieve(&self) -> &Sieve {
        &self.sieve
    }

    /// How many hours this client has lived.
    pub(super) fn hour(&self) -> u64 {
        self.secret.hour(ambient::steady_millis())
    }

    /// A stream of its own, which is not kept for another question.
    pub(super) async fn open(&self, introducer: &Introducer, role: Role) -> Result<Connection, ClientError> {
        let hour = self.hour();
        let isolation = self.isolation(introducer, role, &[], hour);
        Connection::open(&self.settings, introducer, &isolation).await
    }

    /// One question, one answer, on a stream that was kept or else on a new one. `subject` keeps what is asked for one
    /// node apart from what is asked for another.
    pub(super) async fn exchange<T>(
        &self,
        introducer: &Introducer,
        role: Role,
        subject: &[u8],
        request: &Request<'_>,
        read: impl FnOnce(Response<'_>) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let hour = self.hour();
        let isolation = self.isolation(introducer, role, subject, hour);
        let mut connection = match self.ask_warm(&isolation, request).await? {
            Some(connection) => connection,
            None => {
                let fresh = Connection::open(&self.settings, introducer, &isolation).await?;
                self.ask(fresh, request).await?
            }
        };
        let answer = read(connection.answer()?)?;
        self.warm.keep(isolation, hour, connection);
        Ok(answer)
    }

    /// `None`: no stream was kept, or the other side has closed it meanwhile, which is its right.
    async fn ask_warm(&self, isolation: &Isolation, request: &Request<'_>) -> Result<Option<Connection>, ClientError> {
        let Some(connection) = self.warm.take(isolation) else {
            return Ok(None);
        };
        match self.ask(connection, request).await {
            Ok(connection) => Ok(Some(connection)),
            // Every request may be sent twice: a publish of the same bytes changes nothing.
            Err(ClientError::Closed | ClientError::Broken(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, mut connection: Connection, request: &Request<'_>) -> Result<Connection, ClientError> {
        connection.send(request).await?;
        connection.wait(self.settings.deadlines.answer).await?;
        Ok(connection)
    }

    fn isolation(&self, introducer: &Introducer, role: Role, subject: &[u8], hour: u64) -> Isolation {
        self.secret.isolation(introducer, role, &[self.identity.as_bytes(), subject], hour)
    }
}
