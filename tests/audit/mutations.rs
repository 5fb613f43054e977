//! Files that somebody broke, at random: judging them ends and never panics.

use std::{fs, path::PathBuf};

use anteroom::audit::{Kind, Sources, examine};

use crate::support::records::Random;

const RUNS: usize = 3_000;
/// What the parsers look at.
const PIECES: [&str; 20] = [
    "\"",
    "\\\n",
    "\\",
    "#",
    "\n",
    "[",
    "]",
    "=",
    "%include ",
    "+",
    "/",
    "*",
    "?",
    " ",
    "\u{202e}",
    "é",
    "\\x",
    "\t",
    "::",
    "\r",
];
const KINDS: [Kind; 7] =
    [Kind::Torrc, Kind::Introducer, Kind::Node, Kind::Unit, Kind::I2pdRouter, Kind::I2pdTunnels, Kind::JavaTunnels];

fn fixtures() -> Vec<String> {
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/audit")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|extension| extension != "rs") {
                found.push(fs::read_to_string(path).expect("text"));
            }
        }
    }
    found
}

#[test]
fn broken_files_end_in_findings_or_errors() {
    let (directory, fixtures) = (tempfile::tempdir().expect("a directory"), fixtures());
    assert!(fixtures.len() > 60, "the fixtures were not found");
    let file = directory.path().join("file");
    let mut random = Random::announced();
    let mut below = |end: usize| random.below(end as u64) as usize;
    for _ in 0..RUNS {
        let mut text: Vec<char> = fixtures[below(fixtures.len())].chars().collect();
        for _ in 0..1 + below(4) {
            let at = below(text.len().max(1)).min(text.len());
            let end = (at + below(8)).min(text.len());
            text.splice(at..end, PIECES[below(PIECES.len())].chars());
        }
        fs::write(&file, text.into_iter().collect::<String>()).expect("a file");
        for kind in KINDS.map(Some).into_iter().chain([None]) {
            let report = examine(&Sources { files: vec![(file.clone(), kind)], ..Sources::default() });
            for finding in &report.findings {
                let control = |c: char| c.is_control() || c == '\u{202e}';
                assert!(
                    !finding.found.contains(control) && !finding.place.to_string().contains(control),
                    "{finding:?}"
                );
            }
        }
    }
}
