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
    machine::{Cpu, flush_micros, median},
    publish::LIMITS,
    records::signed,
    report::{Report, row},
    support::introducer::Introducer,
};

const WATCHERS: [usize; 2] = [1, 1000];
const ACCEPTED_BYTES: usize = LENGTH_BYTES + 4096;

pub fn measure(scale: Scale, report: &mut Report) {
    for watchers in WATCHERS {
        let introducer = Introducer::with_config(&format!("[watch]\ndelivery = \"immediate\"\n{LIMITS}"));
        let target = Target { socket: introducer.socket(), pid: introducer.pid(), introducer: true };
        let records = signed(0, scale.watched_changes);
        let mut heard = on_this_thread(watch(&target, watchers, &records));
        let title = |what: &str| format!("{what}, {watchers} watching");
        let median = row("watch", title("publish to watcher, median"), heard.median_millis(), "ms");
        report.add(median.against("append + fdatasync", flush_micros() / 1e3));
        report.add(row("watch", title("publish to watcher, 99 of 100"), heard.slow_millis(), "ms"));
        let changes = records.len() as f64;
        let micros = heard.cpu.all_nanos as f64 / 1e3 / changes;
        report.add(row("watch", title("server CPU of one change, its publish included"), micros, "us"));
    }
}

struct Heard {
    millis: Vec<f64>,
    cpu: Cpu,
}

impl Heard {
    fn median_millis(&mut self) -> f64 {
        median(&mut self.millis)
    }

    fn slow_millis(&self) -> f64 {
        let mut sorted = self.millis.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() * 99 / 100]
    }
}

/// One change after the other; each is heard by all before the next.
async fn watch(target: &Target, watchers: usize, records: &[Box<[u8]>]) -> Heard {
    let (heard, mut hearing) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..watchers {
        let request = Request::Watch { service: None, since_hours: None };
        let mut stream = drive::open_with(&target.socket, 2 + number, &request).await;
        receive(&mut stream).await;
        let heard = heard.clone();
        spawn_local(async move {
            loop {
                receive(&mut stream).await;
                let _ = heard.send(Instant::now());
            }
        });
    }
    let mut publisher = drive::open(target, 1).await;
    let mut millis = Vec::new();
    let before = Cpu::of(target.pid);
    for record in records {
        let frame = Request::Publish { record: Blob(record) }.encode(None).expect("a record fits a frame");
        let start = Instant::now();
        publisher.write_all(&frame).await.expect("the introducer reads");
        for _ in 0..watchers {
            let at = hearing.recv().await.expect("every watcher hears");
            millis.push((at - start).as_secs_f64() * 1e3);
        }
        let mut answer = [0; ACCEPTED_BYTES];
        publisher.read_exact(&mut answer).await.expect("the introducer answers");
        assert_eq!(Response::decode(&answer[LENGTH_BYTES..]), Ok(Response::Accepted));
    }
    Heard { millis, cpu: Cpu::of(target.pid).since(before) }
}

async fn receive(stream: &mut UnixStream) {
    let mut header = [0; LENGTH_BYTES];
    stream.read_exact(&mut header).await.expect("a frame");
    let mut payload = vec![0; frame_length(header, Bucket::SixtyFourKib).expect("a frame's length")];
    stream.read_exact(&mut payload).await.expect("a frame");
}
