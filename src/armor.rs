//! Signed bytes as a text file that can be carried by hand: a line that says what it is, comments for people, base64.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

use data_encoding::BASE64;

use crate::{
    grid::{BUNDLE_BYTES_MAX, DOCUMENT_BYTES_MAX},
    record::RECORD_BYTES_MAX,
};

const LINE_CHARACTERS: usize = 76;
/// Base64 and its newlines take less than one and a half times the bytes; the rest is comments, which say in longer words
/// what is signed.
const FILE_BYTES_PER_BYTE_MAX: usize = 8;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The first line.
    pub header: &'static str,
    /// The largest content.
    pub bytes_max: usize,
}

/// A signed contact record.
pub const RECORD: Kind = Kind { header: "# anteroom contact record, version 1", bytes_max: RECORD_BYTES_MAX };
/// The grants of one key, each behind its length.
pub const GRANTS: Kind = Kind { header: "# anteroom grant, version 1", bytes_max: BUNDLE_BYTES_MAX };
/// A grid's list of revoked keys.
pub const REVOCATIONS: Kind = Kind { header: "# anteroom revocation list, version 1", bytes_max: DOCUMENT_BYTES_MAX };

/// The newest key of a sealed grid, wrapped for its members.
pub const KEY_EPOCH: Kind = Kind { header: "# anteroom key epoch, version 1", bytes_max: DOCUMENT_BYTES_MAX };

/// Why a file does not hold what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArmorError {
    /// It can't be read.
    #[error("can't read {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Its text is something else.
    #[error("{} is not what it should be: {problem}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: ArmorProblem,
    },
    /// What exists and is something else is never written over.
    #[error("{} exists and is something else", .0.display())]
    Other(PathBuf),
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArmorProblem {
    /// Another first line.
    #[error("its first line must be `{0}`")]
    Header(&'static str),
    /// More than such a file can be.
    #[error("it is larger than such a file can be")]
    TooLarge,
    /// Not base64.
    #[error("it is damaged: what follows the comments must be lines of base64 and nothing else")]
    Base64,
}

/// Reads and decodes a file.
///
/// # Errors
/// See [`ArmorError`].
pub fn load(path: &Path, kind: Kind) -> Result<Vec<u8>, ArmorError> {
    let text = text(path, kind).map_err(|error| ArmorError::Io { path: path.to_owned(), error })?;
    decode(&text, kind).map_err(|problem| ArmorError::Text { path: path.to_owned(), problem })
}

/// Writes a file, in place of an older one of its kind; `comments` are lines for people. All of it is there, or what was
/// there before.
///
/// # Errors
/// What exists and is of another kind is never touched: it could be a key.
pub fn save(path: &Path, kind: Kind, comments: &str, bytes: &[u8]) -> Result<(), ArmorError> {
    match text(path, kind) {
        Ok(old) if old.starts_with(kind.header) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        _ => return Err(ArmorError::Other(path.to_owned())),
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(encode(kind, comments, bytes).as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&new, path)).map_err(|error| ArmorError::Io { path: path.to_owned(), error })
}

/// The text of a file, up to a little more than it may have.
fn text(path: &Path, kind: Kind) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(file_bytes_max(kind) as u64 + 1).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

const fn file_bytes_max(kind: Kind) -> usize {
    FILE_BYTES_PER_BYTE_MAX * kind.bytes_max
}

/// Header, comments, base64.
pub fn encode(kind: Kind, comments: &str, bytes: &[u8]) -> String {
    let mut text = format!("{}\n", kind.header);
    for line in comments.lines() {
        text.push_str("# ");
        text.push_str(line);
        text.push('\n');
    }
    for line in BASE64.encode(bytes).as_bytes().chunks(LINE_CHARACTERS) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text
}

/// The bytes in a text; comments are for people and are not looked at.
///
/// # Errors
/// See [`ArmorProblem`].
pub fn decode(text: &str, kind: Kind) -> Result<Vec<u8>, ArmorProblem> {
    if text.len() > file_bytes_max(kind) {
        return Err(ArmorProblem::TooLarge);
    }
    let mut lines = text.lines();
    if lines.next() != Some(kind.header) {
        return Err(ArmorProblem::Header(kind.header));
    }
    let encoded: String = lines.skip_while(|line| line.starts_with('#')).collect();
    BASE64.decode(encoded.as_bytes()).map_err(|_| ArmorProblem::Base64)
}
