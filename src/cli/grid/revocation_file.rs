//! The grid's list of revoked keys as a file: whoever runs the grid keeps it, and carries it about.

use std::path::Path;

use crate::{
    armor::{self, ArmorError},
    cli::failure::{Exit, Failure, system},
    grid::{SignedRevocations, VerifiedRevocations},
};

/// Reads and verifies a list; `None` when there is no file.
///
/// # Errors
/// A file that is not whole, or not a list that its grid signed.
pub(super) fn read(path: &Path) -> Result<Option<VerifiedRevocations>, Failure> {
    let unusable = |problem: String| {
        Failure::new(Exit::Usage, problem)
            .hint("`anteroom grid show --config node.toml --out FILE` gets the list in force")
    };
    let bytes = match armor::load(path, armor::REVOCATIONS) {
        Ok(bytes) => bytes,
        Err(ArmorError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error.to_string())),
    };
    let none = |error: &dyn std::fmt::Display| unusable(format!("{} holds no list: {error}", path.display()));
    let list = SignedRevocations::decode(&bytes).map_err(|error| none(&error))?;
    list.verify().map(Some).map_err(|error| none(&error))
}

/// Reads a list that must be there.
///
/// # Errors
/// See [`read`].
pub(super) fn read_existing(path: &Path) -> Result<VerifiedRevocations, Failure> {
    read(path)?.ok_or_else(|| {
        Failure::new(Exit::Usage, format_args!("there is no list {}", path.display()))
            .hint("make one with `anteroom grid revoke --key FILE --list FILE`")
    })
}

/// Writes a list, in place of an older one.
///
/// # Errors
/// What exists and is no list is never touched: it could be a key.
pub(super) fn write(path: &Path, list: &VerifiedRevocations) -> Result<(), Failure> {
    let comments = super::show::list_text(list);
    armor::save(path, armor::REVOCATIONS, &comments, list.bytes()).map_err(|error| match error {
        ArmorError::Io { path, error } => system(format!("can't write {}", path.display()))(error),
        error => Failure::new(Exit::Usage, error).hint("nothing was changed; name another file"),
    })
}
