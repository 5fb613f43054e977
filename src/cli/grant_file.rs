//! The grants of a key as a file: what an issuer hands over, and what a node puts into its records.

use std::{fmt::Write as _, path::Path};

use super::failure::{Exit, Failure, system};
use crate::{
    ambient,
    armor::{self, ArmorError},
    grid::{GrantBundle, KnownGrants, ServiceSet, VerifiedChain},
    record::{GridId, NodeId, Timestamp},
};

/// What is in a file.
pub(super) struct GrantFile {
    pub(super) grid: GridId,
    /// Whom the last grant is for.
    pub(super) key: NodeId,
    pub(super) grants: Vec<Vec<u8>>,
    pub(super) chain: VerifiedChain,
}

/// Reads and verifies a grant file.
///
/// # Errors
/// A file that is not whole, or grants that do not hold together.
pub(super) fn read(path: &Path) -> Result<GrantFile, Failure> {
    let unusable = |problem: &str| {
        Failure::new(Exit::Usage, format_args!("{} holds no grant: {problem}", path.display()))
            .hint("ask whoever gave it to you for another copy")
    };
    let bytes = armor::load(path, armor::GRANTS).map_err(|error| match error {
        ArmorError::Text { problem, .. } => unusable(&problem.to_string()),
        error => Failure::new(Exit::Usage, error).hint("name the file that whoever runs the grid gave you"),
    })?;
    let bundle = GrantBundle::decode(&bytes).map_err(|error| unusable(&error.to_string()))?;
    let chain = bundle.chain.verify(&KnownGrants::new(0)).map_err(|error| unusable(&error.to_string()))?;
    Ok(GrantFile { grid: bundle.grid, key: bundle.node, grants: bundle.grants, chain })
}

/// Writes a grant file, in place of an older one; `comments` are for people.
///
/// # Errors
/// What exists and is no grant file is never touched: it could be a key.
pub(super) fn write(path: &Path, comments: &str, grants: &[Vec<u8>]) -> Result<(), Failure> {
    armor::save(path, armor::GRANTS, comments, &GrantBundle::encode(grants)).map_err(|error| match error {
        ArmorError::Io { path, error } => system(format!("can't write {}", path.display()))(error),
        error => Failure::new(Exit::Usage, error).hint("nothing was changed; name another file"),
    })
}

/// Several lines for people.
pub(super) fn text(grid: &GridId, key: &NodeId, chain: &VerifiedChain) -> String {
    let issuers = chain.keys().len().saturating_sub(1);
    let mut text = format!("{key}\n  may offer {}", services(chain));
    if chain.rights().introducer {
        text.push_str("\n  may be an introducer of the grid");
    }
    for issuer in chain.keys().iter().take(issuers) {
        let _ = write!(text, "\n  through {issuer}");
    }
    let _ = write!(text, "\n  in {grid}\n  {}", remaining(ambient::wall(), chain.expires()));
    text
}

/// "holds for 3 days 4 h".
fn remaining(now: Timestamp, expires: Timestamp) -> String {
    match expires.hours_since(now) {
        0 => "expired".into(),
        hours => format!("holds for {} days {} h", hours / 24, hours % 24),
    }
}

fn services(chain: &VerifiedChain) -> String {
    match &chain.rights().services {
        ServiceSet::Any => "any service".into(),
        ServiceSet::Only(names) if names.is_empty() => "nothing: it only belongs to the grid".into(),
        ServiceSet::Only(names) => names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", "),
    }
}
