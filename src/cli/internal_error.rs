//! What a panic says: a code that leads to a line of the source, and nothing of what the program was working on.
//!
//! Rust's own message holds a path of the machine that built the program and the values at hand, which may be an address or
//! a key; a backtrace holds more.

use std::panic::Location;

use sha2::{Digest as _, Sha256};

use super::output;

/// Bytes of a file's hash in a code: enough for the files of this program and of all its dependencies to differ.
const FILE_HASH_BYTES: usize = 4;

/// From now on a panic, in whatever thread, prints its code and no message, value, path or backtrace
/// (`packaging/find-error` has the way back).
///
/// # Security
/// To be called before anything else. What does not unwind stays as it is: a stack that overflows, memory that runs out.
pub fn tell_panics_by_code() {
    std::panic::set_hook(Box::new(|panic| tell(panic.location())));
}

/// It is not given the message, so it can't print it.
fn tell(location: Option<&Location<'_>>) {
    let code = location.map_or_else(|| "unknown".to_owned(), |place| code(place.file(), place.line()));
    output::say(format_args!(
        "anteroom: internal error E-{code}\n  → this should never happen. Report the code, with the version (`anteroom \
         --version`): it is a line of the source and says\n    nothing about you. Where a message below says what to do, \
         do that; otherwise start again."
    ));
}

/// The first bytes of the SHA-256 of the file's name, and the line.
fn code(file: &str, line: u32) -> String {
    let hash: String =
        Sha256::digest(name(file)).iter().take(FILE_HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("{hash}-{line}")
}

/// The part of a path that is the same wherever the program is built: `src/…` of this one, `<crate>-<version>/src/…` of a
/// dependency, `<crate>/src/…` of the standard library.
fn name(file: &str) -> &str {
    let Some((before, _)) = file.rsplit_once("/src/") else { return file };
    let of_crate = before.rsplit('/').next().unwrap_or_default();
    file.get(before.len() - of_crate.len()..).unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_nothing_of_the_machine() {
        for (path, expected) in [
            ("src/server/mod.rs", "src/server/mod.rs"),
            (
                "/home/alice/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.54.1/src/task/mod.rs",
                "tokio-1.54.1/src/task/mod.rs",
            ),
            ("/crates/index.crates.io-1949cf8c6b5b557f/tokio-1.54.1/src/task/mod.rs", "tokio-1.54.1/src/task/mod.rs"),
            ("/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/option.rs", "core/src/option.rs"),
            ("/x/src/y/src/z.rs", "y/src/z.rs"),
            ("/src/z.rs", "/src/z.rs"),
            ("generated.rs", "generated.rs"),
        ] {
            assert_eq!(name(path), expected);
        }
    }

    /// `printf %s src/server/mod.rs | sha256sum`
    #[test]
    fn a_code_can_be_made_by_hand() {
        assert_eq!(code("src/server/mod.rs", 57), "1b33b1af-57");
    }
}
