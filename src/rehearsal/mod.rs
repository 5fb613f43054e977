//! An operator's dress rehearsal: the main job on a private Tor network of this machine, with the operator's own
//! configuration, or the default one, and the commands that people type.
//!
//! Everything lives in one temporary directory and ends with [`rehearse`]. The operator's files are read and never
//! written, and nothing leaves 127.0.0.0/8: the configuration is *copied*, and in the copy socket, state, bridges and
//! the authorities of Tor are others.

mod cast;
mod child;
mod configuration;
mod error;
mod patience;
mod program;
mod script;
mod telling;
pub mod tornet;

pub use error::RehearsalError;
pub use patience::{Interrupted, Patience};
pub use script::{Plan, rehearse};
pub use telling::{Event, Step};
