//! One stream of a stranger: a PROXY line, then frames, each with a deadline. Whatever is wrong ends it.

use std::{rc::Rc, time::Duration};

use tokio::{
    io::{AsyncWriteExt, BufReader},
    sync::watch,
};

use super::{
    confirmations, dispatch, documents,
    fairness::{Admitted, Ticket},
    state::Shared,
    streaming,
};
use crate::{
    ambient,
    net::{CircuitId, ReadError, Stream, read_frame, read_proxy_line},
    protocol::{
        DocumentKind, FrameError, Hello, LENGTH_BYTES, Opening, REQUEST_BUCKET_MAX, Request, Response, frame_length,
    },
};

/// The carrier writes its line before anything else; it is on this machine.
const PROXY_LINE_DEADLINE: Duration = Duration::from_secs(10);
/// First byte of a first request: clients send it with the stream's own opening.
const FIRST_REQUEST_DEADLINE: Duration = Duration::from_secs(30);
/// Between two requests.
const IDLE_DEADLINE: Duration = Duration::from_secs(120);
/// From a frame's first byte to its last: 4 KiB, and Tor may stall for a while.
const FRAME_DEADLINE: Duration = Duration::from_secs(30);
/// For one frame of an answer to be taken by the carrier.
const WRITE_DEADLINE: Duration = Duration::from_secs(60);
/// One request and a byte: a read that fills less than it was given room for tells tokio that nothing more is there, which
/// saves a second system call to find out.
const READ_BUFFER_BYTES: usize = LENGTH_BYTES + REQUEST_BUCKET_MAX.bytes() + 1;

/// Why a stream ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The other side went, or took too long, or the introducer stops.
    Quiet,
    /// What it sent is against the protocol.
    Violation(FrameError),
}

impl From<FrameError> for End {
    fn from(error: FrameError) -> Self {
        Self::Violation(error)
    }
}

/// Takes a stream, unless there are too many; then the one that waits longest for its first request gives way.
pub(super) fn spawn(stream: Stream, shared: &Shared) {
    let admitted = shared.borrow_mut().fairness.admit_stream();
    let Admitted::Stream(ticket) = admitted else { return };
    let held = Held { shared: Rc::clone(shared), ticket, circuit: None };
    held.count();
    let task = tokio::task::spawn_local(attend(stream, held));
    shared.borrow_mut().fairness.waits(ticket, task.abort_handle());
}

async fn attend(mut stream: Stream, mut held: Held) {
    let Ok(circuit) = read_proxy_line(&mut stream, PROXY_LINE_DEADLINE).await else {
        tracing::debug!("a stream came without a PROXY line");
        return;
    };
    if !held.enter(circuit) {
        tracing::debug!("a circuit has too many streams");
        return;
    }
    let stopping = held.shared.borrow().stopping();
    let mut connection = Connection {
        stream: BufReader::with_capacity(READ_BUFFER_BYTES, stream),
        shared: Rc::clone(&held.shared),
        circuit,
        ticket: held.ticket,
        buffer: Vec::new(),
        stopping,
        version: None,
    };
    match connection.converse().await {
        End::Quiet => tracing::debug!("a stream ended"),
        End::Violation(error) => tracing::debug!(%error, "a stream broke the protocol"),
    }
}

/// A stream's place in every count; leaving it gives the place back, however the stream ends.
struct Held {
    shared: Shared,
    ticket: Ticket,
    circuit: Option<CircuitId>,
}

impl Held {
    fn count(&self) {
        self.shared.borrow().streams.send_modify(|count| *count += 1);
    }

    fn enter(&mut self, circuit: CircuitId) -> bool {
        let entered = self.shared.borrow_mut().fairness.enter_circuit(circuit, ambient::now());
        self.circuit = entered.then_some(circuit);
        entered
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.shared.borrow_mut();
        state.fairness.leave(self.ticket, self.circuit);
        state.streams.send_modify(|count| *count = count.saturating_sub(1));
    }
}

pub(super) struct Connection {
    stream: BufReader<Stream>,
    pub(super) shared: Shared,
    pub(super) circuit: CircuitId,
    ticket: Ticket,
    buffer: Vec<u8>,
    stopping: watch::Receiver<bool>,
    /// The version chosen, until the first answer has carried it.
    version: Option<u8>,
}

