//! A signed record as a file that can be carried by hand: comment lines for people, then base64.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read as _, Write as _},
    path::Path,
};

use data_encoding::BASE64;

use super::{
    failure::{Exit, Failure, system},
    output,
};
use crate::{
    ambient,
    record::{RECORD_BYTES_MAX, SignedRecord, VerifiedRecord},
};

/// First line of every such file.
const HEADER: &str = "# anteroom contact record, version 1";
/// Base64 of the largest record, its newlines and comments, with room to spare: the comments say in longer words what the
/// record holds.
const FILE_BYTES_MAX: usize = 8 * RECORD_BYTES_MAX;
const LINE_CHARACTERS: usize = 76;

/// Why a text is not a record file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("its first line must be `{HEADER}`")]
    Header,
    #[error("it is larger than such a file can be")]
    TooLarge,
    #[error("it is damaged: what follows the comments must be lines of base64 and nothing else")]
    Base64,
    #[error("{0}")]
    Record(crate::record::RecordDecodeError),
    #[error("{0}")]
    Signature(crate::record::SignatureError),
}

/// Writes a record file, in place of an older one.
///
/// # Errors
/// What exists and is no record file is never touched: it could be the key.
pub(super) fn write(path: &Path, record: &VerifiedRecord) -> Result<(), Failure> {
    let failed = || system(format!("can't write {}", path.display()));
    match load(path) {
        Ok(old) if old.starts_with(HEADER) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        _ => {
            return Err(Failure::new(Exit::Usage, format_args!("{} exists and is no record file", path.display()))
                .hint("nothing was changed; name another file"));
        }
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(render(record).as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&new, path)).map_err(failed())
}

/// Reads and verifies a record file.
///
/// # Errors
/// A file that is not whole, or not a record.
pub(super) fn read(path: &Path) -> Result<VerifiedRecord, Failure> {
    let unusable = |problem: String| {
        Failure::new(Exit::Usage, problem).hint("make one with `anteroom node sign --config node.toml --out FILE`")
    };
    let text = load(path).map_err(|error| unusable(format!("can't read {}: {error}", path.display())))?;
    parse(&text).map_err(|problem| unusable(format!("{} is not a signed record: {problem}", path.display())))
}

/// The text of a file, up to a little more than it may have.
fn load(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn render(record: &VerifiedRecord) -> String {
    let mut text = format!("{HEADER}\n");
    for line in output::text(record, ambient::wall()).lines() {
        text.push_str("# ");
        text.push_str(line);
        text.push('\n');
    }
    let encoded = BASE64.encode(record.bytes());
    for line in encoded.as_bytes().chunks(LINE_CHARACTERS) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text
}

/// Header, comments, base64; the comments are for people and are not looked at.
fn parse(text: &str) -> Result<VerifiedRecord, Problem> {
    if text.len() > FILE_BYTES_MAX {
        return Err(Problem::TooLarge);
    }
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(Problem::Header);
    }
    let encoded: String = lines.skip_while(|line| line.starts_with('#')).collect();
    let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| Problem::Base64)?;
    let record = SignedRecord::decode(&bytes).map_err(Problem::Record)?;
    record.verify().map_err(Problem::Signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ContactRecord, GridId, Lifetime, NodeSecret};

    fn record() -> VerifiedRecord {
        let secret = NodeSecret::from_seed([3; 32]);
        let claims = ContactRecord {
            grid: GridId::from_bytes([1; 32]),
            node: secret.id(),
            seq: 1,
            issued: ambient::wall(),
            lifetime: Lifetime::MAX,
            nickname: Some("cellar".parse().unwrap()),
            services: Vec::new(),
            grants: Vec::new(),
        };
        claims.sign(&secret).unwrap()
    }

    #[test]
    fn a_record_comes_back_from_its_text() {
        let text = render(&record());
        assert!(text.len() < FILE_BYTES_MAX);
        assert_eq!(parse(&text), Ok(record()));
        assert_eq!(parse(&text.replace('\n', "\r\n")), Ok(record()), "carried by a system with other line ends");
    }

    #[test]
    fn what_is_not_a_record_file_is_refused() {
        let text = render(&record());
        assert_eq!(parse(text.trim_start_matches("# anteroom")), Err(Problem::Header));
        assert_eq!(parse(&text[..text.len() - 2]), Err(Problem::Base64));
        assert_eq!(parse(&format!("{text}# a comment at the end\n")), Err(Problem::Base64));
        assert_eq!(parse(&format!("{text}\n ")), Err(Problem::Base64));
        assert_eq!(parse(&format!("{text}{}", "#".repeat(FILE_BYTES_MAX))), Err(Problem::TooLarge));
        assert!(matches!(parse(&format!("{HEADER}\n")), Err(Problem::Record(_))));
    }

    #[test]
    fn one_wrong_character_is_noticed() {
        let text = render(&record());
        let start = text.lines().take_while(|line| line.starts_with('#')).map(|line| line.len() + 1).sum::<usize>();
        for index in start..text.trim_end().len() {
            let mut bytes = text.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            assert!(parse(&String::from_utf8(bytes).unwrap()).is_err());
        }
    }
}
