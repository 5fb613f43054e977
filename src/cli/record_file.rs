//! A signed record as a file that can be carried by hand: comment lines for people, then base64.

use std::{fs::File, io::Read as _, path::Path};

use data_encoding::BASE64;

use super::{
    failure::{Exit, Failure, system},
    output,
};
use crate::{
    ambient,
    record::{RECORD_BYTES_MAX, SignedRecord, VerifiedRecord},
};

/// Base64 of the largest record, its newlines and comments, with room to spare.
const FILE_BYTES_MAX: u64 = 4 * RECORD_BYTES_MAX as u64;
const LINE_CHARACTERS: usize = 76;

/// The text of a record file.
pub(super) fn write(record: &VerifiedRecord) -> String {
    let mut text = String::from("# anteroom contact record, version 1\n");
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

/// Reads and verifies a record file; the comments are not looked at.
pub(super) fn read(path: &Path) -> Result<VerifiedRecord, Failure> {
    let failed = || system(format!("can't read {}", path.display()));
    let mut text = String::new();
    File::open(path).map_err(failed())?.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed())?;
    parse(&text).map_err(|problem| {
        Failure::new(Exit::Usage, format_args!("{} is not a signed record: {problem}", path.display()))
            .hint("make one with `anteroom node sign --config node.toml --out FILE`")
    })
}

fn parse(text: &str) -> Result<VerifiedRecord, String> {
    let encoded: String = text.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
    let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| "it is damaged (base64)".to_owned())?;
    let record = SignedRecord::decode(&bytes).map_err(|error| error.to_string())?;
    record.verify().map_err(|error| error.to_string())
}
