//! The least that could answer at all, in a process of its own: what the introducer is compared with.
//!
//! Each is a tokio `current_thread` loop on an AF_UNIX socket, as the introducer is, with nothing behind it.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    rc::Rc,
    time::Duration,
};

use anteroom::protocol::LENGTH_BYTES;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    task::{LocalSet, spawn_local},
};

const POLL: Duration = Duration::from_millis(5);
/// Of a page of a listing.
const COPY_CHUNK_BYTES: usize = LENGTH_BYTES + 16_384;

/// What a peer does with each stream.
#[derive(Clone, Copy)]
pub enum Work {
    /// Reads so many bytes, writes so many, again and again.
    Echo { request_bytes: usize, answer_bytes: usize },
    /// Fills so much memory, says so, reads a byte, then writes it all: none of it is in a cache, as records are not.
    Copy { bytes: usize },
    /// A stream whose first byte is [`LISTENS`] gets it back and listens. Of any other, each so many bytes bring every
    /// listener so many.
    FanOut { request_bytes: usize, answer_bytes: usize },
}

/// A stream's first byte.
pub const LISTENS: u8 = 0;
/// A stream's first byte.
pub const SPEAKS: u8 = 1;

/// A running peer, killed when dropped.
pub struct Peer {
    child: Child,
    directory: TempDir,
}

impl Peer {
    pub fn start(work: Work) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (name, request, answer) = match work {
            Work::Echo { request_bytes, answer_bytes } => ("echo", request_bytes, answer_bytes),
            Work::Copy { bytes } => ("copy", 1, bytes),
            Work::FanOut { request_bytes, answer_bytes } => ("fan-out", request_bytes, answer_bytes),
        };
        let socket = directory.path().join("socket");
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["--peer", name, &request.to_string(), &answer.to_string()]).arg(&socket).stdin(Stdio::null());
        let child = command.spawn().expect("this program starts again");
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            std::thread::sleep(POLL);
        }
        Self { child, directory }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the peer's process.
pub fn serve(arguments: &[String]) {
    let [name, request, answer, socket] = arguments else { panic!("--peer NAME REQUEST ANSWER SOCKET") };
    let bytes = |text: &String| text.parse::<usize>().expect("a number of bytes");
    let (request_bytes, answer_bytes) = (bytes(request), bytes(answer));
    let work = match name.as_str() {
        "echo" => Work::Echo { request_bytes, answer_bytes },
        "copy" => Work::Copy { bytes: answer_bytes },
        _ => Work::FanOut { request_bytes, answer_bytes },
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("an event loop");
    LocalSet::new().block_on(&runtime, accept(Path::new(socket), work));
}

async fn accept(socket: &Path, work: Work) {
    let listener = UnixListener::bind(socket).expect("a new socket");
    let listening = Listening::default();
    loop {
        let (stream, _) = listener.accept().await.expect("a stream");
        match work {
            Work::Echo { request_bytes, answer_bytes } => spawn_local(echo(stream, request_bytes, answer_bytes)),
            Work::Copy { bytes } => spawn_local(copy(stream, bytes)),
            Work::FanOut { request_bytes, answer_bytes } => {
                spawn_local(fan_out(stream, Rc::clone(&listening), request_bytes, answer_bytes))
            }
        };
    }
}

async fn echo(mut stream: UnixStream, request_bytes: usize, answer_bytes: usize) {
    let (mut request, answer) = (vec![0; request_bytes], vec![0; answer_bytes]);
    while stream.read_exact(&mut request).await.is_ok() && stream.write_all(&answer).await.is_ok() {}
}

async fn copy(mut stream: UnixStream, bytes: usize) {
    let memory = vec![7; bytes];
    if stream.write_u8(1).await.is_err() || stream.read_u8().await.is_err() {
        return;
    }
    for chunk in memory.chunks(COPY_CHUNK_BYTES) {
        if stream.write_all(chunk).await.is_err() {
            return;
        }
    }
}

type Listening = Rc<RefCell<Vec<UnixStream>>>;

async fn fan_out(mut stream: UnixStream, listening: Listening, request_bytes: usize, answer_bytes: usize) {
    if stream.read_u8().await.is_ok_and(|first| first == LISTENS) {
        stream.try_write(&[LISTENS]).expect("nothing was written before");
        return listening.borrow_mut().push(stream);
    }
    let (mut request, answer) = (vec![0; request_bytes], vec![0; answer_bytes]);
    while stream.read_exact(&mut request).await.is_ok() {
        for listener in &*listening.borrow() {
            listener.try_write(&answer).expect("who listens has read what came before");
        }
    }
}
