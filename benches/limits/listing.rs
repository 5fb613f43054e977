//! A listing of everything against a copy of as many bytes.

use std::time::Instant;

use anteroom::protocol::{Bucket, LENGTH_BYTES, Request, Response, Welcomed, frame_length};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    ROUNDS,
    drive::{self, Target, on_this_thread},
    machine::{Cpu, median},
    peer::{Peer, Work},
    publish::Filled,
    report::{Report, row},
};

const CREDIT_PAGES: u16 = 1024;

/// What one reading of everything took.
#[derive(Clone, Copy)]
pub struct Listing {
    pub records: usize,
    pub bytes: usize,
    pub seconds: f64,
    pub cpu_seconds: f64,
}

pub fn measure(filled: &Filled, report: &mut Report) {
    compare(&filled.target(), "listing", None, report);
}

/// Lists `since`, and copies as many bytes.
pub fn compare(target: &Target, part: &'static str, since_hours: Option<u32>, report: &mut Report) -> Listing {
    let bytes = list(target, since_hours).bytes;
    let peer = Peer::start(Work::Copy { bytes });
    let bare = Target { socket: peer.socket(), pid: peer.pid(), introducer: false };
    let (mut listings, mut copies) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        listings.push(list(target, since_hours));
        copies.push(copy(&bare, bytes));
    }
    let wall_millis = |listing: &Listing| listing.seconds * 1e3;
    let cpu_millis = |listing: &Listing| listing.cpu_seconds * 1e3;
    let of = |listings: &[Listing], number: fn(&Listing) -> f64| {
        median(&mut listings.iter().map(number).collect::<Vec<_>>())
    };
    let what = match since_hours {
        None => format!("listing of all {} records", listings[0].records),
        Some(_) => format!("listing since this hour: {} records", listings[0].records),
    };
    let named = format!("copy of {bytes} bytes");
    report.add(row(part, &*what, of(&listings, wall_millis), "ms").against(&*named, of(&copies, wall_millis)));
    let cpu = row(part, format!("server CPU of the {what}"), of(&listings, cpu_millis), "ms");
    report.add(cpu.against(named, of(&copies, cpu_millis)));
    listings[0]
}

pub fn list(target: &Target, since_hours: Option<u32>) -> Listing {
    on_this_thread(async {
        let (before, start) = (Cpu::of(target.pid), Instant::now());
        let request = Request::List { service: None, since_hours, credit_pages: CREDIT_PAGES };
        let mut stream = drive::open_with(&target.socket, 1, &request).await;
        let (mut records, mut bytes, mut pages) = (0, 0, 0);
        let mut payload = Vec::new();
        loop {
            let mut header = [0; LENGTH_BYTES];
            stream.read_exact(&mut header).await.expect("a page");
            payload.resize(frame_length(header, Bucket::SixtyFourKib).expect("a page's length"), 0);
            stream.read_exact(&mut payload).await.expect("a page");
            bytes += LENGTH_BYTES + payload.len();
            let first = pages == 0;
            let response = if first {
                Welcomed::decode(&payload).map(|welcomed| welcomed.response)
            } else {
                Response::decode(&payload)
            };
            let Ok(Response::Page { records: page, end }) = response else { panic!("no page: {response:?}") };
            records += page.len();
            pages += 1;
            if end {
                break;
            }
            // A window ahead, as a client does.
            if pages % (usize::from(CREDIT_PAGES) / 2) == 0 {
                let credit = Request::Credit { pages: CREDIT_PAGES / 2 }.encode(None).expect("a small request");
                stream.write_all(&credit).await.expect("the introducer reads");
            }
        }
        let (seconds, cpu) = (start.elapsed().as_secs_f64(), Cpu::of(target.pid).since(before));
        Listing { records, bytes, seconds, cpu_seconds: cpu.all_nanos as f64 / 1e9 }
    })
}

fn copy(target: &Target, bytes: usize) -> Listing {
    on_this_thread(async {
        let mut stream = drive::open(target, 1).await;
        stream.read_u8().await.expect("the peer is ready");
        let (before, start) = (Cpu::of(target.pid), Instant::now());
        stream.write_all(&[1]).await.expect("the peer reads");
        let (mut left, mut page) = (bytes, vec![0; LENGTH_BYTES + Bucket::SixteenKib.bytes()]);
        while left > 0 {
            let part = left.min(page.len());
            stream.read_exact(&mut page[..part]).await.expect("the peer writes");
            left -= part;
        }
        let (seconds, cpu) = (start.elapsed().as_secs_f64(), Cpu::of(target.pid).since(before));
        Listing { records: 0, bytes, seconds, cpu_seconds: cpu.all_nanos as f64 / 1e9 }
    })
}
