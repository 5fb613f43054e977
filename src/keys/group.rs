//! The group keys of a sealed grid on disk: a line an epoch, the newest last.

use std::{fs, path::Path};

use zeroize::Zeroizing;

use super::{KeyFileError, create_private, failed, load_private, sync_directory, with_suffix};
use crate::record::{GROUP_KEYS_MAX, GroupKeys};

/// Lines of some 75 characters; the rest is room for an owner's comments.
const FILE_BYTES_MAX: usize = 4096;
const HEADER: &str = "# anteroom group keys: whoever has them reads the records of the grid\n";

/// Reads the group keys of a grid.
///
/// # Errors
/// See [`KeyFileError`]; a file that others can read is refused.
pub fn load_group(path: &Path) -> Result<GroupKeys, KeyFileError> {
    let bytes = load_private(path, FILE_BYTES_MAX)?;
    let malformed = || KeyFileError::GroupKeys(path.to_owned());
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next().and_then(|line| line.parse().ok()).ok_or_else(malformed)?;
    let mut keys = GroupKeys::new(first);
    for line in lines.by_ref().take(GROUP_KEYS_MAX) {
        line.parse().ok().and_then(|key| keys.add(key)).ok_or_else(malformed)?;
    }
    Ok(keys)
}

/// Writes the group keys of a grid into a new file.
///
/// # Errors
/// See [`KeyFileError`]; an existing file is never touched.
pub fn create_group(path: &Path, keys: &GroupKeys) -> Result<(), KeyFileError> {
    create_private(path, text(keys).as_bytes())
}

/// Writes the group keys in place of those that are in the file: all of them, or the old ones stay.
///
/// # Errors
/// See [`KeyFileError`]; what is no file of group keys is never touched.
pub fn replace_group(path: &Path, keys: &GroupKeys) -> Result<(), KeyFileError> {
    load_group(path)?;
    // The file itself, whatever links lead to it.
    let path = fs::canonicalize(path).map_err(|error| failed(path, error))?;
    let new = with_suffix(&path, ".new");
    // What a crash left behind.
    let _ = fs::remove_file(&new);
    create_private(&new, text(keys).as_bytes())?;
    fs::rename(&new, &path).and_then(|()| sync_directory(&path)).map_err(|error| failed(&path, error))
}

fn text(keys: &GroupKeys) -> Zeroizing<String> {
    // Room for all of it at once: a string that grows leaves pieces of a secret behind.
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX));
    text.push_str(HEADER);
    for key in keys.iter() {
        text.push_str(&key.to_text());
        text.push('\n');
    }
    text
}
