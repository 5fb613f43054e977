//! introducer.toml and node.toml: what their owner allowed that a careful one would not.
//!
//! Files are loaded as the program itself loads them, so what it refuses is told in the same words. Places of values come
//! from a second reading that keeps lines.

mod introducer;
mod lines;
mod node;

pub(super) use introducer::{RULES as INTRODUCER_RULES, examine as introducer};
pub(super) use node::{RULES as NODE_RULES, examine as node};
