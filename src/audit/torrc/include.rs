//! `%include`: files, folders and `*` patterns, in the place where the line stands.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{
    lex::{self, Line},
    rules,
};
use crate::audit::{
    file,
    finding::{Place, Report},
};

/// tor's own limit of files within files.
const INCLUDE_DEPTH_MAX: usize = 31;
/// All files together: a folder that includes itself many times over must end.
const INCLUDE_FILES_MAX: usize = 1_000;

/// A setting, and which file it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located {
    pub(super) line: Line,
    pub(super) file: PathBuf,
}

impl Located {
    pub(super) fn place(&self) -> Place {
        Place::line(&self.file, self.line.number)
    }

    /// `Key value`, as a person wrote it.
    pub(super) fn written(&self) -> String {
        format!("{} {}", self.line.key, self.line.value)
    }
}

/// All settings of `file` and of what it includes. What could not be read is in the report.
pub(super) fn read(file: &Path, report: &mut Report) -> Vec<Located> {
    let mut reader = Reader { report, lines: Vec::new(), files: 0 };
    reader.file(file, 0);
    reader.lines
}

struct Reader<'a> {
    report: &'a mut Report,
    lines: Vec<Located>,
    files: usize,
}

impl Reader<'_> {
    fn file(&mut self, file: &Path, depth: usize) {
        self.files += 1;
        if depth > INCLUDE_DEPTH_MAX || self.files > INCLUDE_FILES_MAX {
            let place = Place::whole(file);
            return self.report.cannot(place, "included too deeply", "tor refuses this: does a file include itself?");
        }
        let Some(text) = file::text(file, self.report) else { return };
        let lines = match lex::lines(&text) {
            Ok(lines) => lines,
            Err((number, error)) => {
                let place = Place::line(file, number);
                return self.report.cannot(place, error, "tor refuses this line: correct it (`tor --verify-config`)");
            }
        };
        for line in lines {
            if line.key.eq_ignore_ascii_case("%include") {
                self.include(&Located { line, file: file.to_owned() }, depth + 1);
            } else {
                self.lines.push(Located { line, file: file.to_owned() });
            }
        }
    }

    fn include(&mut self, include: &Located, depth: usize) {
        let pattern = Path::new(&include.line.value);
        if pattern.is_relative() {
            self.report.find(&rules::INCLUDE_RELATIVE, include.place(), include.written());
        }
        let pattern = include.file.parent().unwrap_or(Path::new("")).join(pattern);
        match expand(&pattern) {
            Ok(files) if files.is_empty() => {
                let hint = "check the pattern; tor goes on without";
                self.report.not_there(include.place(), "no file matches", hint);
            }
            Ok(files) => {
                for file in files {
                    self.file(&file, depth);
                }
            }
            Err(error) => {
                self.report.cannot(include.place(), error, "name each file, or use `*` and `?` alone");
            }
        }
    }
}

/// The files that a path means: itself, those of a folder, or those that match; in the order of their names, without
/// hidden ones.
fn expand(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let text = part.as_os_str().to_str().ok_or("a path that is not UTF-8")?;
        if text.contains(['[', '{']) {
            return Err("a pattern with `[` or `{` is not read here".into());
        }
        found = if text.contains(['*', '?']) {
            let mut next = Vec::new();
            for folder in found {
                next.extend(
                    names(&folder)?.into_iter().filter(|name| matches(text, name)).map(|name| folder.join(name)),
                );
            }
            next
        } else {
            found.into_iter().map(|path| path.join(part)).collect()
        };
        if found.len() > INCLUDE_FILES_MAX {
            return Err("more files than can be meant".into());
        }
    }
    let mut files = Vec::new();
    for path in found {
        if path.is_dir() {
            let entries = names(&path)?.into_iter().map(|name| path.join(name));
            files.extend(entries.filter(|entry| entry.is_file()));
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

/// Names in a folder, sorted, without hidden ones; none in what is no folder.
fn names(folder: &Path) -> Result<Vec<String>, String> {
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut names = Vec::new();
    let entries = match fs::read_dir(shown) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(names),
        entries => entries.map_err(|error| error.to_string())?,
    };
    for entry in entries {
        let name = entry.map_err(|error| error.to_string())?.file_name();
        let name = name.into_string().map_err(|_| "a file name that is not UTF-8".to_owned())?;
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// `*` is any text, `?` any character. One star is remembered at a time, so the effort is at most that of all pairs.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut read, mut star) = (0, 0, None);
    while let Some(c) = name.get(read) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(expected) if *expected == '?' || expected == c => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((star_at, star_read)) => {
                    at = star_at + 1;
                    read = star_read + 1;
                    star = Some((star_at, read));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*", "a", true),
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.old", false),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbYb", false),
            ("?", "", false),
            ("??*", "ab", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn folders_and_patterns_give_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.conf", "a.conf", ".hidden", "c.old"] {
            fs::write(folder.path().join(name), "Log notice syslog\n").unwrap();
        }
        fs::create_dir(folder.path().join("d.conf")).unwrap();
        let found = |pattern: &str| -> Vec<_> {
            let files = expand(&folder.path().join(pattern)).unwrap();
            files.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(found(""), ["a.conf", "b.conf", "c.old"]);
        assert_eq!(found("*.conf"), ["a.conf", "b.conf"]);
        for nothing in ["nothing*", "nothing/*", "a.conf/*"] {
            assert_eq!(found(nothing), Vec::<String>::new());
        }
        assert!(expand(&folder.path().join("[ab].conf")).is_err());
    }

    #[test]
    fn a_file_that_includes_itself_ends_in_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("torrc");
        fs::write(&file, format!("%include \"{}\"\nSocksPort 0\n", file.display())).unwrap();
        let mut report = Report::default();
        let lines = read(&file, &mut report);
        assert_eq!(report.unread.len(), 1);
        assert_eq!(lines.len(), INCLUDE_DEPTH_MAX + 1);
    }
}
