//! systemd's unit files (systemd.syntax(7)): sections, comments, lines that go on, drop-ins.

use std::{
    collections::BTreeMap,
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
    pub(super) fn read(file: &Path, systemd: &[PathBuf], report: &mut Report) -> Option<Self> {
        let mut assignments = Vec::new();
        for part in std::iter::once(file.to_owned()).chain(drop_ins(file, systemd, report)?) {
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

/// Drop-ins: `name.service.d/*.conf` and `service.d/*.conf`, beside the unit and, when it lies in one of systemd's folders,
/// in all of them. Of two with one name the one in the later folder counts; they are read in the order of their names.
fn drop_ins(file: &Path, systemd: &[PathBuf], report: &mut Report) -> Option<Vec<PathBuf>> {
    let beside = file.parent().unwrap_or(Path::new("")).to_owned();
    let folders = if systemd.contains(&beside) { systemd } else { std::slice::from_ref(&beside) };
    let name = file.file_name()?.to_string_lossy();
    let kind = file.extension().unwrap_or_default().to_string_lossy();
    let mut found = BTreeMap::new();
    // What is for all units of a kind comes first.
    for folder in [format!("{kind}.d"), format!("{name}.d")] {
        for folder in folders.iter().map(|systemd| systemd.join(&folder)) {
            let entries = match fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    report.cannot(Place::whole(&folder), error, "run the audit as root");
                    return None;
                }
                Ok(entries) => entries,
            };
            let paths = entries.into_iter().map(|entry| entry.path());
            for path in paths.filter(|path| path.extension().is_some_and(|extension| extension == "conf")) {
                found.insert(path.file_name().map(ToOwned::to_owned), path);
            }
        }
    }
    // A link to /dev/null takes a drop-in of another folder away.
    let masked = |path: &PathBuf| fs::canonicalize(path).is_ok_and(|real| real == Path::new("/dev/null"));
    Some(found.into_values().filter(|path| !masked(path)).collect())
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
    fn drop_ins_of_all_folders_count_and_a_later_folder_hides_an_earlier() {
        let root = tempfile::tempdir().unwrap();
        let folders = ["lib", "etc"].map(|name| root.path().join(name));
        let write = |name: &str, text: &str| {
            let file = root.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write("lib/x.service", "[Service]\nUser=a\n");
        write("lib/x.service.d/20.conf", "[Service]\nUser=hidden\n");
        write("etc/x.service.d/20.conf", "[Service]\nUser=b\n");
        write("etc/service.d/10.conf", "[Service]\nLimitCORE=0\n");
        write("etc/x.service.d/30.txt", "[Service]\nUser=none\n");
        std::os::unix::fs::symlink("/dev/null", root.path().join("etc/x.service.d/40.conf")).unwrap();
        let users = |systemd: &[PathBuf]| -> Vec<_> {
            let mut report = Report::default();
            let unit = Unit::read(&root.path().join("lib/x.service"), systemd, &mut report).unwrap();
            assert_eq!(report, Report::default());
            unit.assignments.iter().map(|line| line.value.clone()).collect()
        };
        assert_eq!(users(&folders), ["a", "0", "b"]);
        assert_eq!(users(&[]), ["a", "hidden"]);
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
