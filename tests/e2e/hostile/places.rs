//! Who has a place: streams in all, streams of a circuit, watchers, users.

use anteroom::protocol::{Request, Response};

use super::{COUNTABLE, limits};
use crate::support::{
    introducer::{Introducer, exists, until},
    records::Node,
    wire::{Answer, Wire, answer},
};

const WATCH: Request<'static> = Request::Watch { service: None, since_hours: None };

/// It said something that an introducer understands.
fn prove(wire: &mut Wire) {
    assert!(wire.ask(&Request::About, |response| matches!(response, Response::About(_))).expect("an answer"));
}

/// A new stream of this circuit is served.
fn gets_in(introducer: &Introducer, circuit: u32) -> bool {
    // It may be gone before it has said anything.
    Wire::connect(&introducer.socket(), circuit).and_then(|mut wire| wire.ask(&Request::About, |_| ())).is_ok()
}

#[test]
fn a_stream_too_many_displaces_the_one_that_waits_longest() {
    let introducer = Introducer::with_config(&(COUNTABLE.to_owned() + &limits("streams_max = 20\n")));
    let mut served: Vec<_> = (0..5).map(|circuit| introducer.wire(circuit)).collect();
    served.iter_mut().for_each(prove);
    let before = introducer.open_files();
    let mut waiting: Vec<_> = (100..115).map(|circuit| introducer.wire(circuit)).collect();
    until("all places are taken", || introducer.open_files() == before + waiting.len());
    for next in 0..3 {
        let mut wire = introducer.wire(200 + next);
        prove(&mut wire);
        served.push(wire);
        assert!(waiting.remove(0).is_closed());
        assert!(waiting.iter_mut().all(Wire::is_open), "only the longest-waiting one gave way");
    }
    // All places are taken by streams that are served: nobody is displaced any more.
    waiting.iter_mut().for_each(prove);
    assert!(!gets_in(&introducer, 300));
    served.iter_mut().chain(&mut waiting).for_each(prove);
    served.pop();
    until("a place is free again", || gets_in(&introducer, 300));
}

#[test]
fn a_circuit_has_so_many_streams_and_no_more() {
    let introducer = Introducer::with_config(&limits("streams_per_circuit_max = 4\n"));
    let mut streams: Vec<_> = (0..4).map(|_| introducer.wire(1)).collect();
    streams.iter_mut().for_each(prove);
    assert!(!gets_in(&introducer, 1));
    assert!(gets_in(&introducer, 2));
    streams.iter_mut().for_each(prove);
    streams.pop();
    until("a place is free again", || gets_in(&introducer, 1));
}

#[test]
fn watchers_too_many_are_sent_away_and_those_who_speak_are_gone() {
    let introducer =
        Introducer::with_config(&format!("[watch]\ntick_seconds = 3600\n{}", limits("watchers_max = 3\n")));
    let mut watchers: Vec<_> = (0..3).map(|circuit| introducer.wire(circuit)).collect();
    for watcher in &mut watchers {
        watcher.send(&WATCH).unwrap();
        assert_eq!(watcher.pages().unwrap().len(), 0);
    }
    let mut fourth = introducer.wire(4);
    let sent_away = fourth.ask(&WATCH, |response| answer(&response)).unwrap();
    assert!(matches!(sent_away, Answer::Busy(2..)), "{sent_away:?}");
    prove(&mut fourth);
    // A watcher has nothing to say.
    let mut speaking = watchers.pop().unwrap();
    speaking.send(&Request::About).unwrap();
    assert!(speaking.is_closed());
    until("a place is free again", || {
        fourth.ask(&WATCH, |response| matches!(response, Response::Page { .. })).unwrap()
    });
    assert!(watchers.iter_mut().all(Wire::is_open), "the others watch on");
    assert_eq!(introducer.wire(5).publish(Node::new(1).record(1).bytes()).unwrap(), Answer::Accepted);
}

#[test]
fn a_user_who_is_no_carrier_is_not_heard() {
    let other = rustix::process::geteuid().as_raw() + 1;
    let mut introducer = Introducer::prepared(&format!("carrier_uids = [{other}]\n"));
    introducer.spawn();
    let socket = introducer.socket();
    introducer.wait("it listens", |_| exists(&socket) && Wire::connect_bare(&socket).is_ok());
    for circuit in 0..50 {
        let mut wire = Wire::connect_bare(&socket).unwrap();
        // It may be gone before the request.
        let _ = std::io::Write::write_all(&mut wire.stream, crate::support::wire::proxy_line(circuit).as_bytes());
        assert!(wire.send(&Request::About).is_err() || wire.is_closed());
    }
    introducer.wait("the log says so", |introducer| introducer.log().contains("not in `carrier_uids`"));
    assert_eq!(
        introducer.log().matches("not in `carrier_uids`").count(),
        1,
        "once: who connects in a loop fills no log"
    );
    assert!(introducer.terminate().success());
}
