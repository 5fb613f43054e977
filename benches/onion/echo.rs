//! The least that could answer at all, in a process of its own: as many bytes as an introducer reads and writes, and
//! nothing in between.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anteroom::net::{Listener, Stream, read_proxy_line};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::{LocalSet, spawn_local},
};

use crate::support::introducer::{Introducer, until};

/// Makes this program the echo; the path of the socket follows.
pub const ARGUMENT: &str = "--echo";
/// The carrier writes its line first of all.
const PROXY_LINE_DEADLINE: Duration = Duration::from_secs(60);
const MODE: u32 = 0o600;

/// A running echo, killed when dropped.
pub struct Echo {
    child: Child,
    /// The files of an introducer that is never started: a carrier takes the echo for one.
    files: Introducer,
}

impl Echo {
    pub fn start(extra: &str) -> Self {
        let files = Introducer::prepared(extra);
        let socket = files.socket();
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let child = command.arg(ARGUMENT).arg(&socket).stdin(Stdio::null()).spawn().expect("this program starts again");
        until("the echo listens", || socket.exists());
        Self { child, files }
    }

    pub fn socket(&self) -> PathBuf {
        self.files.socket()
    }

    pub fn config(&self) -> PathBuf {
        self.files.config()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a stream says first: so many bytes will come, so many are wanted back, again and again.
pub fn opening(request_bytes: usize, answer_bytes: usize) -> [u8; 8] {
    ((request_bytes as u64) << 32 | answer_bytes as u64).to_be_bytes()
}

/// In the echo's process.
pub fn serve(socket: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
    LocalSet::new().block_on(&runtime, async {
        let listener = Listener::bind(socket, MODE).expect("a new socket");
        loop {
            let (stream, _) = listener.accept().await.expect("a stream");
            spawn_local(echo(stream));
        }
    });
}

async fn echo(mut stream: Stream) {
    if read_proxy_line(&mut stream, PROXY_LINE_DEADLINE).await.is_err() {
        return;
    }
    let Ok(sizes) = stream.read_u64().await else { return };
    let (mut request, answer) = (vec![0; (sizes >> 32) as usize], vec![0; sizes as u32 as usize]);
    while stream.read_exact(&mut request).await.is_ok() && stream.write_all(&answer).await.is_ok() {}
}
