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

use lines::Lines;

use super::{
    Rule, file,
    finding::{Place, Report},
};
use crate::{
    config::{ConfigError, TorConfig},
    sandbox::Level,
};

/// Group and others: nothing.
const DIRECTORY_OTHERS: u32 = 0o077;

/// A directory that is its owner's alone.
fn judge_directory(directory: &Path, rule: &'static Rule, report: &mut Report) {
    if let Some(mode) = file::named_mode(directory, report)
        && mode & DIRECTORY_OTHERS != 0
    {
        report.find(rule, Place::whole(directory), format!("mode {mode:04o}"));
    }
}

/// Which network the Tor inside this program joins.
fn judge_network(tor: &TorConfig, rule: &'static Rule, lines: &Lines<'_>, report: &mut Report) {
    if let Some(network) = &tor.network {
        report.find(rule, lines.place(&["tor", "network"]), format!("network = {:?}", network.display().to_string()));
    }
}

/// What the kernel is asked to hold the process to; `off` and `part` are the rules of a file that asks for less than all.
fn judge_sandbox(level: Level, off: &'static Rule, part: &'static Rule, lines: &Lines<'_>, report: &mut Report) {
    let rule = match level {
        Level::Strict | Level::Kill => return,
        Level::Off => off,
        Level::Seccomp => part,
    };
    report.find(rule, lines.place(&["sandbox"]), format!("sandbox = \"{level}\""));
}

/// What the program itself would say, without the name of the file, which is the place.
fn refuse(file: &Path, error: &ConfigError, report: &mut Report) {
    let text = error.to_string();
    let why = text.strip_prefix(&format!("{}: ", file.display())).unwrap_or(&text);
    report.cannot(Place::whole(file), why, error.hint());
}
