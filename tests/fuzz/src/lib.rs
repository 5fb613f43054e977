//! What the fuzz targets share. A target is a file in `src/bin`; `run` finds it there.

use std::fmt::Display;

/// A text that is read is written as it was, or it has two spellings.
pub fn one_spelling<T: std::str::FromStr + Display>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text);
    }
}
