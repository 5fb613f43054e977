//! Bytes that are no frames, twenty megabytes of each kind.

use std::io::Write as _;

use anteroom::protocol::{Blob, Hello, Request};

use super::{limits, siege::Siege};
use crate::support::{
    introducer::Introducer,
    records::{Node, Random},
    wire::{Wire, proxy_line},
};

const JUNK_BYTES: usize = 20 << 20;
const CHUNK_BYTES: usize = 64 << 10;

/// Opens streams that begin with `beginning` and go on with `junk` until so many bytes were taken.
fn flood(introducer: &Introducer, beginning: &[u8], junk: &[u8]) -> u32 {
    let (mut sent, mut streams) = (0, 0);
    while sent < JUNK_BYTES {
        let mut wire = Wire::connect_bare(&introducer.socket()).expect("the introducer listens");
        streams += 1;
        if wire.stream.write_all(beginning).is_err() {
            continue;
        }
        // Until the introducer hangs up.
        while let Ok(count) = wire.stream.write(junk) {
            sent += count;
            if sent >= JUNK_BYTES {
                break;
            }
        }
    }
    streams
}

#[test]
fn junk_of_every_kind() {
    let mut random = Random::announced();
    let introducer = Introducer::with_config(&limits(""));
    let siege = Siege::begin(&introducer);
    let mut junk = vec![0; CHUNK_BYTES];
    random.fill(&mut junk);
    // What no line and no frame begins with.
    junk[0] = 0xa5;
    let line = proxy_line(1);
    let line = line.as_bytes();
    let publish = Request::Publish { record: Blob(Node::new(1).record(1).bytes()) }.encode(Some(Hello::OURS)).unwrap();
    let beginnings: [(&str, Vec<u8>); 8] = [
        ("no PROXY line", Vec::new()),
        ("a PROXY line of no circuit", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 1\r\n".to_vec()),
        ("a PROXY line without end", b"PROXY TCP6 ".to_vec()),
        ("no magic", [line, &1024_u32.to_be_bytes(), b"HTTP"].concat()),
        ("a length of no bucket", [line, &1000_u32.to_be_bytes()].concat()),
        ("a length above a request's", [line, &65_536_u32.to_be_bytes()].concat()),
        ("a length of four gigabytes", [line, &[0xff; 4]].concat()),
        ("a good frame, then junk", [line, &publish].concat()),
    ];
    for (kind, beginning) in beginnings {
        let streams = flood(&introducer, &beginning, &junk);
        println!("{kind}: {JUNK_BYTES} bytes in {streams} streams");
    }
    siege.end(&introducer, "junk");
}

#[test]
fn a_frame_with_anything_but_zeros_behind_its_message_ends_the_stream() {
    let introducer = Introducer::with_config(&limits(""));
    let siege = Siege::begin(&introducer);
    let record = Node::new(1).record(1);
    let first = Request::Publish { record: Blob(record.bytes()) }.encode(Some(Hello::OURS)).unwrap();
    let later = Request::Publish { record: Blob(record.bytes()) }.encode(None).unwrap();
    // Where the message ends: the last byte of padding, the first, and all up to the middle of the frame.
    let end = |frame: &[u8]| {
        let bytes = record.bytes();
        frame.windows(bytes.len()).position(|window| window == bytes).expect("the record is in the frame") + bytes.len()
    };
    for (hello, frame) in [(false, first), (true, later)] {
        for places in [frame.len() - 1..frame.len(), end(&frame)..end(&frame) + 1, end(&frame)..frame.len() / 2] {
            let mut wire = introducer.wire(1);
            if hello {
                wire.ask(&Request::About, |_| ()).unwrap();
            }
            let mut frame = frame.clone();
            frame[places.clone()].fill(1);
            wire.stream.write_all(&frame).unwrap();
            assert!(wire.is_closed(), "{places:?} after a hello: {hello}");
        }
    }
    assert_eq!(introducer.wire(1).list(None, None).unwrap().len(), 3, "nothing of that was published");
    siege.end(&introducer, "padding");
}
