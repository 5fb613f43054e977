//! Petnames: what the owner of this machine calls nodes. They never leave it.
//!
//! The file is text: lines that start with `#`, and a line `node1… the name` a node. It says whom its owner knows, so only
//! the owner may read it; whoever could write it could pass for anybody.

mod likeness;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

pub use likeness::Likeness;

use crate::{
    keys::{self, KeyFileError},
    record::{Nickname, NodeId},
};

/// Names in a file: more than a person can tell apart.
pub const PETNAMES_MAX: usize = 4096;
/// An id of 63 characters and a name of 64 bytes a line, and as much again for an owner's comments.
const FILE_BYTES_MAX: usize = 2 * 130 * PETNAMES_MAX;
/// What ids start with: a name that did could be taken for one, by people and by commands.
const ID_PREFIXES: [&str; 4] = ["node1", "grid1", "nodesecret1", "gridsecret1"];
const HEADER: &str = "# anteroom petnames: whom the owner of this machine calls what; nobody else needs to know";

/// Why a node has no such name, or there are no names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PetnameError {
    /// Empty, too long, or with characters that do not show.
    #[error("a petname is 1 to 64 bytes, does not start or end with a space, and every character of it shows")]
    Form,
    /// It could be taken for an id.
    #[error("a petname does not start with `node1` or `grid1`, as ids do")]
    LikeAnId,
    /// Another node has it, or one that looks the same.
    #[error("{name:?} looks like {other:?}, which is the petname of {node}")]
    Taken {
        /// What was asked for.
        name: String,
        /// What is there.
        other: String,
        /// Whose.
        node: NodeId,
    },
    /// No more of them.
    #[error("there are {PETNAMES_MAX} petnames already")]
    Full,
    /// A line of the file is not one.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: Box<str>,
    },
    /// More than such a file can be, or no text.
    #[error("{} is not a file of petnames", .0.display())]
    Malformed(PathBuf),
    /// The file can't be used.
    #[error(transparent)]
    File(KeyFileError),
}

impl PetnameError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Form | Self::LikeAnId => "choose another name".into(),
            Self::Taken { other, .. } => {
                format!("choose a name that nobody could take for the other, or take {other:?} away first")
            }
            Self::Full => "take away the names of nodes that you do not meet any more".into(),
            Self::Line { .. } => "a line is `node1… the name`; correct it, or take the line away".into(),
            Self::Malformed(_) => "name another file, or restore this one from your backup".into(),
            Self::File(KeyFileError::TooOpen { path, .. }) => {
                format!("run: chmod 600 {}   (read it first: others could have changed it)", path.display())
            }
            Self::File(_) => "check the file, its directory, their permissions and the free space".into(),
        }
    }
}

/// Whether a text is meant to be an id, right or wrong: no petname is.
pub fn is_id(text: &str) -> bool {
    let small = text.to_lowercase();
    ID_PREFIXES.iter().any(|prefix| small.starts_with(prefix))
}

/// The names in a file, as they were when it was read.
#[derive(Clone, Debug)]
pub struct Petnames {
    path: PathBuf,
    comments: Vec<String>,
    names: BTreeMap<NodeId, String>,
    nodes: BTreeMap<(usize, String), NodeId>,
}

impl Petnames {
    /// Reads the names in `path`. Without a file there are none yet.
    ///
    /// # Errors
    /// A file that others can read or write, or that holds something else.
    pub fn load(path: &Path) -> Result<Self, PetnameError> {
        let bytes = match keys::load_private(path, FILE_BYTES_MAX) {
            Err(KeyFileError::NotFound(_)) => return Ok(Self::empty(path)),
            Err(KeyFileError::Malformed(_)) => return Err(PetnameError::Malformed(path.to_owned())),
            read => read.map_err(PetnameError::File)?,
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| PetnameError::Malformed(path.to_owned()))?;
        Self::parse(path, text)
    }

    /// Gives `node` a name, in place of its former one. Durable when it returns.
    ///
    /// # Errors
    /// A name that does not serve, or a file that can't be used; then nothing was changed.
    pub fn set(&mut self, node: NodeId, name: &str) -> Result<(), PetnameError> {
        self.change(|names| {
            names.forget(&node);
            names.insert(node, name)
        })
    }

    /// Takes the name of `node` away, which is returned; `None` when it had none. Durable when it returns.
    ///
    /// # Errors
    /// A file that can't be used; then nothing was changed.
    pub fn remove(&mut self, node: &NodeId) -> Result<Option<String>, PetnameError> {
        self.change(|names| Ok(names.forget(node)))
    }

