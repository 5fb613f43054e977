//! The plainest onion service: an AF_UNIX socket that echoes, and remembers what tor said about each circuit.

use std::io::{self, BufRead, BufReader};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// An echo on an AF_UNIX socket that expects the line of `HiddenServiceExportCircuitID haproxy` first.
pub struct EchoService {
    socket: PathBuf,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    proxy_lines: Mutex<Vec<String>>,
    is_stopping: AtomicBool,
}

impl EchoService {
    /// Listens at `socket`, which must not exist.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    #[track_caller]
    pub fn listen(socket: &Path) -> Self {
        let listener = UnixListener::bind(socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || accept(&listener, &shared));
        Self { socket: socket.to_owned(), state }
    }

    /// The first line of each connection so far.
    #[must_use]
    pub fn proxy_lines(&self) -> Vec<String> {
        self.state.lines().clone()
    }
}

impl Drop for EchoService {
    fn drop(&mut self) {
        self.state.is_stopping.store(true, Ordering::Relaxed);
        let _ = UnixStream::connect(&self.socket); // wakes the listener
    }
}

impl State {
    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.proxy_lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &UnixListener, state: &Arc<State>) {
    for stream in listener.incoming().map_while(Result::ok) {
        if state.is_stopping.load(Ordering::Relaxed) {
            return;
        }
        let state = Arc::clone(state);
        thread::spawn(move || echo(stream, &state)); // ends when tor closes the stream
    }
}

fn echo(mut stream: UnixStream, state: &State) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    state.lines().push(line);
    io::copy(&mut reader, &mut stream).map(drop)
}
