//! The key of a new epoch as a file: whoever runs the grid makes it, and carries it about.

use std::path::Path;

use crate::{
    ambient,
    armor::{self, ArmorError},
    cli::failure::{Exit, Failure, system},
    grid::{SignedKeyEpoch, VerifiedKeyEpoch},
};

/// Reads and verifies a key epoch; `None` when there is no file.
///
/// # Errors
/// A file that is not whole, or not one that its grid signed.
pub(super) fn read(path: &Path) -> Result<Option<VerifiedKeyEpoch>, Failure> {
    let unusable = |problem: String| {
        Failure::new(Exit::Usage, problem).hint("name the file that `anteroom grid seal rekey` wrote, or none yet")
    };
    let bytes = match armor::load(path, armor::KEY_EPOCH) {
        Ok(bytes) => bytes,
        Err(ArmorError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error.to_string())),
    };
    let none = |error: &dyn std::fmt::Display| unusable(format!("{} holds no key epoch: {error}", path.display()));
    let epoch = SignedKeyEpoch::decode(&bytes).map_err(|error| none(&error))?;
    epoch.verify().map(Some).map_err(|error| none(&error))
}

/// Reads a key epoch that must be there.
///
/// # Errors
/// See [`read`].
#[cfg(feature = "client")]
pub(super) fn read_existing(path: &Path) -> Result<VerifiedKeyEpoch, Failure> {
    read(path)?.ok_or_else(|| {
        Failure::new(Exit::Usage, format_args!("there is no key epoch {}", path.display()))
            .hint("make one with `anteroom grid seal rekey --key FILE --group FILE --out FILE node1…`")
    })
}

/// Writes a key epoch, in place of an older one.
///
/// # Errors
/// What exists and is no key epoch is never touched: it could be a key.
pub(super) fn write(path: &Path, epoch: &VerifiedKeyEpoch) -> Result<(), Failure> {
    armor::save(path, armor::KEY_EPOCH, &text(epoch), epoch.bytes()).map_err(|error| match error {
        ArmorError::Io { path, error } => system(format!("can't write {}", path.display()))(error),
        error => Failure::new(Exit::Usage, error).hint("nothing was changed; name another file"),
    })
}

/// Several lines for people.
pub(super) fn text(epoch: &VerifiedKeyEpoch) -> String {
    let document = epoch.document();
    let due = match document.terms.next_update().hours_since(ambient::wall()) {
        0 => "stale: the next one is overdue".to_owned(),
        hours => format!("the next one is due within {} days {} h", hours / 24, hours % 24),
    };
    format!("epoch {}, number {} of {}\n  {due}", document.epoch, document.terms.seq, document.terms.grid)
}
