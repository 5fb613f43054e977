//! From a publish to everybody who watches, where the grid set immediate delivery.

use std::time::Instant;

use anteroom::protocol::{Blob, Bucket, LENGTH_BYTES, Request, Response, frame_length};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    task::spawn_local,
};

use crate::{
    Scale,
    drive::{self, Target, on_this_thread},
    machine::{Cpu, flush_micros},
    peer::{LISTENS, Peer, SPEAKS, Work},
    publish::LIMITS,
    records::signed,
    report::{Report, row},
    support::introducer::Introducer,
};

const WATCHERS: [usize; 2] = [1, 1000];
/// Of a publish, of its answer and of a change.
const FRAME_BYTES: usize = LENGTH_BYTES + 4096;

pub fn measure(scale: Scale, report: &mut Report) {
    for watchers in WATCHERS {
        let records = signed(0, scale.watched_changes);
        let frames: Vec<Vec<u8>> = records
            .iter()
            .map(|record| Request::Publish { record: Blob(record) }.encode(None).expect("a record fits a frame"))
            .collect();
        let introducer = Introducer::with_config(&format!("[watch]\ndelivery = \"immediate\"\n{LIMITS}"));
        let target = Target { socket: introducer.socket(), pid: introducer.pid(), introducer: true };
        let heard = on_this_thread(watch(&target, watchers, &frames));
        let peer = Peer::start(Work::FanOut { request_bytes: FRAME_BYTES, answer_bytes: FRAME_BYTES });
        let bare = Target { socket: peer.socket(), pid: peer.pid(), introducer: false };
        let fanned = on_this_thread(watch(&bare, watchers, &frames));

        let title = |what: &str| format!("{what}, {watchers} watching");
        let limit = fanned.millis(50) + flush_micros() / 1e3;
        let median = row("watch", title("publish to watcher, median"), heard.millis(50), "ms");
        report.add(median.against("append, fdatasync, fan-out", limit));
        let slow = row("watch", title("publish to watcher, 99 of 100"), heard.millis(99), "ms");
        report.add(slow.against("fan-out", fanned.millis(99)));
        let cpu = row("watch", title("server CPU of a change and its publish"), heard.cpu_micros, "us");
        report.add(cpu.against("fan-out", fanned.cpu_micros));
    }
}

struct Heard {
    /// From a change to each watcher, sorted.
    millis: Vec<f64>,
    /// Of the server, for one change.
    cpu_micros: f64,
}

impl Heard {
    fn millis(&self, hundredth: usize) -> f64 {
        self.millis[self.millis.len() * hundredth / 100]
    }
}

/// One change after the other; each is heard by all before the next.
async fn watch(target: &Target, watchers: usize, frames: &[Vec<u8>]) -> Heard {
    let (heard, mut hearing) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..watchers {
        let mut stream = listen(target, number).await;
        let heard = heard.clone();
        spawn_local(async move {
            loop {
                receive(&mut stream).await;
                let _ = heard.send(Instant::now());
            }
        });
    }
    let mut publisher = drive::open(target, 0).await;
    if !target.introducer {
        publisher.write_all(&[SPEAKS]).await.expect("the peer reads");
    }
    let mut millis = Vec::new();
    let before = Cpu::of(target.pid);
    for frame in frames {
        let start = Instant::now();
        publisher.write_all(frame).await.expect("the server reads");
        for _ in 0..watchers {
            let at = hearing.recv().await.expect("every watcher hears");
            millis.push((at - start).as_secs_f64() * 1e3);
        }
        if target.introducer {
            let mut answer = [0; FRAME_BYTES];
            publisher.read_exact(&mut answer).await.expect("the introducer answers");
            assert_eq!(Response::decode(&answer[LENGTH_BYTES..]), Ok(Response::Accepted));
        }
    }
    let cpu = Cpu::of(target.pid).since(before);
    millis.sort_by(f64::total_cmp);
    Heard { millis, cpu_micros: cpu.all_nanos as f64 / 1e3 / frames.len() as f64 }
}

/// A stream that has everything up to now.
async fn listen(target: &Target, number: usize) -> UnixStream {
    if target.introducer {
        let request = Request::Watch { service: None, since_hours: None };
        let mut stream = drive::open_with(&target.socket, 1 + number, &request).await;
        receive(&mut stream).await;
        return stream;
    }
    let mut stream = drive::open(target, number).await;
    stream.write_all(&[LISTENS]).await.expect("the peer reads");
    stream.read_u8().await.expect("the peer has understood");
    stream
}

async fn receive(stream: &mut UnixStream) {
    let mut header = [0; LENGTH_BYTES];
    stream.read_exact(&mut header).await.expect("a frame");
    // The bare peer's frames have no header: they are zeros.
    let length = frame_length(header, Bucket::SixtyFourKib).unwrap_or(FRAME_BYTES - LENGTH_BYTES);
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.expect("a frame");
}