    /// What the owner calls `node`.
    pub fn name(&self, node: &NodeId) -> Option<&str> {
        self.names.get(node).map(String::as_str)
    }

    /// Whom the owner calls `name`, to the letter.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.resembling(name).filter(|node| self.name(node) == Some(name))
    }

    /// Whom the owner calls `name`, or something that looks like it.
    pub fn resembling(&self, name: &str) -> Option<NodeId> {
        let likeness = Likeness::of(name);
        likeness.keys().find_map(|(form, key)| self.nodes.get(&(form, key.to_owned())).copied())
    }

    /// Every node with a name, by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&NodeId, &str)> {
        self.names.iter().map(|(node, name)| (node, name.as_str()))
    }

    fn empty(path: &Path) -> Self {
        Self { path: path.to_owned(), comments: Vec::new(), names: BTreeMap::new(), nodes: BTreeMap::new() }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, PetnameError> {
        let mut names = Self::empty(path);
        for (index, line) in text.lines().enumerate() {
            let bad = |problem: String| PetnameError::Line {
                path: path.to_owned(),
                line: index + 1,
                problem: problem.into(),
            };
            let line = line.trim();
            if line.starts_with('#') {
                names.comments.push(line.to_owned());
            } else if !line.is_empty() {
                let (node, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
                let node: NodeId = node.parse().map_err(|error| bad(format!("not the id of a node: {error}")))?;
                if names.names.contains_key(&node) {
                    return Err(bad("this node has a name already".into()));
                }
                names.insert(node, name.trim()).map_err(|error| bad(error.to_string()))?;
            }
        }
        Ok(names)
    }

    fn insert(&mut self, node: NodeId, name: &str) -> Result<(), PetnameError> {
        refuse_unfit(name)?;
        if let Some(other) = self.resembling(name) {
            let has = self.name(&other).unwrap_or_default().to_owned();
            return Err(PetnameError::Taken { name: name.to_owned(), other: has, node: other });
        }
        if self.names.len() >= PETNAMES_MAX {
            return Err(PetnameError::Full);
        }
        for (form, key) in Likeness::of(name).keys() {
            self.nodes.insert((form, key.to_owned()), node);
        }
        self.names.insert(node, name.to_owned());
        Ok(())
    }

    fn forget(&mut self, node: &NodeId) -> Option<String> {
        let name = self.names.remove(node)?;
        for (form, key) in Likeness::of(&name).keys() {
            self.nodes.remove(&(form, key.to_owned()));
        }
        Some(name)
    }

    /// Reads the file again, changes it and writes it, while no other process of this program does.
    fn change<T>(&mut self, change: impl FnOnce(&mut Self) -> Result<T, PetnameError>) -> Result<T, PetnameError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error: io::Error| PetnameError::File(KeyFileError::Io { path, error })
        };
        // What a link leads to is written, not the link.
        let path = match fs::canonicalize(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.path.clone(),
            found => found.map_err(failed(&self.path))?,
        };
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let lock = File::open(directory).map_err(failed(directory))?;
        lock.lock().map_err(failed(directory))?;
        let mut names = Self::load(&path)?;
        let changed = change(&mut names)?;
        keys::replace_private(&path, names.text().as_bytes()).map_err(PetnameError::File)?;
        *self = Self { path: std::mem::take(&mut self.path), ..names };
        Ok(changed)
    }

    /// The content of the file; comments come first.
    fn text(&self) -> String {
        let mut text = String::new();
        for line in
            std::iter::once(HEADER).filter(|_| self.comments.is_empty()).chain(self.comments.iter().map(String::as_str))
        {
            text.push_str(line);
            text.push('\n');
        }
        for (node, name) in &self.names {
            text.push_str(&format!("{node} {name}\n"));
        }
        text
    }
}

