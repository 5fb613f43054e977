//! Sealed records: what an introducer keeps without being able to read it.
//!
//! # What for
//!
//! An introducer of a clear grid holds the addresses, services and nicknames of everybody in it. One that is seized, or whose
//! operator is curious, gives them away. In a sealed grid the members share a *group key* that no introducer has; what an
//! introducer keeps of a record is who signed it, its number and hours, the grants, and bytes of one size.
//!
//! # Against whom, and how
//!
//! | who | can try | what holds |
//! |---|---|---|
//! | whoever has the introducer: disk, memory, log | read addresses, services, nicknames | they are in the sealed body alone |
//! | the same | guess a service from its tag | a tag is a MAC under the group key; without the key nothing can be tried |
//! | the same | count services, or tell by sizes | always [`TAGS`] tags, always [`SEALED_BODY_BYTES`] of body |
//! | the same | show a body under another node, number, hour or epoch | the node's signature; and the associated data of the body |
//! | the same | serve old records, or hide some | as in a clear grid: numbers, hours, other introducers |
//! | a member | put another's body into a record of its own, or into another number | the associated data names node, number, hours and epoch |
//! | a member | make a body that opens differently for two keys (Poly1305 commits to no key) | the commitment is checked first |
//! | a member | be found under a service that it does not offer, or hide bits in tags | a reader works out all the tags of what it read, and they must be those |
//! | a member | an address on the open internet, a service without a right to it | readers refuse it: the introducer can't look |
//! | whoever is in no more | read on | a new epoch, whose key is wrapped for those who are left |
//! | whoever gets a group key | read what was recorded under it | nothing: see below |
//!
//! # What stays visible to an introducer
//!
//! The node's key, its numbers, issue hours and lifetimes, when and through which circuit it publishes, that it withdrew, the
//! epoch, and the grants, so who let in whom, until when and *for which services where a grant names them*: in a sealed grid grant
//! any service, unless the name of a service is no secret. Equal tags: two nodes with a tag in common offer one service; which,
//! and that a tag that one node alone has is a service at all, does not show. How many list by a tag, and when. A lookup names
//! a shelf of nodes, as in a clear grid. The introducer can't check addresses and services against the rules of the grid.
//!
//! # The group key
//!
//! 32 random bytes, with the number of their [epoch](crate::record::Epoch). Everything else is derived with HKDF-SHA256 (RFC
//! 5869), the label as salt and the group key as input. Whoever has it reads all records of its epoch, also recorded ones:
//! there is no forward secrecy within an epoch, what a member read stays read, and a member can hand the key on.
//!
//! # The record
//!
//! ```text
//! version u8 = 2, grid, node, seq, issued, lifetime     as in a clear record
//! withdrawn u8                                          0 or 1
//! epoch u32                                             not 0
//! tags 8 × 16 bytes                                     sorted, each once
//! body                                                  commitment 32, nonce 24, ciphertext 640, authenticator 16
//! grants                                                as in a clear record
//! ```
//!
//! in postcard, one spelling, signed by the node under a context string of its own; at most 2048 bytes with the signature,
//! which the sizes above keep for every chain of grants. The first byte and the context string both tell it from a clear record.
//!
//! *Body.* Nickname and services in the encoding of a clear record, zeros up to [`SEALED_TEXT_BYTES`]. With `nonce` random,
//! HKDF("anteroom v1 sealed body\0", group key) expands grid ‖ epoch ‖ nonce to a key and a commitment of 32 bytes each.
//! Ciphertext and authenticator are XChaCha20-Poly1305 of the text under that key and nonce. Associated data: version, grid,
//! node, seq, issued, lifetime, withdrawn, epoch, tags, at fixed widths, the larger bytes first.
//!
//! *Tags.* HKDF("anteroom v1 service tag\0", group key) expands grid ‖ epoch ‖ 0 ‖ name to the tag of a service; those that are
//! not used are filled with grid ‖ epoch ‖ 1 ‖ node ‖ index. A filler looks random to whoever lacks the key. It is the same in
//! each record of the node, since one that changed would tell the tags of services, which stay, from the rest.
//!
//! The tag in hexadecimal has the form of a service's name. An introducer lists by it as it lists by names, and a reader asks
//! for it in the same request.
//!
//! *Reading.* Signature; epoch known; commitment; authenticator; text in its one spelling; withdrawn if and only if it offers
//! nothing; tags as worked out from the text. Then everything that a clear record has to pass.

mod body;
mod claims;
mod tags;

pub use body::{OpenError, SEALED_BODY_BYTES, SEALED_NONCE_BYTES, SEALED_TEXT_BYTES, SealError};
pub use claims::{SEALED_RECORD_VERSION, SealedClaims, SealedRecord, VerifiedSealed};
pub use tags::{TAG_BYTES, TAGS, Tag};
