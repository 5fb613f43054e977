//! A signed record as a file that can be carried by hand: comment lines for people, then base64.

use std::path::Path;

use super::{
    failure::{Exit, Failure, system},
    output,
};
use crate::{
    ambient,
    armor::{self, ArmorError, ArmorProblem},
    config::NodeConfig,
    keys,
    record::{GroupKeys, OpenError, SEALED_RECORD_VERSION, SealedRecord, SignedRecord, VerifiedRecord},
};

/// Why a text is not a record file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    Text(#[from] ArmorProblem),
    #[error("{0}")]
    Record(#[from] crate::record::RecordDecodeError),
    #[error("it is sealed: name the configuration that has its group key with --config")]
    Sealed,
    #[error("{0}")]
    Open(#[from] crate::record::OpenError),
    #[error("{0}")]
    Signature(#[from] crate::record::SignatureError),
}

/// Writes a record file, in place of an older one.
///
/// # Errors
/// What exists and is no record file is never touched: it could be the key.
pub(super) fn write(path: &Path, record: &VerifiedRecord) -> Result<(), Failure> {
    let comments = match record.is_sealed() {
        // What is sealed must not stand beside it in clear.
        true => format!("{}\nrecord {}, sealed", record.claims().node, record.claims().seq),
        false => output::text(record, ambient::wall()),
    };
    armor::save(path, armor::RECORD, &comments, record.bytes()).map_err(|error| match error {
        ArmorError::Io { path, error } => system(format!("can't write {}", path.display()))(error),
        _ => Failure::new(Exit::Usage, format_args!("{} exists and is no record file", path.display()))
            .hint("nothing was changed; name another file"),
    })
}

/// Reads and verifies a record file; `config` names the group keys that open a sealed one.
///
/// # Errors
/// A file that is not whole, or not a record.
pub(super) fn read(path: &Path, config: Option<&NodeConfig>) -> Result<VerifiedRecord, Failure> {
    let group = config.and_then(|config| config.group_key.as_deref()).map(keys::load_group).transpose()?;
    let unusable = |problem: String| {
        Failure::new(Exit::Usage, problem).hint("make one with `anteroom node sign --config node.toml --out FILE`")
    };
    let no_record = |problem: Problem| unusable(format!("{} is not a signed record: {problem}", path.display()));
    let bytes = armor::load(path, armor::RECORD).map_err(|error| match error {
        ArmorError::Text { problem, .. } => no_record(problem.into()),
        error => unusable(error.to_string()),
    })?;
    verify(&bytes, group.as_ref()).map_err(no_record)
}

fn verify(bytes: &[u8], group: Option<&GroupKeys>) -> Result<VerifiedRecord, Problem> {
    if bytes.first() != Some(&SEALED_RECORD_VERSION) {
        return Ok(SignedRecord::decode(bytes)?.verify()?);
    }
    let record = SealedRecord::decode(bytes)?.verify()?;
    let group = group.ok_or(Problem::Sealed)?;
    let key = group.of(record.claims().epoch).ok_or(OpenError::Epoch)?;
    Ok(record.open(key)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ContactRecord, GridId, Lifetime, NodeSecret};

    const HEADER: &str = armor::RECORD.header;

    fn render(record: &VerifiedRecord) -> String {
        armor::encode(armor::RECORD, &output::text(record, ambient::wall()), record.bytes())
    }

    fn parse(text: &str) -> Result<VerifiedRecord, Problem> {
        verify(&armor::decode(text, armor::RECORD)?, None)
    }

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
        assert_eq!(parse(&text), Ok(record()));
        assert_eq!(parse(&text.replace('\n', "\r\n")), Ok(record()), "carried by a system with other line ends");
    }

    #[test]
    fn what_is_not_a_record_file_is_refused() {
        let text = render(&record());
        assert_eq!(parse(text.trim_start_matches("# anteroom")), Err(ArmorProblem::Header(HEADER).into()));
        assert_eq!(parse(&text[..text.len() - 2]), Err(ArmorProblem::Base64.into()));
        assert_eq!(parse(&format!("{text}# a comment at the end\n")), Err(ArmorProblem::Base64.into()));
        assert_eq!(parse(&format!("{text}\n ")), Err(ArmorProblem::Base64.into()));
        assert_eq!(parse(&format!("{text}{}", "#".repeat(20_000))), Err(ArmorProblem::TooLarge.into()));
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
