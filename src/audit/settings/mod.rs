//! introducer.toml and node.toml: what their owner allowed that a careful one would not.
//!
//! Files are loaded as the program itself loads them, so what it refuses is told in the same words. Places of values come
//! from a second reading that keeps lines.

mod introducer;
mod lines;
mod node;

use std::path::Path;

pub(super) use introducer::{RULES as INTRODUCER_RULES, examine as introducer};
pub(super) use node::{RULES as NODE_RULES, examine as node};

use super::finding::{Place, Report};
use crate::config::ConfigError;

/// What the program itself would say, without the name of the file, which is the place.
fn refuse(file: &Path, error: &ConfigError, report: &mut Report) {
    let text = error.to_string();
    let why = text.strip_prefix(&format!("{}: ", file.display())).unwrap_or(&text);
    report.cannot(Place::whole(file), why, error.hint());
}
