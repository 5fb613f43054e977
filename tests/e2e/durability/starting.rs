//! While a large store is checked at a start.

use std::time::Instant;

use anteroom::protocol::{Request, Response};

use super::LIMITS;
use crate::support::{
    introducer::{Introducer, exists},
    records::{Node, fill_store},
    wire::{Answer, Wire, answer},
};

/// Seconds of checking signatures in a test build.
const RECORDS: u64 = 60_000;
/// What clients are told meanwhile.
const RETRY_SECONDS: u32 = 5;

fn is_busy(response: &Response<'_>) -> bool {
    matches!(response, Response::Busy { retry_after_seconds: RETRY_SECONDS })
}

#[test]
fn everybody_is_told_to_wait_while_a_large_store_is_checked() {
    let mut introducer = Introducer::prepared(LIMITS);
    fill_store(&introducer.state(), RECORDS, 300);
    introducer.spawn();
    let socket = introducer.socket();
    introducer.wait("it listens", |_| exists(&socket) && Wire::connect(&socket, 1).is_ok());
    let start = Instant::now();
    let mut wire = introducer.wire(2);
    assert!(wire.ask(&Request::About, |response| is_busy(&response)).expect("an answer"));
    let lookup = Request::Lookup { prefix: [0; 32], bits: 256, after: None };
    assert!(wire.ask(&lookup, |response| is_busy(&response)).expect("an answer"));
    assert_eq!(wire.publish(Node::new(1).record(1).bytes()).expect("an answer"), Answer::Busy(RETRY_SECONDS));
    for request in [
        Request::List { service: None, since_hours: None, credit_pages: 9 },
        Request::Watch { service: None, since_hours: None },
    ] {
        let answered = wire.ask(&request, |response| answer(&response)).expect("an answer");
        assert!(matches!(answered, Answer::Busy(2..)), "{answered:?}");
    }
    introducer.wait_ready();
    let checked = start.elapsed();
    assert_eq!(wire.publish(Node::new(1).record(1).bytes()).expect("an answer"), Answer::Accepted, "the same stream");
    // Stopped while it checks: soon, and nothing is left behind.
    assert!(introducer.terminate().success());
    introducer.spawn();
    introducer.wait("it listens", |_| exists(&socket) && Wire::connect(&socket, 1).is_ok());
    assert!(introducer.wire(3).ask(&Request::About, |response| is_busy(&response)).expect("an answer"));
    let start = Instant::now();
    assert!(introducer.terminate().success());
    let stopped = start.elapsed();
    println!("{RECORDS} records were checked in {checked:?}; a check was stopped in {stopped:?}");
    assert!(stopped < checked / 2, "stopped in {stopped:?}, checked in {checked:?}");
    assert!(!exists(&socket));
}
