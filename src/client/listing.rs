//! Records of an introducer, page by page, as a stream that does not stall.

use std::collections::VecDeque;

use super::{
    connection::Connection,
    error::ClientError,
    pages::PageBudget,
    received::{Asked, Sieve},
    settings::Deadlines,
};
use crate::{
    ambient,
    protocol::{Blob, Request, Response},
    record::{ServiceName, Timestamp, VerifiedRecord},
};

/// Pages an introducer may send without another word. New credit is sent when half is used: the other half, 256 KiB in
/// pages of 16 KiB, keeps a Tor stream of 250 KiB/s full for the second that the credit is on its way.
pub const CREDIT_PAGES_WINDOW: u16 = 32;

/// The answer to [`Client::list`](super::Client::list).
pub struct Listing {
    connection: Connection,
    sieve: Sieve,
    asked: Asked,
    deadlines: Deadlines,
    waiting: VecDeque<Box<[u8]>>,
    credit_pages: u16,
    budget: PageBudget,
    ended: bool,
}

impl std::fmt::Debug for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listing").finish_non_exhaustive()
    }
}

impl Listing {
    /// Asks on a fresh stream.
    pub(super) async fn start(
        mut connection: Connection,
        sieve: Sieve,
        deadlines: Deadlines,
        service: Option<ServiceName>,
        since: Option<Timestamp>,
    ) -> Result<Self, ClientError> {
        let listed_by = sieve.listed_by(service.as_ref());
        let request = Request::List {
            service: listed_by.as_ref().map(ServiceName::as_str),
            since_hours: since.map(Timestamp::hours),
            credit_pages: CREDIT_PAGES_WINDOW,
        };
        connection.send(&request).await?;
        Ok(Self {
            asked: sieve.asked(service, since),
            connection,
            sieve,
            deadlines,
            waiting: VecDeque::new(),
            credit_pages: CREDIT_PAGES_WINDOW,
            budget: PageBudget::new(),
            ended: false,
        })
    }

    /// The next record that may be shown, in the introducer's order; `None` at the end. Each is verified here, one by one.
    ///
    /// Not cancel-safe: a listing whose `next` was dropped half-way is of no use.
    ///
    /// # Errors
    /// Of the stream, or of the introducer's conduct. After an error there is nothing more.
    pub async fn next(&mut self) -> Result<Option<VerifiedRecord>, ClientError> {
        loop {
            while let Some(bytes) = self.waiting.pop_front() {
                if let Some(record) = self.sieve.current(&bytes, &self.asked, ambient::wall()) {
                    self.budget.fruitful();
                    return Ok(Some(record));
                }
            }
            if self.ended {
                return Ok(None);
            }
            // Until a page is through, so that an error, or a `next` that was dropped, is the end.
            self.ended = true;
            self.ended = self.read_page().await?;
        }
    }

    /// Whether it was the last.
    async fn read_page(&mut self) -> Result<bool, ClientError> {
        self.connection.wait(self.deadlines.answer).await?;
        let end = match self.connection.answer()? {
            Response::Page { records, end } => {
                self.waiting.extend(records.iter().map(|Blob(bytes)| Box::from(*bytes)));
                end
            }
            other => return Err(ClientError::unfit(&other)),
        };
        self.budget.spend()?;
        // Pages that come without credit are read at the same pace as others: the socket holds back the rest.
        self.credit_pages = self.credit_pages.saturating_sub(1);
        if !end && self.credit_pages <= CREDIT_PAGES_WINDOW / 2 {
            let pages = CREDIT_PAGES_WINDOW - self.credit_pages;
            self.connection.send(&Request::Credit { pages }).await?;
            self.credit_pages = CREDIT_PAGES_WINDOW;
        }
        Ok(end)
    }
}
