//! In which line a key or a value of a TOML file stands.

use std::path::{Path, PathBuf};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::audit::finding::Place;

/// A TOML text that keeps its lines.
pub(super) struct Lines<'a> {
    text: &'a str,
    file: PathBuf,
    root: DeTable<'a>,
}

impl<'a> Lines<'a> {
    /// `None`: not TOML, which whoever loads it as a configuration tells better.
    pub(super) fn parse(text: &'a str, file: &Path) -> Option<Self> {
        let root = DeTable::parse(text).ok()?.into_inner();
        Some(Self { text, file: file.to_owned(), root })
    }

    /// The value under `path` (`["addresses", "clearnet"]`).
    pub(super) fn value(&self, path: &[&str]) -> Option<&Spanned<DeValue<'a>>> {
        let (last, tables) = path.split_last()?;
        let mut table = &self.root;
        for name in tables {
            table = table.get(*name)?.get_ref().as_table()?;
        }
        table.get(*last)
    }

    /// Every table of an array of tables.
    pub(super) fn tables(&self, name: &str) -> Vec<&DeTable<'a>> {
        let array = self.root.get(name).and_then(|value| value.get_ref().as_array());
        array.into_iter().flatten().filter_map(|value| value.get_ref().as_table()).collect()
    }

    /// Where the value under `path` stands, or the whole file when it is a default.
    pub(super) fn place(&self, path: &[&str]) -> Place {
        self.value(path).map_or_else(|| Place::whole(&self.file), |value| self.place_of(value))
    }

    /// Where `value` stands.
    pub(super) fn place_of<T>(&self, value: &Spanned<T>) -> Place {
        let before = self.text.get(..value.span().start).unwrap_or_default();
        Place::line(&self.file, 1 + before.matches('\n').count())
    }
}

/// The texts of an array, each with its span.
pub(super) fn texts<'t, 'a>(table: &'t DeTable<'a>, key: &str) -> Vec<(&'t str, &'t Spanned<DeValue<'a>>)> {
    let array = table.get(key).and_then(|value| value.get_ref().as_array());
    array.into_iter().flatten().filter_map(|value| Some((value.get_ref().as_str()?, value))).collect()
}
