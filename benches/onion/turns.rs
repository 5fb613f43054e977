//! One operation after the other, of each kind in turn, so that whatever else goes on here meets all of them.

use std::{
    cell::Cell,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use anteroom::{
    net::{self, Isolation, Stream},
    protocol::{Blob, Hello, LENGTH_BYTES, Request, Response},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    STORED, Scale, echo,
    machine::median,
    records::{RECORD_BYTES, hash},
    support::{records::Node, wire::proxy_line},
};

/// The first turns on a new circuit do not count.
const WARM_TURNS: usize = 2;
/// The order of the kinds in four turns, then again: each comes as often behind each other one, never behind itself.
const ORDERS: [[usize; 4]; 4] = [[0, 1, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]];
/// A pause before an operation is up to so long. C tor hands cells on every 10 ms (`KISTSchedRunInterval`), and what follows an
/// answer at once would be in step with those who brought it.
const PAUSE_MILLIS_MAX: f64 = 20.0;
/// The golden ratio: its multiples fill every interval evenly, however many there are.
const EVENLY: f64 = 0.618_033_988_749_895;
/// Circuits are so different that one group of them alone says little.
const GROUPS: usize = 5;
/// For a stream to be opened; tor itself tries for two minutes.
const DIAL_DEADLINE: Duration = Duration::from_secs(130);
/// Between two attempts to open the first stream.
const PAUSE: Duration = Duration::from_millis(200);
/// An answer to the request that opens a stream.
const OPENING_BYTES: usize = LENGTH_BYTES + 1024;
const PUBLISH_BYTES: usize = LENGTH_BYTES + 4096;
const PUBLISH_ANSWER_BYTES: usize = LENGTH_BYTES + 4096;
const LOOKUP_BYTES: usize = LENGTH_BYTES + 1024;
const LOOKUP_ANSWER_BYTES: usize = LENGTH_BYTES + 16_384;
/// On the shelf that a lookup asks for, as an introducer announces it.
const RECORDS_PER_SHELF: usize = 16;

/// Where introducer or echo is found.
#[derive(Clone)]
pub enum Place {
    /// Without Tor.
    Socket(PathBuf),
    /// Through the C tor behind `socks`.
    Onion { socks: PathBuf, host: String },
}

impl Place {
    /// Opens streams until one comes through.
    pub fn wait_reachable(&self, deadline: Duration) {
        on_this_thread(async {
            let start = Instant::now();
            while let Err(error) = self.dial().await {
                assert!(start.elapsed() < deadline, "the onion service was not reached: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        });
    }

    /// A stream that shares its circuit with no other.
    async fn dial(&self) -> Result<Stream, net::DialError> {
        static STREAMS: AtomicU64 = AtomicU64::new(0);
        let number = STREAMS.fetch_add(1, Relaxed);
        match self {
            Self::Socket(path) => {
                let mut stream = net::connect(path).await.map_err(net::DialError::Proxy)?;
                let line = proxy_line(number as u32);
                stream.write_all(line.as_bytes()).await.map_err(net::DialError::Broken)?;
                Ok(stream)
            }
            Self::Onion { socks, host } => {
                let isolation = Isolation { username: "bench".into(), password: number.to_string() };
                net::dial(socks, host, 80, &isolation, DIAL_DEADLINE).await
            }
        }
    }
}

/// What has been asked so far: each publish is of a key of its own.
pub struct Asked {
    next: Cell<usize>,
}

impl Asked {
    /// The store holds records `0..stored`.
    pub const fn new(stored: usize) -> Self {
        Self { next: Cell::new(stored) }
    }

    fn publish(&self) -> Vec<u8> {
        let record = Node::new(self.next.get() as u64).record_of_size(1, RECORD_BYTES);
        self.next.set(self.next.get() + 1);
        Request::Publish { record: Blob(record.bytes()) }.encode(None).expect("a record fits a frame")
    }

    fn lookup(&self) -> Vec<u8> {
        let bits = (STORED / RECORDS_PER_SHELF).ilog2() as u16;
        let request = Request::Lookup { prefix: hash(self.next.get() % STORED), bits, after: None };
        request.encode(None).expect("a small request")
    }
}

/// An operation of the introducer and the echo's.
pub struct Compared {
    pub name: &'static str,
    pub operations: usize,
    /// Medians, in milliseconds.
    pub introducer: f64,
    pub echo: f64,
    /// Standard error of the ratio of the two, from the ratios of [`GROUPS`] groups of circuits.
    pub ratio_error: f64,
}

/// Milliseconds of every operation on one circuit each: publish, its echo, lookup, its echo.
type Millis = [Vec<f64>; 4];

/// Asks introducer and echo.
pub fn measure(places: &[Place; 2], scale: Scale, asked: &Asked) -> [Compared; 2] {
    let lanes = (0..scale.lanes).map(|_| lane(places, scale, asked));
    let circuits: Vec<Millis> = on_this_thread(futures::future::join_all(lanes)).into_iter().flatten().collect();
    [compare("publish", &circuits, 0), compare("lookup", &circuits, 2)]
}

async fn lane([introducer, echo]: &[Place; 2], scale: Scale, asked: &Asked) -> Vec<Millis> {
    let mut circuits = Vec::new();
    for _ in 0..scale.circuits {
        let mut millis = Millis::default();
        let mut streams = tokio::join!(
            welcomed(introducer),
            opened(echo, PUBLISH_BYTES, PUBLISH_ANSWER_BYTES),
            welcomed(introducer),
            opened(echo, LOOKUP_BYTES, LOOKUP_ANSWER_BYTES),
        )
        .into();
        for turn in 0..WARM_TURNS + scale.turns {
            let took = take_turns(&mut streams, turn, asked).await;
            if turn >= WARM_TURNS {
                millis.iter_mut().zip(took).for_each(|(all, one)| all.push(one));
            }
        }
        circuits.push(millis);
    }
    circuits
}

/// `kind` against the next.
fn compare(name: &'static str, circuits: &[Millis], kind: usize) -> Compared {
    let medians = |group: &[&Millis]| {
        [kind, kind + 1]
            .map(|kind| median(&mut group.iter().flat_map(|circuit| circuit[kind].clone()).collect::<Vec<_>>()))
    };
    let ratios: Vec<f64> = (0..GROUPS)
        .map(|group| {
            let [introducer, echo] = medians(&circuits.iter().skip(group).step_by(GROUPS).collect::<Vec<_>>());
            introducer / echo
        })
        .collect();
    let count = GROUPS as f64;
    let mean = ratios.iter().sum::<f64>() / count;
    let variance = ratios.iter().map(|ratio| (ratio - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let [introducer, echo] = medians(&circuits.iter().collect::<Vec<_>>());
    let operations = circuits.iter().map(|circuit| circuit[kind].len()).sum();
    Compared { name, operations, introducer, echo, ratio_error: (variance / count).sqrt() }
}

/// One operation on each stream.
async fn take_turns(streams: &mut [Stream; 4], turn: usize, asked: &Asked) -> [f64; 4] {
    let mut millis = [0.0; 4];
    let (publish, lookup) = (asked.publish(), asked.lookup());
    for (place, kind) in ORDERS[turn % ORDERS.len()].into_iter().enumerate() {
        let (request, answer_bytes) = match kind {
            0 | 1 => (&publish, PUBLISH_ANSWER_BYTES),
            _ => (&lookup, LOOKUP_ANSWER_BYTES),
        };
        let mut answer = vec![0; answer_bytes];
        let pause = ((4 * asked.next.get() + place) as f64 * EVENLY).fract() * PAUSE_MILLIS_MAX;
        tokio::time::sleep(Duration::from_secs_f64(pause / 1e3)).await;
        let start = Instant::now();
        streams[kind].write_all(request).await.expect("the other side reads");
        streams[kind].read_exact(&mut answer).await.expect("the other side answers");
        millis[kind] = start.elapsed().as_secs_f64() * 1e3;
        match (kind, Response::decode(&answer[LENGTH_BYTES..])) {
            (0, Ok(Response::Accepted)) => {}
            (2, Ok(Response::Shelf { records, .. })) => assert!(!records.is_empty(), "no shelf is empty"),
            (1 | 3, _) => {}
            (_, other) => panic!("operation {kind} was answered {other:?}"),
        }
    }
    millis
}

async fn welcomed(introducer: &Place) -> Stream {
    let hello = Request::About.encode(Some(Hello::OURS)).expect("a small request");
    let mut stream = introducer.dial().await.unwrap_or_else(|error| panic!("{error}"));
    stream.write_all(&hello).await.expect("the introducer reads");
    stream.read_exact(&mut [0; OPENING_BYTES]).await.expect("the introducer answers");
    stream
}

async fn opened(echo: &Place, request_bytes: usize, answer_bytes: usize) -> Stream {
    let mut stream = echo.dial().await.unwrap_or_else(|error| panic!("{error}"));
    stream.write_all(&echo::opening(request_bytes, answer_bytes)).await.expect("the echo reads");
    stream
}

fn on_this_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
    runtime.block_on(work)
}
