//! systemd's unit files (systemd.syntax(7)): sections, comments, lines that go on, drop-ins.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::audit::{
    file,
    finding::{Place, Report},
};

/// One assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
    pub(super) file: PathBuf,
    /// From 1.
    pub(super) number: usize,
}

impl Assignment {
    pub(super) fn place(&self) -> Place {
        Place::line(&self.file, self.number)
    }

    pub(super) fn written(&self) -> String {
        format!("{}={}", self.key, self.value)
    }
}

/// A unit with its drop-ins.
pub(super) struct Unit {
    pub(super) assignments: Vec<Assignment>,
}

impl Unit {
    /// `None` after it was reported why not.
    pub(super) fn read(file: &Path, report: &mut Report) -> Option<Self> {
        let mut assignments = Vec::new();
        for part in std::iter::once(file.to_owned()).chain(drop_ins(file, report)?) {
            let text = file::text(&part, report)?;
            match parse(&text, &part) {
                Ok(parsed) => assignments.extend(parsed),
                Err(number) => {
                    let hint = "systemd ignores such a line: correct it (`systemd-analyze verify`)";
                    report.cannot(Place::line(&part, number), "neither a section, a comment nor `key=value`", hint);
                    return None;
                }
            }
        }
        Some(Self { assignments })
    }

    pub(super) fn has(&self, section: &str) -> bool {
        self.assignments.iter().any(|assignment| assignment.section == section)
    }

    /// What holds of a list: an empty assignment forgets the ones before it.
    pub(super) fn list<'a>(&'a self, section: &str, key: &str) -> Vec<&'a Assignment> {
        let mut found = Vec::new();
        for assignment in self.assignments.iter().filter(|line| line.section == section && line.key == key) {
            found.push(assignment);
            if assignment.value.is_empty() {
                found.clear();
            }
        }
        found
    }

    /// The assignment that holds of a key with one value.
    pub(super) fn last<'a>(&'a self, section: &str, key: &str) -> Option<&'a Assignment> {
        self.assignments.iter().rfind(|line| line.section == section && line.key == key)
    }
}

/// `name.service.d/*.conf`, in the order of their names.
fn drop_ins(file: &Path, report: &mut Report) -> Option<Vec<PathBuf>> {
    let mut folder = file.as_os_str().to_owned();
    folder.push(".d");
    let folder = PathBuf::from(folder);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(Vec::new()),
        Err(error) => {
            report.cannot(Place::whole(&folder), error, "run the audit as root");
            return None;
        }
        Ok(entries) => entries,
    };
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    found.sort();
    Some(found)
}

/// All assignments, or the number of the line that is none.
fn parse(text: &str, file: &Path) -> Result<Vec<Assignment>, usize> {
    let (mut section, mut found) = (String::new(), Vec::new());
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
            continue;
        }
        let mut whole = trimmed.to_owned();
        while whole.ends_with('\\') {
            whole.pop();
            // Comments between lines that go on are no part of them.
            match lines.find(|(_, line)| !line.trim_start().starts_with(['#', ';'])) {
                Some((_, next)) => {
                    whole.push(' ');
                    whole.push_str(next.trim());
                }
                None => break,
            }
        }
        let (key, value) = whole.split_once('=').ok_or(index + 1)?;
        found.push(Assignment {
            section: section.clone(),
            key: key.trim().to_owned(),
            value: value.trim().to_owned(),
            file: file.to_owned(),
            number: index + 1,
        });
    }
    Ok(found)
}

/// systemd's words for yes.
pub(super) fn is_yes(value: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_on_and_comments_between_them_are_left_out() {
        let text = "[Service]\n# c\nExecStart=/bin/a \\\n; not this\n  b\nUser = x\n";
        let parsed = parse(text, Path::new("u")).unwrap();
        let pairs: Vec<_> = parsed.iter().map(|line| (line.key.as_str(), line.value.as_str(), line.number)).collect();
        assert_eq!(pairs, [("ExecStart", "/bin/a  b", 3), ("User", "x", 6)]);
        assert_eq!(parse("[Service]\nnonsense", Path::new("u")), Err(2));
    }

    #[test]
    fn an_empty_assignment_forgets_and_the_last_value_counts() {
        let assignments = parse("[S]\nA=1\nA=\nA=2\nB=1\nB=2", Path::new("u")).unwrap();
        let unit = Unit { assignments };
        assert_eq!(unit.list("S", "A").iter().map(|line| line.value.as_str()).collect::<Vec<_>>(), ["2"]);
        assert_eq!(unit.last("S", "B").unwrap().value, "2");
        assert!(unit.last("T", "B").is_none());
    }
}