impl Connection {
    async fn converse(&mut self) -> End {
        if let Err(end) = self.open().await {
            return end;
        }
        loop {
            let next = async {
                let payload = self.receive(IDLE_DEADLINE).await?;
                let request = Request::decode(&payload)?;
                let answered = self.answer(request).await;
                self.buffer = payload;
                answered
            };
            if let Err(end) = next.await {
                return end;
            }
        }
    }

    /// The first frame carries the hello.
    async fn open(&mut self) -> Result<(), End> {
        let payload = self.receive(FIRST_REQUEST_DEADLINE).await?;
        self.shared.borrow_mut().fairness.proved(self.ticket);
        let opening = Opening::decode(&payload)?;
        let chosen = Hello::OURS.choose(opening.hello);
        self.version = Some(chosen.unwrap_or(0));
        self.answer(opening.request).await?;
        chosen.map(|_| ()).ok_or(End::Quiet)
    }

    async fn answer(&mut self, request: Option<Request<'_>>) -> Result<(), End> {
        match request {
            None => self.respond(&Response::Unsupported).await,
            // A listing that ended before its credit: nothing to say.
            Some(Request::Credit { .. }) => Ok(()),
            Some(Request::List { service, since_hours, credit_pages }) => {
                streaming::list(self, service, since_hours, credit_pages).await
            }
            Some(Request::Watch { service, since_hours }) => streaming::watch(self, service, since_hours).await,
            Some(Request::Publish { record }) => {
                let answer = dispatch::publish(&self.shared, self.circuit, record.0).await;
                self.respond(&answer.response()).await
            }
            Some(Request::PutDocument {
                kind: kind @ (DocumentKind::REVOCATIONS | DocumentKind::KEY_EPOCH),
                document,
            }) => {
                let answer = documents::put(&self.shared, self.circuit, kind, document.0).await;
                self.respond(&answer.response()).await
            }
            Some(Request::PutDocument { kind: DocumentKind::CONFIRMATION, document }) => {
                let answer = confirmations::put(&self.shared, self.circuit, document.0).await;
                self.respond(&answer.response()).await
            }
            Some(request) => {
                let version = self.version.take();
                let frame = dispatch::read(&self.shared, request, version)?;
                self.send(frame).await
            }
        }
    }

    /// Reads one frame. The payload is handed out so that it can be borrowed from while the connection goes on.
    pub(super) async fn receive(&mut self, idle: Duration) -> Result<Vec<u8>, End> {
        let mut payload = std::mem::take(&mut self.buffer);
        let length = |header| frame_length(header, REQUEST_BUCKET_MAX);
        let read = tokio::select! {
            read = read_frame(&mut self.stream, &mut payload, idle, FRAME_DEADLINE, length) => read,
            _ = self.stopping.wait_for(|stopping| *stopping) => return Err(End::Quiet),
        };
        match read {
            Ok(()) => Ok(payload),
            Err(ReadError::Refused(error)) => Err(End::Violation(error)),
            Err(_) => Err(End::Quiet),
        }
    }

    pub(super) async fn respond(&mut self, response: &Response<'_>) -> Result<(), End> {
        let frame = response.encode(self.version.take())?;
        self.send(frame).await
    }

    /// What the next frame has to begin with.
    pub(super) const fn take_version(&mut self) -> Option<u8> {
        self.version.take()
    }

    /// Writes a frame at the pace its circuit and the whole service are allowed.
    pub(super) async fn send(&mut self, frame: Vec<u8>) -> Result<(), End> {
        let pause = self.shared.borrow_mut().fairness.charge(self.circuit, ambient::now(), frame.len());
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
        match tokio::time::timeout(WRITE_DEADLINE, self.stream.get_mut().write_all(&frame)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Quiet),
        }
    }

    /// Ends when the other side closes or says anything: a watcher has nothing to say.
    pub(super) async fn hung_up(&mut self) {
        use tokio::io::AsyncReadExt as _;
        let _ = self.stream.read_u8().await;
    }

    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }
}
