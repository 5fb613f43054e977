//! Many streams, each with one request on its way at any moment, from one thread of this process.

use std::{
    cell::{Cell, RefCell},
    path::{Path, PathBuf},
    rc::Rc,
    time::Instant,
};

use anteroom::protocol::{Hello, LENGTH_BYTES, Request};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    task::{LocalSet, spawn_local},
};

use crate::{
    machine::{Cpu, median},
    support::wire::proxy_line,
};

/// Streams are of so many circuits.
const CIRCUITS: usize = 8;
/// An answer to the request that opens a stream.
const OPENING_BYTES: usize = LENGTH_BYTES + 1024;

/// Whom to ask.
#[derive(Clone)]
pub struct Target {
    pub socket: PathBuf,
    pub pid: u32,
    /// Speaks the protocol: streams open with a PROXY line and a request with a hello, before anything is measured.
    pub introducer: bool,
}

/// One round.
pub struct Round {
    requests: usize,
    seconds: f64,
    cpu: Cpu,
    latency_micros: Vec<f64>,
}

impl Round {
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    pub fn cpu_micros(&self) -> f64 {
        self.cpu.all_nanos as f64 / 1e3 / self.requests as f64
    }

    pub fn store_cpu_micros(&self) -> f64 {
        self.cpu.store_nanos as f64 / 1e3 / self.requests as f64
    }

    pub fn latency_micros(&self) -> f64 {
        median(&mut self.latency_micros.clone())
    }
}

/// The median of one number of several rounds.
pub fn of(rounds: &[Round], number: impl Fn(&Round) -> f64) -> f64 {
    median(&mut rounds.iter().map(number).collect::<Vec<_>>())
}

/// Asks `request(0..count)` over `streams` streams; `check` sees every answer.
pub fn round(
    target: &Target,
    streams: usize,
    answer_bytes: usize,
    count: usize,
    request: impl Fn(usize) -> Vec<u8> + 'static,
    check: impl Fn(&[u8]) + 'static,
) -> Round {
    let work =
        Rc::new(Work { next: Cell::new(0), count, answer_bytes, request, check, latency_micros: RefCell::default() });
    on_this_thread(async {
        let mut opened = Vec::new();
        for number in 0..streams {
            opened.push(open(target, number % CIRCUITS).await);
        }
        let (before, start) = (Cpu::of(target.pid), Instant::now());
        let tasks: Vec<_> = opened.into_iter().map(|stream| spawn_local(ask(stream, Rc::clone(&work)))).collect();
        for task in tasks {
            task.await.expect("every request is answered");
        }
        let (seconds, cpu) = (start.elapsed().as_secs_f64(), Cpu::of(target.pid).since(before));
        Round { requests: count, seconds, cpu, latency_micros: work.latency_micros.take() }
    })
}

pub fn on_this_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
    LocalSet::new().block_on(&runtime, work)
}

struct Work<Make, Check> {
    next: Cell<usize>,
    count: usize,
    answer_bytes: usize,
    request: Make,
    check: Check,
    latency_micros: RefCell<Vec<f64>>,
}

async fn ask(mut stream: UnixStream, work: Rc<Work<impl Fn(usize) -> Vec<u8>, impl Fn(&[u8])>>) {
    let mut answer = vec![0; work.answer_bytes];
    while work.next.get() < work.count {
        let frame = (work.request)(work.next.replace(work.next.get() + 1));
        let start = Instant::now();
        stream.write_all(&frame).await.expect("the other side reads");
        stream.read_exact(&mut answer).await.expect("the other side answers");
        work.latency_micros.borrow_mut().push(start.elapsed().as_secs_f64() * 1e6);
        (work.check)(&answer);
    }
}

/// A stream that is ready for requests.
pub async fn open(target: &Target, circuit: usize) -> UnixStream {
    let stream = UnixStream::connect(&target.socket).await.expect("the other side listens");
    if target.introducer { welcomed(stream, circuit).await } else { stream }
}

async fn welcomed(mut stream: UnixStream, circuit: usize) -> UnixStream {
    stream.write_all(proxy_line(circuit as u32).as_bytes()).await.expect("the introducer reads");
    let hello = Request::About.encode(Some(Hello::OURS)).expect("a small request");
    stream.write_all(&hello).await.expect("the introducer reads");
    stream.read_exact(&mut [0; OPENING_BYTES]).await.expect("the introducer answers");
    stream
}

/// Opens a stream and sends one request with it, without waiting.
pub async fn open_with(socket: &Path, circuit: usize, request: &Request<'_>) -> UnixStream {
    let mut stream = UnixStream::connect(socket).await.expect("the introducer listens");
    stream.write_all(proxy_line(circuit as u32).as_bytes()).await.expect("the introducer reads");
    let frame = request.encode(Some(Hello::OURS)).expect("a small request");
    stream.write_all(&frame).await.expect("the introducer reads");
    stream
}
