//! Do state or logs name this machine? For an auditor: the one place that reads what the machine is called and where it is.
//! What is looked for is never printed; a finding says of which kind it is, in which file and where.

mod facts;
mod needles;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use self::needles::Facts;
use super::{
    file,
    finding::{Place, Report},
    rule::rules,
    scan::{self, Needle, Needles},
};

/// Files looked at in one run; a state directory has a handful, a folder of logs some hundreds.
const FILES_MAX: usize = 100_000;
/// Longest beginning of a compressed file that tells that it is one.
const MAGIC_BYTES_MAX: u64 = 6;
/// Beginnings of files that hold their text compressed (gzip, xz, zstd, bzip2).
const COMPRESSED: [&[u8]; 4] = [b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"BZh"];

rules! {
    TRACE = "host-trace", Leak:
        "this file names the machine: whoever gets hold of it knows where or whose it was"
        => "find out what wrote it, remove it, and have it write no more";
}

/// Looks for this machine's addresses, names and numbers in `paths`, folders with all that is in them. `root` is where the
/// machine's files are, `/` but for tests.
pub fn scan_host(root: &Path, paths: &[PathBuf]) -> Report {
    let mut report = Report::default();
    let facts = Facts::read(root, &mut report);
    let (needles, too_short) = facts.needles();
    for kind in too_short {
        let why = format!("a {kind} of this machine is too short to be looked for");
        report.not_there(Place::whole(root), why, "look for it by hand; among other text it is found everywhere");
    }
    let needles = Needles::new(needles);
    let mut files = 0;
    for path in paths {
        scan_path(path, &needles, &mut files, &mut report);
    }
    report.sort();
    report
}

fn scan_path(path: &Path, needles: &Needles, files: &mut usize, report: &mut Report) {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return report.cannot(Place::whole(path), error, "check the name, or run the audit as root"),
    };
    *files += 1;
    if *files == FILES_MAX {
        report.cannot(Place::whole(path), "too many files: the rest was not looked at", "name fewer folders");
    }
    if *files >= FILES_MAX {
        return;
    }
    scan_name(path, needles, report);
    if metadata.is_dir() {
        match fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
            Ok(entries) => {
                for entry in entries {
                    scan_path(&entry.path(), needles, files, report);
                }
            }
            Err(error) => report.cannot(Place::whole(path), error, "run the audit as root"),
        }
    } else if metadata.is_file() {
        scan_file(path, needles, report);
    }
    // A link was looked at by its name; sockets and pipes keep nothing.
}

/// The name itself is not printed: the folder is the place.
fn scan_name(path: &Path, needles: &Needles, report: &mut Report) {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    needles.search_bytes(name, |needle| *kinds.entry(needle.kind.clone()).or_default() += 1);
    for kind in kinds.into_keys() {
        let folder = path.parent().unwrap_or(Path::new("."));
        report.find(&TRACE, Place::whole(folder), format!("{kind}, in the name of a file"));
    }
}

fn scan_file(path: &Path, needles: &Needles, report: &mut Report) {
    let opened = file::open(path).and_then(|mut opened| Ok((is_compressed(&mut opened)?, opened)));
    let opened = match opened {
        Ok((true, _)) => {
            let hint = "unpack it and name the result";
            return report.cannot(Place::whole(path), "compressed: what it holds can't be seen", hint);
        }
        Ok((false, opened)) => opened,
        Err(error) => return report.cannot(Place::whole(path), error, "run the audit as root"),
    };
    // One finding a kind: its first place, and how often.
    let mut kinds: BTreeMap<String, (u64, usize)> = BTreeMap::new();
    let searched = needles.search(opened, |needle: &Needle, offset, _| {
        kinds.entry(needle.kind.clone()).or_insert((offset, 0)).1 += 1;
    });
    if let Err(error) = searched {
        report.cannot(Place::whole(path), error, "try again");
    }
    for (kind, (offset, count)) in kinds {
        report.find(&TRACE, Place::offset(path, offset), format!("{kind}, {count} times"));
    }
}

fn is_compressed(opened: &mut fs::File) -> std::io::Result<bool> {
    use std::io::{Read as _, Seek as _};
    let mut beginning = Vec::new();
    opened.take(MAGIC_BYTES_MAX).read_to_end(&mut beginning)?;
    opened.rewind()?;
    Ok(COMPRESSED.iter().any(|magic| beginning.starts_with(magic)))
}
