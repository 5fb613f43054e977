//! The two syntaxes of I2P routers' files: ini (i2pd) and properties (Java).

use std::path::{Path, PathBuf};

use crate::audit::finding::Place;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// The table it is in; empty at the top.
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
    pub(super) file: PathBuf,
    /// From 1.
    pub(super) number: usize,
}

impl Setting {
    pub(super) fn place(&self) -> Place {
        Place::line(&self.file, self.number)
    }

    pub(super) fn written(&self) -> String {
        format!("{} = {}", self.key, self.value)
    }
}

/// `[section]`, `key = value`, comments that start with `#` or `;`.
///
/// # Errors
/// The number of a line that is none of these.
pub(super) fn ini(text: &str, file: &Path) -> Result<Vec<Setting>, usize> {
    let (mut section, mut found) = (String::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim().to_owned();
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(index + 1)?;
        // i2pd takes what follows a `#` for a comment in one of its files and not in the other; no value that matters
        // here holds one.
        let value = value.split(" #").next().unwrap_or_default();
        found.push(Setting {
            section: section.clone(),
            key: key.trim().to_ascii_lowercase(),
            value: value.trim().to_owned(),
            file: file.to_owned(),
            number: index + 1,
        });
    }
    Ok(found)
}

/// `tunnel.0.key=value`, or `key=value` in a file for one tunnel; the number is the section.
///
/// # Errors
/// The number of a line that is none of these.
pub(super) fn properties(text: &str, file: &Path) -> Result<Vec<Setting>, usize> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(index + 1)?;
        let key = key.trim();
        let (section, key) = match key.strip_prefix("tunnel.").and_then(|rest| rest.split_once('.')) {
            Some((number, key)) if number.bytes().all(|byte| byte.is_ascii_digit()) => (number, key),
            _ => ("", key),
        };
        found.push(Setting {
            section: section.to_owned(),
            key: key.strip_prefix("option.").unwrap_or(key).to_ascii_lowercase(),
            value: value.trim().to_owned(),
            file: file.to_owned(),
            number: index + 1,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(settings: &[Setting]) -> Vec<(&str, &str, &str)> {
        settings.iter().map(|setting| (&*setting.section, &*setting.key, &*setting.value)).collect()
    }

    #[test]
    fn both_syntaxes_are_read() {
        let file = Path::new("f");
        let ini = ini("a = 1\n# c\n[Sam]\nEnabled=true # c\n; c\n", file).unwrap();
        assert_eq!(keys(&ini), [("", "a", "1"), ("Sam", "enabled", "true")]);
        assert_eq!(super::ini("[x\n", file), Err(1));
        let java = properties("# c\ntunnel.3.option.inbound.length=3\ntype=server\n", file).unwrap();
        assert_eq!(keys(&java), [("3", "inbound.length", "3"), ("", "type", "server")]);
    }
}
