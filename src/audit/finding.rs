//! What was found, what was not looked at, and where.

use std::path::{Path, PathBuf};

use super::rule::{Rule, Severity};

/// Characters of a configuration that a finding repeats; the place tells the rest.
const FOUND_CHARACTERS_MAX: usize = 80;

/// Where in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// Line, from 1.
    Line(usize),
    /// Bytes before it.
    Offset(u64),
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// A file; of a running process below `/proc`.
    pub file: PathBuf,
    /// Where in it; `None`: the file as a whole, or something that is missing in it.
    pub position: Option<Position>,
}

impl Place {
    /// The whole file.
    pub fn whole(file: &Path) -> Self {
        Self { file: file.to_owned(), position: None }
    }

    /// A line, from 1.
    pub fn line(file: &Path, line: usize) -> Self {
        Self { file: file.to_owned(), position: Some(Position::Line(line)) }
    }

    /// So many bytes from its start.
    pub fn offset(file: &Path, offset: u64) -> Self {
        Self { file: file.to_owned(), position: Some(Position::Offset(offset)) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", printable(&self.file.to_string_lossy()))?;
        match self.position {
            None => Ok(()),
            Some(Position::Line(line)) => write!(f, ":{line}"),
            Some(Position::Offset(offset)) => write!(f, " at byte {offset}"),
        }
    }
}

/// One thing that is wrong in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: &'static Rule,
    /// Where.
    pub place: Place,
    /// What stands there, as far as it may be repeated; empty where the rule says it all. No control characters.
    pub found: String,
}

impl Finding {
    pub(super) fn new(rule: &'static Rule, place: Place, found: impl AsRef<str>) -> Self {
        let text = printable(found.as_ref());
        let found = match text.char_indices().nth(FOUND_CHARACTERS_MAX) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text,
        };
        Self { rule, place, found }
    }
}

/// An address that this configuration makes public, and where a person typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The address.
    pub address: crate::record::Address,
    /// Of which service.
    pub service: String,
    /// Where it was typed.
    pub place: Place,
}

/// Something that could not be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What.
    pub place: Place,
    /// Why not.
    pub why: String,
    /// What to do about it.
    pub hint: String,
}

/// All that an audit says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What was to be judged and could not be: with any of these the audit is not complete.
    pub unread: Vec<Gap>,
    /// What the configuration names and this machine does not have, or this user may not see.
    pub unseen: Vec<Gap>,
    /// Every address that will be published.
    pub published: Vec<Published>,
}

impl Report {
    pub(super) fn find(&mut self, rule: &'static Rule, place: Place, found: impl AsRef<str>) {
        self.findings.push(Finding::new(rule, place, found));
    }

    pub(super) fn cannot(&mut self, place: Place, why: impl ToString, hint: impl ToString) {
        self.unread.push(Gap { place, why: lines(&why.to_string()), hint: hint.to_string() });
    }

    pub(super) fn not_there(&mut self, place: Place, why: impl ToString, hint: impl ToString) {
        let gap = Gap { place, why: lines(&why.to_string()), hint: hint.to_string() };
        // Two files may name the same thing.
        if !self.unseen.contains(&gap) {
            self.unseen.push(gap);
        }
    }

    /// Takes over what another one says.
    pub fn append(&mut self, mut other: Self) {
        self.findings.append(&mut other.findings);
        self.unread.append(&mut other.unread);
        self.unseen.append(&mut other.unseen);
        self.published.append(&mut other.published);
    }

    /// The weight of the heaviest finding.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.rule.severity()).max()
    }

    /// The heaviest first, and within a weight in the order of the places.
    pub fn sort(&mut self) {
        self.findings.sort_by(|a, b| {
            let weight = b.rule.severity().cmp(&a.rule.severity());
            weight.then_with(|| a.place.cmp(&b.place)).then_with(|| a.rule.id().cmp(b.rule.id()))
        });
    }
}

/// Without characters that move a cursor or turn text around: files are written by others.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => out.push(c),
            c => out.extend(c.escape_debug()),
        }
    }
    out
}

/// The same for a text that may have several lines.
fn lines(text: &str) -> String {
    text.trim_end().lines().map(printable).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_can_not_act_on_a_terminal_and_is_short() {
        let place = Place::line(Path::new("a\u{1b}[2J"), 3);
        assert_eq!(place.to_string(), "a\\u{1b}[2J:3");
        let found = Finding::new(super::super::rules()[0], place, format!("\u{202e}\"{}", "x".repeat(200))).found;
        assert!(found.starts_with("\\u{202e}\"xx") && found.ends_with('…'), "{found}");
        assert_eq!(found.chars().count(), FOUND_CHARACTERS_MAX + 1);
    }
}
