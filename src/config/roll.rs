//! The file of an introducer's operator that says which nodes may publish, a node a line.

use std::{collections::BTreeMap, fs::File, io::Read as _, path::Path};

use super::problem::{Bad, KeyProblem};
use crate::{directory::Roll, grid::ServiceSet, record::NodeId};

/// Nodes on a list: as many as the default store keeps.
pub const LISTED_MAX: usize = 100_000;
/// An id of 64 characters and some services a line.
const LIST_BYTES_MAX: u64 = 256 * LISTED_MAX as u64;
/// The key that names the file.
const KEY: &str = "admission.list";
/// In place of names: every service.
const ANY: &str = "any";

/// Reads the list in `path`.
pub(super) fn load(path: &Path) -> Result<Roll, Bad> {
    parse(&read(path)?)
}

/// The text of the list in `path`.
pub(super) fn read(path: &Path) -> Result<String, Bad> {
    let mut bytes = Vec::new();
    let unreadable = |error: std::io::Error| Bad::new(KEY, KeyProblem::Unreadable(error.kind()));
    File::open(path).map_err(unreadable)?.take(LIST_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let not_a_list = || Bad::new(KEY, KeyProblem::NotAList);
    if bytes.len() as u64 > LIST_BYTES_MAX {
        return Err(not_a_list());
    }
    String::from_utf8(bytes).map_err(|_| not_a_list())
}

/// Empty lines, and what follows a `#`, are for people.
pub(super) fn parse(text: &str) -> Result<Roll, Bad> {
    let mut nodes: BTreeMap<NodeId, ServiceSet> = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let bad = |problem| Bad::new(KEY, problem);
        let mut words = words(line);
        let Some(node) = words.next() else { continue };
        let line = index + 1;
        let node = node.parse().map_err(|error| bad(KeyProblem::ListNode { line, error }))?;
        let services = services(words).ok_or_else(|| bad(KeyProblem::ListServices { line }))?;
        if nodes.insert(node, services).is_some() {
            return Err(bad(KeyProblem::ListTwice { line }));
        }
        if nodes.len() > LISTED_MAX {
            return Err(bad(KeyProblem::TooMany(LISTED_MAX)));
        }
    }
    Ok(nodes.into_iter().collect())
}

/// What a line says to this program.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split('#').next().unwrap_or_default().split_whitespace()
}

/// What a node may offer, as a line has it; empty for nothing at all, which no line can say.
pub(super) fn text(services: &ServiceSet) -> String {
    match services {
        ServiceSet::Any => ANY.into(),
        ServiceSet::Only(names) => names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" "),
    }
}

fn services<'a>(words: impl Iterator<Item = &'a str>) -> Option<ServiceSet> {
    let words: Vec<&str> = words.collect();
    match *words {
        [] => None,
        [ANY] => Some(ServiceSet::Any),
        _ => words
            .into_iter()
            .map(|word| word.parse().ok().filter(|_| word != ANY))
            .collect::<Option<_>>()
            .map(ServiceSet::Only),
    }
}
