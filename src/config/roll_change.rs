//! Changing one line of the list of nodes that may publish, with everything else left as the operator wrote it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
};

use super::{
    problem::{Bad, ConfigError},
    roll,
};
use crate::{grid::ServiceSet, record::NodeId};

/// What becomes of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListChange {
    /// It may offer these services, and no others.
    Allow(ServiceSet),
    /// It may not publish.
    Deny,
}

/// Why a list stays as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// It can't be read, or the new one would not be a list.
    #[error(transparent)]
    List(#[from] ConfigError),
    /// It can't be written.
    #[error("can't write {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Changes what the list in `list`, which the configuration in `file` names, says of a node. `false`: it says that already,
/// and nothing was written.
///
/// The file is replaced as a whole, with the owner and the mode it had, while no other process of this program changes it.
///
/// # Errors
/// A list that is wrong is not touched.
pub fn change_list(file: &Path, list: &Path, node: NodeId, change: &ListChange) -> Result<bool, ListError> {
    let bad = |bad: Bad| ListError::List(bad.in_file(file));
    let failed = |error| ListError::Io { path: list.to_owned(), error };
    // What a link leads to is written, not the link.
    let path = fs::canonicalize(list).map_err(failed)?;
    let lock = lock_directory(&path).map_err(failed)?;
    let old = roll::read(&path).map_err(bad)?;
    let before = roll::parse(&old).map_err(bad)?;
    let wanted = match change {
        ListChange::Allow(services) => Some(services),
        ListChange::Deny => None,
    };
    if before.services(&node) == wanted {
        return Ok(false);
    }
    let new = changed(&old, &node, wanted);
    roll::parse(&new).map_err(bad)?;
    replace(&path, new.as_bytes()).map_err(failed)?;
    drop(lock);
    Ok(true)
}

/// The comment behind a node stays with it, and goes with it.
fn changed(text: &str, node: &NodeId, services: Option<&ServiceSet>) -> String {
    let id = node.to_string();
    let line = services.map(|services| format!("{id} {}", roll::text(services)));
    let (mut new, mut found) = (String::with_capacity(text.len() + 128), false);
    for old in text.split_inclusive('\n') {
        if roll::words(old).next() != Some(id.as_str()) {
            new.push_str(old);
            continue;
        }
        found = true;
        if let Some(line) = &line {
            new.push_str(line);
            if let Some((_, comment)) = old.split_once('#') {
                new.push_str("  #");
                new.push_str(comment.trim_end());
            }
            new.push('\n');
        }
    }
    if let (false, Some(line)) = (found, line) {
        if !new.is_empty() && !new.ends_with('\n') {
            new.push('\n');
        }
        new.push_str(&line);
        new.push('\n');
    }
    new
}

/// Kept until the handle is dropped.
fn lock_directory(path: &Path) -> io::Result<File> {
    let directory = File::open(path.parent().unwrap_or(Path::new("/")))?;
    directory.lock()?;
    Ok(directory)
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let old = fs::metadata(path)?;
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    // What a crash left behind.
    let _ = fs::remove_file(&new);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        let made = file.metadata()?;
        if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
            // The introducer may run as another user than who changes its list.
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    fn services(names: &[&str]) -> ListChange {
        ListChange::Allow(ServiceSet::Only(names.iter().map(|name| name.parse().unwrap()).collect()))
    }

    #[test]
    fn one_line_changes_and_every_other_byte_stays() {
        let directory = tempfile::tempdir().unwrap();
        let list = directory.path().join("members.list");
        let (alice, bob, carol) = (id(1), id(2), id(3));
        fs::write(&list, format!("# friends\r\n\n{alice} any   # Alice\n\t{bob}  storage relay\n# {carol} any"))
            .unwrap();
        fs::set_permissions(&list, fs::Permissions::from_mode(0o640)).unwrap();
        let change =
            |node, change: &ListChange| change_list(Path::new("introducer.toml"), &list, node, change).unwrap();
        assert!(change(alice, &services(&["storage"])));
        assert!(!change(alice, &services(&["storage"])), "nothing to do");
        assert!(change(carol, &ListChange::Allow(ServiceSet::Any)), "a comment names nobody");
        let rest = format!("\t{bob}  storage relay\n# {carol} any\n{carol} any\n");
        assert_eq!(fs::read_to_string(&list).unwrap(), format!("# friends\r\n\n{alice} storage  # Alice\n{rest}"));
        assert!(change(alice, &ListChange::Deny));
        assert!(!change(alice, &ListChange::Deny));
        assert_eq!(fs::read_to_string(&list).unwrap(), format!("# friends\r\n\n{rest}"));
        assert_eq!(fs::metadata(&list).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_list_that_is_wrong_is_not_touched() {
        let directory = tempfile::tempdir().unwrap();
        let list = directory.path().join("members.list");
        let text = format!("{} any\nnode1 any\n", id(1));
        fs::write(&list, &text).unwrap();
        let change = |list: &Path, change: &ListChange| change_list(Path::new("introducer.toml"), list, id(2), change);
        assert!(matches!(change(&list, &services(&["storage"])), Err(ListError::List(_))));
        assert_eq!(fs::read_to_string(&list).unwrap(), text);
        fs::write(&list, "").unwrap();
        // No line can say that.
        assert!(matches!(change(&list, &services(&[])), Err(ListError::List(_))));
        assert_eq!(fs::read_to_string(&list).unwrap(), "");
        assert!(matches!(change(Path::new("/nowhere/list"), &ListChange::Deny), Err(ListError::Io { .. })));
    }
}
