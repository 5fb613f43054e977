//! Looking through all that left a machine for what it is called and where it is.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::Path,
};

use crate::{
    canary::Canary,
    machine::Machine,
    scan::{Needle, Needles},
};

/// From this length on a match is none by chance: 8 bytes are met once in billions of gigabytes.
const SURE_BYTES_MIN: usize = 8;

/// A place, and what it tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    /// File, as seen from the directory that was searched.
    pub(crate) file: String,
    /// `IPv4 address as base64`, say.
    pub(crate) what: String,
    sure: bool,
}

impl Hit {
    /// `IPv4 address`.
    pub(crate) fn kind(&self) -> &str {
        self.what.split(" as ").next().unwrap_or_default()
    }
}

/// Everything of `canary` in the files below `directory`, and in their names.
pub(crate) fn hits(canary: &Canary, directory: &Path) -> BTreeSet<Hit> {
    let (needles, mut found) = (canary.needles(), BTreeSet::new());
    search(&needles, directory, directory, &mut found);
    found
}

fn search(needles: &Needles, root: &Path, path: &Path, found: &mut BTreeSet<Hit>) {
    let file = path.strip_prefix(root).expect("below the root").display().to_string();
    let mut hit = |needle: &Needle| {
        found.insert(Hit { file: file.clone(), what: needle.kind.clone(), sure: needle.bytes.len() >= SURE_BYTES_MIN });
    };
    if path != root {
        needles.search_bytes(path.file_name().unwrap_or_default().as_encoded_bytes(), &mut hit);
    }
    let kind = fs::symlink_metadata(path).expect("it was listed").file_type();
    if kind.is_dir() {
        for entry in fs::read_dir(path).expect("a directory of this test") {
            search(needles, root, &entry.expect("an entry").path(), found);
        }
    } else if kind.is_symlink() {
        let target = fs::read_link(path).expect("a link");
        needles.search_bytes(target.as_os_str().as_encoded_bytes(), &mut hit);
    } else if kind.is_file() {
        let opened = File::open(path).expect("this test is root");
        needles.search(opened, |needle, _, _| hit(needle)).expect("it can be read");
    }
}

/// What follows the canary: what is too long to be met by chance, and what both machines left of themselves.
pub(crate) fn leaks(machines: &[&Machine; 2]) -> Vec<String> {
    let found = machines.map(|machine| hits(machine.canary, &machine.left()));
    let told = found.each_ref().map(|hits| hits.iter().map(|hit| hit.what.as_str()).collect::<BTreeSet<_>>());
    let both: BTreeSet<_> = told[0].intersection(&told[1]).copied().collect();
    let leaks = found.iter().flatten().filter(|hit| hit.sure || both.contains(hit.what.as_str()));
    leaks.map(|hit| format!("{} in {}", hit.what, hit.file)).collect()
}
