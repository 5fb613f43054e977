//! Streams by the thousand: that say nothing, that say half of something, that never listen.

use std::io::{Read as _, Write as _};

use anteroom::protocol::{Blob, Hello, Request};

use super::{COUNTABLE, limits, siege::Siege};
use crate::support::{
    introducer::{Introducer, until},
    records::{Node, fill_store},
    wire::{Answer, Wire, answer},
};

const STREAMS: u32 = 1000;
/// As shipped.
const STREAMS_PER_CIRCUIT: usize = 16;

#[test]
fn a_thousand_idle_streams_of_a_thousand_circuits_and_of_one() {
    let introducer = Introducer::with_config(&(COUNTABLE.to_owned() + &limits("")));
    let siege = Siege::begin(&introducer);
    let idle: Vec<_> = (0..STREAMS).map(|circuit| introducer.wire(circuit)).collect();
    until("a thousand streams are open", || introducer.open_files() > STREAMS as usize);
    let mut of_one: Vec<_> = (0..STREAMS).map(|_| introducer.wire(STREAMS)).collect();
    until("one circuit has its share and no more", || {
        of_one.retain_mut(Wire::is_open);
        of_one.len() <= STREAMS_PER_CIRCUIT
    });
    assert_eq!(of_one.len(), STREAMS_PER_CIRCUIT);
    assert!(introducer.open_files() > STREAMS as usize, "the others are still there");
    siege.end(&introducer, "idle streams");
    drop(idle);
}

#[test]
fn a_thousand_half_sent_frames() {
    let introducer = Introducer::with_config(&(COUNTABLE.to_owned() + &limits("")));
    let siege = Siege::begin(&introducer);
    let record = Node::new(1).record(1);
    let frame = Request::Publish { record: Blob(record.bytes()) }.encode(Some(Hello::OURS)).unwrap();
    let (half, rest) = frame.split_at(frame.len() / 2);
    let mut halves: Vec<_> = (0..STREAMS).map(|circuit| introducer.wire(circuit)).collect();
    for wire in &mut halves {
        wire.stream.write_all(half).unwrap();
    }
    until("a thousand streams are open", || introducer.open_files() > STREAMS as usize);
    siege.wait_rounds(30);
    let last = halves.last_mut().unwrap();
    last.stream.write_all(rest).unwrap();
    let (payload, _) = last.receive().unwrap();
    let answered = answer(&anteroom::protocol::Response::decode(&payload).unwrap());
    assert_eq!(answered, Answer::Accepted, "the second half is as good late as early");
    siege.end(&introducer, "half-sent frames");
}

#[test]
fn a_thousand_readers_who_never_read() {
    let mut introducer = Introducer::prepared(&limits(""));
    // More than fits what the kernel buffers for a stream.
    fill_store(&introducer.state(), 1000, 2000);
    introducer.launch();
    let siege = Siege::begin(&introducer);
    let mut readers: Vec<_> = (0..STREAMS).map(|circuit| introducer.wire(circuit)).collect();
    for wire in &mut readers {
        wire.send(&Request::List { service: None, since_hours: None, credit_pages: u16::MAX }).unwrap();
    }
    for wire in &mut readers {
        wire.stream.read_exact(&mut [0]).expect("each listing begins");
    }
    siege.wait_rounds(30);
    siege.end(&introducer, "readers who never read");
}

#[test]
fn files_for_as_many_streams_as_promised_or_fewer_promised() {
    // A soft limit below the streams is raised; a hard one lowers the number of streams.
    for (limit, kept, warned) in [("-Sn 128", 300, false), ("-n 128", 0, true)] {
        let mut introducer = Introducer::prepared(&limits("streams_max = 400\n"));
        introducer.wrap(&["sh", "-c", &format!("ulimit {limit} && exec \"$@\""), "sh"]);
        introducer.launch();
        let siege = Siege::begin(&introducer);
        let mut idle: Vec<_> = (0..300).map(|circuit| introducer.wire(circuit)).collect();
        siege.wait_rounds(9);
        let open = idle.iter_mut().filter_map(|wire| wire.is_open().then_some(())).count();
        assert!(open >= kept, "{limit}: {open} streams are open");
        assert_eq!(introducer.log().contains("too few open files"), warned, "{limit}");
        assert!(!introducer.log().contains("could not be accepted"), "{limit}");
        siege.end(&introducer, "few open files");
    }
}
