//! anteroom: an introducer for grids that live behind Tor and I2P.
//!
//! A node's operator writes a contact record by hand and signs it; an introducer behind an onion service keeps it; a client
//! finds it through Tor. Nobody's IP address is detected, stored, logged or sent. This page is the map of the code.
//!
//! # Processes
//!
//! The **carrier** (C tor, or Tor inside this program) is the only process with IP sockets; it moves opaque bytes. The
//! **introducer** parses, verifies, stores and answers; it sees AF_UNIX streams only. The **client** reaches introducers
//! through a carrier's SOCKS socket, which is AF_UNIX, too; [`carrier`] offers a SOCKS port of 127.0.0.1 as one. Each
//! asks the kernel to hold it to that before it reads a byte from outside, and attacks itself to see that it does: [`sandbox`].
//!
//! The **supervisor** is what an operator starts (`anteroom serve`). It makes the listening sockets, starts introducer and
//! carrier with them as their standard input, starts either again when it ends, and reads no byte from outside. Its children
//! end with it, however it ends ([`supervisor`] says how). A command of a client that brings its own carrier has the same
//! parent, and is itself a second child. Under systemd introducer and carrier are units of their own and need no supervisor.
//!
//! # Layers, lowest first
//!
//! | module | job | may import |
//! |---|---|---|
//! | [`record`] | what a node signs: ids, addresses, contact records, clear or sealed, their one encoding | – |
//! | [`grid`] | who belongs: grants and their chains, invitations, the list of revoked keys, the key of an epoch | record |
//! | [`directory`] | who is listed: admission (one `refuse_*` function a rule), quota, feed, the doubtful clock | record, grid |
//! | [`protocol`] | bytes ↔ requests and answers: frames, padding | record |
//! | [`ambient`] | the one clock, the one source of randomness | record, directory (its `Now`) |
//! | [`armor`] | signed bytes as text files | record, grid |
//! | [`redact`] | values that print as `…`, logging | – |
//! | [`sandbox`] | what the kernel holds a process to, and the attack on itself that shows it | – |
//! | [`net`] | AF_UNIX accept, SOCKS5 dial, PROXY line. No IP here | redact |
//! | [`carrier`] | every IP socket of the program | net, ambient, redact |
//! | [`supervisor`] | children: their sockets, restarts, end | net, ambient |
//! | [`keys`] | secret key files, seq counters, Tor's keys: create, load, move, permissions | record |
//! | [`petnames`] | the names the owner of this machine gives to nodes; which names look alike | record, keys |
//! | [`vault`] | the grid's key under a passphrase | record, keys |
//! | [`store`] | the only database code | record, grid, ambient |
//! | [`config`] | configuration files, parsed into closed types | record, grid, directory, net, sandbox (its `Level`) |
//! | [`audit`] | is this installation safe: rules on torrc, settings, units, processes; speaks to nobody | config, record, sandbox |
//! | [`client`] | one introducer: ask, list, follow | the pure modules, net, ambient, redact |
//! | [`server`] | event loop, streams, dispatch | everything below but client, carrier, supervisor, keys |
//! | [`rehearsal`] | the main job on a private Tor network of this machine: starts the installed tor, and this program | record, config, ambient |
//! | [`cli`] | one file per command | everything |
//!
//! record, grid, directory and protocol are pure: no clock, no randomness, no files, no sockets, no logging; without features
//! the crate is these four and needs no operating system (`no_std`). A feature is a role: `server`, `client`,
//! `carrier-loopback`, `rehearse`, `grid-admin`, `audit`.
//!
//! # The way of a request
//!
//! [`net`] accepts → `server::connection` (deadlines, frames) → [`protocol`] decodes → [`record`] decodes and verifies →
//! [`directory`] admits → [`store`] makes durable (in groups) → the directory shows → the answer goes back the same way.
//! Everything on the event loop's thread is borrowed between two awaits, never across one, so there is no lock; the store
//! has a thread of its own. Reads are answered from memory and never wait for the store.
//!
//! # Where this differs from a first guess
//!
//! - A publish *reserves* a change; it is shown only after it is durable. So a full disk needs no undo.
//! - There is one entry a key until the latest expiry ever accepted for it: the kept record is the seq floor. So a stale
//!   publish is always answered with the record that outdid it, and a restart can verify floors as it verifies records.
//! - When an entry is forgotten, the hour it ended stays behind (`forgotten_until`), and records that end by then are
//!   refused: no clock, however wrong, brings an old record of a forgotten key back.
//! - The feed holds each entry once, at its latest change. A reader has a position and no buffer; what it missed meanwhile
//!   it does not need. Positions do not cross the wire: a stream remembers its own.
//! - The files of an onion service and of a client's keys are C tor's, for arti too: arti reads them and never writes them.
//!   So an address moves between the two by copying a directory, and no key has two homes.
//! - A record may not outlive the grants it carries. So an expired grant needs no event: the record ends for everybody by
//!   its own signed hours. A revocation has no record that says so: watchers are reset and ask for the list.
//! - A sealed record's tag has the form of a service's name: an introducer has one way to list, and learns nothing by it. Tags
//!   that stand for no service are derived, not random: one that changed from record to record would tell the others apart.
//! - A member's X25519 key is its node's key in another form: who re-keys needs ids and nothing else.
//! - Grants are remembered as verified one by one, not chain by chain: a signature holds wherever its grant stands, and the
//!   grants that many nodes share are checked once for all of them.
//! - The grants with which an invited node may stay wait at the introducers, and the node asks for them before it publishes,
//!   by a request of its own: an answer to a publish keeps one form. Only the keys above the invitation's can leave such
//!   grants, one chain an invitation, so that nobody keeps anything for strangers.
//! - An invitation stays used up when no record rests on it any more: who used it first is remembered with the grants, and
//!   with the record of whoever came second, until a month after it ended.
//! - A page of a listing is 16 KiB: as many slow readers as there may be streams must fit a small machine.
//!
//! # Invariants, and what holds each
//!
//! 1. A change is durable before its acknowledgement leaves; a full disk turns publishing into `Busy` while reading goes
//!    on; any other store error ends the process: `store` crash tests, `tests/e2e/durability`.
//! 2. A restart verifies everything again: `server::restart`, `tests/e2e/durability`.
//! 3. The seq floor of a key outlives its record until the latest expiry ever seen for it: `tests/simulation`,
//!    `tests/e2e/clock.rs`.
//! 4. Every collection, queue, loop and wait has a named limit: `tests/e2e/hostile`.
//! 5. No name is ever resolved; IP sockets exist in `src/carrier/` alone: `.clippy.toml`, `tests/architecture.rs`,
//!    `tests/e2e/no_ip.rs`, `tests/tor/traced.rs`, `tests/proofs`.
//! 6. Nothing at level info or above holds an address, a key, a nickname or a circuit id; there is no line per request:
//!    `tests/support/quiet.rs` (panics at such a line, in `tests/client.rs` and `tests/e2e`), `tests/e2e/hostile`.
//! 7. The list of revoked keys never goes back, and nothing that rests on one of them is shown: `tests/simulation`,
//!    `tests/e2e/granted.rs`.
//! 8. What an introducer of a sealed grid holds names no address, no service and no nickname: `tests/e2e/sealed.rs`.
//! 9. An audit judges all that it was given or says what it did not; each rule has a fixture that yields it alone:
//!    `tests/audit.rs`.
//! 10. What a process does not need the kernel denies it, and a process that could get it all the same does not start:
//!     `tests/sandbox.rs`.
//! 11. An invitation lets in one node at an introducer, also after its record has moved on and after a restart:
//!     `tests/e2e/invited.rs`.
//! 12. The pure modules give the same answer for the same inputs: `tests/simulation`, `tests/architecture.rs`.
#![cfg_attr(not(feature = "cli"), no_std)]
#![deny(
    unreachable_pub,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::todo,
    clippy::unimplemented,
    clippy::unwrap_used
)]

extern crate alloc;

pub mod directory;
pub mod grid;
pub mod protocol;
pub mod record;

#[cfg(feature = "cli")]
pub mod cli;

#[cfg(feature = "cli")]
pub mod ambient;
#[cfg(feature = "cli")]
pub mod armor;
#[cfg(feature = "audit")]
pub mod audit;
#[cfg(feature = "cli")]
pub mod carrier;
#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "audit", feature = "client", feature = "server"))]
pub mod config;
#[cfg(feature = "cli")]
pub mod keys;
#[cfg(feature = "cli")]
pub mod net;
#[cfg(any(feature = "client", feature = "grid-admin"))]
pub mod petnames;
#[cfg(feature = "cli")]
pub mod redact;
#[cfg(feature = "rehearse")]
pub mod rehearsal;
#[cfg(feature = "cli")]
pub mod sandbox;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod store;
#[cfg(feature = "cli")]
pub mod supervisor;
#[cfg(feature = "grid-admin")]
pub mod vault;
