//! The two configuration files: a schema that knows no other key, parsed into closed types.
//!
//! What is wrong is told by file, key and remedy. Relative paths are relative to the file's directory, so that a file means
//! the same wherever a command is started.

#[cfg(any(feature = "audit", feature = "server"))]
mod introducer;
#[cfg(any(feature = "audit", feature = "server"))]
mod limits;
#[cfg(any(feature = "audit", feature = "server"))]
mod memory;
#[cfg(any(feature = "audit", feature = "client"))]
mod node;
mod problem;
#[cfg(any(feature = "audit", feature = "server"))]
mod roll;
#[cfg(any(feature = "audit", feature = "server"))]
mod roll_change;
mod tor;

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

#[cfg(any(feature = "audit", feature = "server"))]
pub use introducer::{CarrierKind, INTRODUCER_TEMPLATE, IntroducerConfig, LookupRule, WatchRule};
#[cfg(any(feature = "audit", feature = "server"))]
pub use limits::{
    BANDWIDTH_KIB_PER_SECOND_MAX_DEFAULT, BANDWIDTH_PER_CIRCUIT_KIB_PER_SECOND_MAX_DEFAULT, CIRCUITS_MAX_DEFAULT,
    EVIDENCE_MAX_DEFAULT, NEW_KEYS_PER_HOUR_MAX_DEFAULT, RECORDS_MAX_DEFAULT, RECORDS_PER_ISSUER_MAX_DEFAULT,
    STORE_BYTES_MAX_DEFAULT, STREAMS_MAX_DEFAULT, STREAMS_PER_CIRCUIT_MAX_DEFAULT, ServerLimits, TICK_SECONDS_DEFAULT,
    UPDATES_PER_KEY_PER_HOUR_MAX_DEFAULT, VERIFICATIONS_PER_SECOND_MAX_DEFAULT, WATCHERS_MAX_DEFAULT,
};
#[cfg(any(feature = "audit", feature = "client"))]
pub use node::{INTRODUCERS_MAX, LIFETIME_HOURS_DEFAULT, NODE_TEMPLATE, NodeConfig, SOCKS_DEFAULT};
pub use problem::{ConfigError, KeyProblem};
#[cfg(any(feature = "audit", feature = "server"))]
pub use roll::LISTED_MAX;
#[cfg(any(feature = "audit", feature = "server"))]
pub use roll_change::{ListChange, ListError, change_list};
#[cfg(any(feature = "audit", feature = "server"))]
pub use tor::OnionConfig;
pub use tor::TorConfig;

/// What the templates hold where the id of the grid belongs.
pub const GRID_PLACEHOLDER: &str = "@GRID@";
/// The one version of both files.
const CONFIG_VERSION: i64 = 1;
/// A record of 2 KiB can't fill this; what is larger was named by mistake.
const CONFIG_BYTES_MAX: u64 = 64 * 1024;

/// Reads a file that is text and of a sensible size.
fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |error| ConfigError::Io { file: path.to_owned(), error };
    let mut text = String::new();
    File::open(path).map_err(failed)?.take(CONFIG_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > CONFIG_BYTES_MAX {
        return Err(ConfigError::TooLarge { file: path.to_owned() });
    }
    Ok(text)
}

/// TOML into a raw schema.
fn deserialize<'a, T: serde::Deserialize<'a>>(text: &'a str, file: &Path) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Schema { file: file.to_owned(), error: Box::new(error) })
}

/// `path` as seen from the directory of `file`.
fn beside(file: &Path, path: &Path) -> PathBuf {
    file.parent().unwrap_or_else(|| Path::new("")).join(path)
}
