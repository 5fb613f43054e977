//! An AF_UNIX socket in front of another, which writes down every byte of both directions before it passes it on.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    thread,
};

/// Passed on at once.
const CHUNK_BYTES: usize = 1 << 16;

/// Listens on `at` and brings each stream to `to`. What was said is in `notes`, two files a stream whose names begin with
/// `name`. Ends with the process of the test.
pub(crate) fn tap(at: &Path, to: PathBuf, notes: PathBuf, name: &'static str) {
    let listener = UnixListener::bind(at).unwrap_or_else(|error| panic!("{}: {error}", at.display()));
    thread::spawn(move || {
        for (number, client) in listener.incoming().map_while(Result::ok).enumerate() {
            let note = |who: &str| File::create(notes.join(format!("{name}-{number}.{who}"))).expect("a file");
            let (asked, answered) = (note("asked"), note("answered"));
            // Who is not there: the client finds its stream closed, and what it said first is noted all the same.
            let server = UnixStream::connect(&to).or_else(|_| UnixStream::pair().map(|(gone, _)| gone));
            let server = server.expect("a stream");
            let clones = (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
            thread::spawn(move || pass(client, server, asked));
            thread::spawn(move || pass(clones.1, clones.0, answered));
        }
    });
}

fn pass(mut from: UnixStream, mut to: UnixStream, mut note: File) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        note.write_all(&chunk[..count]).expect("there is room");
        if to.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    // Either may be closed already.
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}
