//! The program itself: does it tell where and by whom it was built?

use std::path::Path;

use super::{
    file,
    finding::{Place, Report},
    rule::rules,
    scan::{Needle, Needles},
};

/// Beginnings of paths on the machine of a person, spelled backwards: this program would find them in itself.
const PATHS_BACKWARDS: [&str; 4] = ["/emoh/", "/toor/", "/sresU/", "/yrtsiger/ograc."];

rules! {
    BUILD_PATH = "binary-build-path", Weak:
        "the program holds paths of the machine it was built on, often with the name of a person"
        => "build it again with RUSTFLAGS that remap them (--remap-path-prefix), or take the packaged program";
}

pub(super) fn examine(program: &Path, report: &mut Report) {
    let opened = file::open(program).and_then(|opened| Ok((opened.metadata()?, opened)));
    let (metadata, opened) = match opened {
        Ok((metadata, opened)) if metadata.is_file() => (metadata, opened),
        Ok(_) => return report.cannot(Place::whole(program), "not a regular file", "name the program itself"),
        Err(error) => return report.cannot(Place::whole(program), error, "check the name, or run the audit as root"),
    };
    file::judge_writable(program, &metadata, report);
    let needle = |text: &&str| Needle { bytes: text.bytes().rev().collect(), kind: String::new() };
    let (mut first, mut count) = (None, 0_usize);
    let searched = Needles::new(PATHS_BACKWARDS.iter().map(needle).collect()).search(opened, |_, offset, next| {
        // A path goes on; a text about paths ends here.
        if next.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/')) {
            first.get_or_insert(offset);
            count += 1;
        }
    });
    match (searched, first) {
        (Err(error), _) => report.cannot(Place::whole(program), error, "try again"),
        (Ok(()), Some(offset)) => report.find(&BUILD_PATH, Place::offset(program, offset), format!("{count} paths")),
        (Ok(()), None) => {}
    }
}
