//! An introducer that says whatever a test wants it to say.

use std::{io, path::Path, path::PathBuf, sync::Arc, sync::Mutex, sync::PoisonError, time::Duration};

use anteroom::{
    net::{Listener, Stream, read_frame, read_proxy_line},
    protocol::{Hello, Opening, REQUEST_BUCKET_MAX, Request, Response, frame_length},
};
use tokio::{
    io::AsyncWriteExt,
    task::{AbortHandle, JoinSet},
};

/// Longer than any test waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running fake; ends when dropped.
pub(crate) struct FakeIntroducer {
    pub(crate) path: PathBuf,
    /// Every request so far, as its `Debug` form, with the number of its stream.
    pub(crate) log: Arc<Mutex<Vec<(usize, String)>>>,
    task: AbortHandle,
}

impl Drop for FakeIntroducer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeIntroducer {
    /// Listens on `dir/name` and lets `script` talk on each stream.
    pub(crate) fn start<S, F>(dir: &Path, name: &str, script: S) -> io::Result<Self>
    where
        S: Fn(Peer) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let path = dir.join(name);
        let listener = Listener::bind(&path, 0o600).map_err(io::Error::other)?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&log);
        let serving = async move {
            let mut streams = JoinSet::new();
            let mut number = 0;
            while let Ok((mut stream, _)) = listener.accept().await {
                // Without a PROXY line no stream of the proxy comes to the script.
                if read_proxy_line(&mut stream, PATIENCE).await.is_err() {
                    continue;
                }
                let peer = Peer {
                    stream,
                    buffer: Vec::new(),
                    opened: false,
                    welcomed: false,
                    number,
                    log: Arc::clone(&noted),
                };
                streams.spawn(script(peer));
                number += 1;
            }
        };
        Ok(Self { path, log, task: tokio::spawn(serving).abort_handle() })
    }

    /// The requests of stream `number`.
    pub(crate) fn requests_of(&self, number: usize) -> Vec<String> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let of_stream = log.iter().filter(|(stream, _)| *stream == number);
        of_stream.map(|(_, request)| request.clone()).collect()
    }
}

/// One stream of a client.
pub(crate) struct Peer {
    stream: Stream,
    buffer: Vec<u8>,
    opened: bool,
    welcomed: bool,
    /// Which stream of this fake; 0 is the first.
    pub(crate) number: usize,
    log: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Peer {
    /// The next request; `None` when the client is gone.
    pub(crate) async fn request(&mut self) -> Option<Request<'_>> {
        let judge = |header| frame_length(header, REQUEST_BUCKET_MAX);
        let read = read_frame(&mut self.stream, &mut self.buffer, PATIENCE, PATIENCE, judge);
        read.await.ok()?;
        let request = if self.opened {
            Request::decode(&self.buffer).ok()?
        } else {
            self.opened = true;
            let opening = Opening::decode(&self.buffer).ok()?;
            (opening.hello == Hello::OURS).then_some(opening.request)?
        }?;
        let noted = (self.number, format!("{request:?}"));
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(noted);
        Some(request)
    }

    /// A proper answer.
    pub(crate) async fn answer(&mut self, response: &Response<'_>) {
        let version = (!self.welcomed).then_some(Hello::OURS.highest);
        self.welcomed = true;
        if let Ok(frame) = response.encode(version) {
            self.send(&frame).await;
        }
    }

    /// Any bytes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // The client may be gone, which is what some tests are about.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Keeps the stream open and says nothing.
    pub(crate) async fn silence(self) {
        tokio::time::sleep(PATIENCE).await;
        drop(self.stream);
    }
}
