//! What a caller decides before the first question.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    record::{AddressKinds, GridId, GroupKeys},
    redact::Redacted,
};

/// Bits of a hashed node id a client sends unless its user says otherwise. With the 16 records a shelf is meant to hold,
/// 16 bits serve a grid of a million nodes; an introducer that asks for more learns no more than that.
pub const LOOKUP_BITS_MAX_DEFAULT: u16 = 16;
/// All bits: the introducer learns which node is looked for.
pub const LOOKUP_BITS_EXACT: u16 = 256;

/// Settings of a [`Client`](super::Client).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientSettings {
    /// The AF_UNIX socket of a SOCKS5 proxy into the anonymizing network (C tor: `SocksPort unix:/path`).
    pub socks: PathBuf,
    /// The grid; records of another one are never shown.
    pub grid: GridId,
    /// What a record may contain to be shown: onion and I2P addresses by default.
    pub addresses: AddressKinds,
    /// Show only nodes with grants that lead back to the grid's key and are not revoked, whatever an introducer lists. For
    /// grids that let in whom they granted it; `false` by default.
    pub granted: bool,
    /// In a sealed grid: what opens its records, of which alone are shown then; `None` by default.
    pub group_keys: Option<Redacted<Arc<GroupKeys>>>,
    /// Never more bits of a lookup than this, whatever an introducer asks for. [`LOOKUP_BITS_EXACT`] allows exact lookups.
    pub lookup_bits_max: u16,
    /// How long anything may take.
    pub deadlines: Deadlines,
}

impl ClientSettings {
    /// The defaults, for a proxy and a grid.
    pub fn new(socks: impl Into<PathBuf>, grid: GridId) -> Self {
        Self {
            socks: socks.into(),
            grid,
            addresses: AddressKinds::default(),
            granted: false,
            group_keys: None,
            lookup_bits_max: LOOKUP_BITS_MAX_DEFAULT,
            deadlines: Deadlines::default(),
        }
    }
}

/// Limits on every wait. The defaults suit Tor, where a first connection takes some ten seconds and a bad minute is not
/// the end.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// From the first byte to the proxy to a stream to the introducer.
    pub connect: Duration,
    /// From a request to the first byte of the answer, or of the next page.
    pub answer: Duration,
    /// From the first byte of a frame to its last, and for sending one.
    pub frame: Duration,
    /// Between two ticks of a subscription, which an introducer sends about every minute.
    pub tick: Duration,
    /// Before a lost subscription is opened again: at first, then twice as long each time, half more or less by chance.
    pub reconnect_min: Duration,
    /// The longest of these pauses.
    pub reconnect_max: Duration,
}

impl Deadlines {
    /// What [`Default`] gives.
    pub const TOR: Self = Self {
        connect: Duration::from_secs(60),
        answer: Duration::from_secs(60),
        frame: Duration::from_secs(60),
        tick: Duration::from_secs(300),
        reconnect_min: Duration::from_secs(5),
        reconnect_max: Duration::from_secs(600),
    };
}

impl Default for Deadlines {
    fn default() -> Self {
        Self::TOR
    }
}
