//! Waiting for conditions: never longer than a named limit, and no longer than whoever waits wants to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use crate::ambient;

/// Pause between two looks at the same condition: short for a person, long for a processor.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Whether it is still worth waiting; clones lose it together.
#[derive(Clone, Debug, Default)]
pub struct Patience(Arc<AtomicBool>);

/// Patience was lost: what was waited for is of no interest any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl Patience {
    /// Makes every wait end, now and from now on.
    pub fn lose(&self) {
        self.0.store(true, Relaxed);
    }

    /// Asks until there is an answer, for at most `seconds_max`.
    ///
    /// # Errors
    /// When patience is lost.
    pub fn poll<T>(&self, seconds_max: u64, mut ask: impl FnMut() -> Option<T>) -> Result<Option<T>, Interrupted> {
        let begun = ambient::steady_millis();
        loop {
            if self.0.load(Relaxed) {
                return Err(Interrupted);
            }
            if let Some(answer) = ask() {
                return Ok(Some(answer));
            }
            if ambient::steady_millis().saturating_sub(begun) >= seconds_max.saturating_mul(1000) {
                return Ok(None);
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_an_answer_at_its_limit_or_without_patience() {
        let patience = Patience::default();
        assert_eq!(patience.poll(60, || Some(1)), Ok(Some(1)));
        assert_eq!(patience.poll(0, || None::<u8>), Ok(None));
        let clone = patience.clone();
        let waited = patience.poll(60, || {
            clone.lose();
            None::<u8>
        });
        assert_eq!(waited, Err(Interrupted));
    }
}
