//! Limits of a stream of pages, whoever sends it.

use super::error::ClientError;

/// Pages of one listing: a million records of 2 KiB, seven to a page of 16 KiB, fill some 143,000.
pub const LISTING_PAGES_MAX: u32 = 150_000;
/// Pages in a row from which nothing was shown. An introducer that hides very many expired records sends some such
/// pages; one that sends them without end wants to keep a client busy.
pub const BARREN_PAGES_MAX: u16 = 1024;

/// How much more may come.
#[derive(Debug)]
pub(super) struct PageBudget {
    pages_left: u32,
    barren_left: u16,
}

impl PageBudget {
    pub(super) const fn new() -> Self {
        Self { pages_left: LISTING_PAGES_MAX, barren_left: BARREN_PAGES_MAX }
    }

    /// Takes a page, as one from which nothing is shown until [`PageBudget::fruitful`] says otherwise.
    pub(super) fn spend(&mut self) -> Result<(), ClientError> {
        self.pages_left = self.pages_left.checked_sub(1).ok_or(ClientError::Protocol("a listing without an end"))?;
        self.barren_left =
            self.barren_left.checked_sub(1).ok_or(ClientError::Protocol("pages without end, and nothing in them"))?;
        Ok(())
    }

    /// Something of the page was shown.
    pub(super) const fn fruitful(&mut self) {
        self.barren_left = BARREN_PAGES_MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_ends_even_when_every_page_shows_something() {
        let mut budget = PageBudget::new();
        for _ in 0..LISTING_PAGES_MAX {
            budget.spend().unwrap();
            budget.fruitful();
        }
        assert!(budget.spend().is_err());
    }

    #[test]
    fn barren_pages_end_a_listing_sooner() {
        let mut budget = PageBudget::new();
        for _ in 0..BARREN_PAGES_MAX {
            budget.spend().unwrap();
        }
        assert!(budget.spend().is_err());
    }
}
