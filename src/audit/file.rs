//! Reading what is audited: files that others wrote, so every size has a limit and nothing is waited for.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use super::{
    finding::{Place, Report},
    rule::rules,
};

/// The largest configuration that is read: a torrc with every option and a page of prose on each fits many times.
const TEXT_BYTES_MAX: u64 = 1024 * 1024;
/// What others than owner and group may do: write.
const OTHERS_WRITE: u32 = 0o002;

rules! {
    WRITABLE = "file-writable", Leak:
        "any user of this machine can change this file, and with it everything else that is audited here"
        => "run: chmod o-w on it";
}

/// The text of `file`; `None` after it was reported why not. A file that anybody may change is reported, too.
pub(super) fn text(file: &Path, report: &mut Report) -> Option<String> {
    match read(file) {
        Ok((text, metadata)) => {
            judge_writable(file, &metadata, report);
            Some(text)
        }
        Err(error) => {
            report.cannot(Place::whole(file), &error, hint(&error));
            None
        }
    }
}

/// Whoever can change a file decides what it says.
pub(super) fn judge_writable(file: &Path, metadata: &Metadata, report: &mut Report) {
    let mode = mode(metadata);
    if mode & OTHERS_WRITE != 0 {
        report.find(&WRITABLE, Place::whole(file), format!("mode {mode:04o}"));
    }
}

fn read(file: &Path) -> io::Result<(String, Metadata)> {
    let opened = open(file)?;
    let metadata = opened.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    opened.take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        return Err(io::Error::other("larger than 1 MiB, which no configuration is"));
    }
    let text = String::from_utf8(bytes).map_err(|_| io::Error::other("not text in UTF-8"))?;
    if text.contains('\0') { Err(io::Error::other("not text: it holds a zero byte")) } else { Ok((text, metadata)) }
}

/// Opens for reading and waits for nobody: a pipe in the place of a file would.
pub(super) fn open(file: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32).open(file)
}

/// Permission bits.
pub(super) fn mode(metadata: &Metadata) -> u32 {
    metadata.permissions().mode() & 0o7777
}

/// The permissions of something a configuration names. `None` after it was reported that it can't be seen from here.
pub(super) fn named_mode(path: &Path, report: &mut Report) -> Option<u32> {
    match std::fs::metadata(path) {
        Ok(metadata) => Some(mode(&metadata)),
        Err(error) => {
            report.not_there(
                Place::whole(path),
                &error,
                "run the audit on the machine itself, as root, to have it judged",
            );
            None
        }
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check the name",
        io::ErrorKind::PermissionDenied => "run the audit as root, or as the user that owns the file",
        _ => "name the configuration file itself",
    }
}