/// A nickname's rule says which characters show.
fn refuse_unfit(name: &str) -> Result<(), PetnameError> {
    if name.trim() != name || name.parse::<Nickname>().is_err() {
        return Err(PetnameError::Form);
    }
    if is_id(name) { Err(PetnameError::LikeAnId) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn id(number: u8) -> NodeId {
        NodeId::from_bytes([number; 32])
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("petnames");
        (directory, path)
    }

    #[test]
    fn a_name_is_kept_changed_and_taken_away() {
        let (_directory, path) = place();
        let mut names = Petnames::load(&path).unwrap();
        names.set(id(1), "Bob").unwrap();
        names.set(id(2), "Carol of the cellar").unwrap();
        let again = Petnames::load(&path).unwrap();
        assert_eq!(again.name(&id(1)), Some("Bob"));
        assert_eq!(again.node("Carol of the cellar"), Some(id(2)));
        assert_eq!((again.node("bob"), again.resembling("bob")), (None, Some(id(1))));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        names.set(id(1), "Robert").unwrap();
        names.set(id(3), "bob").unwrap();
        assert_eq!(names.remove(&id(2)).unwrap().as_deref(), Some("Carol of the cellar"));
        assert_eq!(names.remove(&id(2)).unwrap(), None);
        let expected = [(id(1), "Robert"), (id(3), "bob")];
        let again = Petnames::load(&path).unwrap();
        assert!(again.iter().eq(expected.iter().map(|(node, name)| (node, *name))));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn what_another_command_wrote_meanwhile_stays() {
        let (_directory, path) = place();
        let (mut first, mut second) = (Petnames::load(&path).unwrap(), Petnames::load(&path).unwrap());
        first.set(id(1), "Bob").unwrap();
        second.set(id(2), "Carol").unwrap();
        assert!(matches!(first.set(id(3), "CAROL"), Err(PetnameError::Taken { node, .. }) if node == id(2)));
        assert_eq!(Petnames::load(&path).unwrap().iter().len(), 2);
        assert_eq!(first.name(&id(2)), None, "what was refused changes nothing");
    }

    #[test]
    fn an_owners_comments_and_links_stay() {
        let (directory, path) = place();
        let target = directory.path().join("target");
        fs::write(&target, format!("# friends\n\n{} Bob\n  # family\n{}\tCarol\n", id(1), id(2))).unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&target, &path).unwrap();
        Petnames::load(&path).unwrap().set(id(3), "Dave").unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        let text = fs::read_to_string(&target).unwrap();
        assert!(text.starts_with("# friends\n# family\nnode1"), "{text}");
        assert_eq!(Petnames::load(&path).unwrap().iter().len(), 3);
    }

    #[test]
    fn names_that_could_be_taken_for_something_else_are_refused() {
        let (_directory, path) = place();
        let mut names = Petnames::load(&path).unwrap();
        let long = "x".repeat(65);
        for name in ["", " Bob", "Bob ", "a\nb", "a\u{1b}[31m", "a\u{202e}b", "\u{200b}", "a\u{2028}b", &long] {
            assert!(matches!(names.set(id(1), name), Err(PetnameError::Form)), "{name:?}");
        }
        for name in ["node1", "Node1xyz", &id(7).to_string(), "grid1x"] {
            assert!(matches!(names.set(id(1), name), Err(PetnameError::LikeAnId)), "{name:?}");
        }
        assert!(!path.exists(), "nothing was written");
        names.set(id(1), &"x".repeat(64)).unwrap();
    }

    #[test]
    fn files_that_are_not_private_or_not_whole_are_refused() {
        let (_directory, path) = place();
        let write = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        for mode in [0o620, 0o602, 0o640, 0o604] {
            write("", mode);
            let error = Petnames::load(&path).unwrap_err();
            assert!(matches!(error, PetnameError::File(KeyFileError::TooOpen { .. })), "{error}");
            assert!(error.hint().contains("chmod 600"));
        }
        let (one, two) = (id(1), id(2));
        for (text, line) in [
            ("Bob".to_owned(), 1),
            (format!("# a\n{one}"), 2),
            (format!("{one} Bob\n{one} Robert"), 2),
            (format!("{one} Bob\n\n{two} bob"), 3),
            (format!("{one} a\u{7}b"), 1),
        ] {
            write(&text, 0o600);
            let error = Petnames::load(&path).unwrap_err();
            assert!(matches!(error, PetnameError::Line { line: found, .. } if found == line), "{text:?}: {error}");
        }
        write(&"#\n".repeat(FILE_BYTES_MAX / 2 + 1), 0o600);
        assert!(matches!(Petnames::load(&path), Err(PetnameError::Malformed(_))));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(Petnames::load(&path), Err(PetnameError::File(KeyFileError::NotRegular(_)))));
    }

    #[test]
    fn there_are_no_more_names_than_the_limit() {
        let (_directory, path) = place();
        let node = |number: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&number.to_be_bytes());
            NodeId::from_bytes(bytes)
        };
        let text: String = (0..PETNAMES_MAX).map(|number| format!("{} a{number}a\n", node(number))).collect();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let mut names = Petnames::load(&path).unwrap();
        assert!(matches!(names.set(node(PETNAMES_MAX), "new"), Err(PetnameError::Full)));
        names.set(node(5), "renamed").unwrap();
    }
}
