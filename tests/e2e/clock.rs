//! Clocks that are wrong: what was taken back stays taken back. Debian's faketime sets the wall clock of the running
//! introducer; the steady clock it can't reach, which makes this a jump.

use std::{fs, thread, time::Duration};

use anteroom::{
    protocol::RefusalCode,
    record::{ContactRecord, HashedNodeId, Lifetime, VerifiedRecord},
};

use crate::support::{
    introducer::Introducer,
    records::{Node, grid},
    wire::Answer,
};

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// An introducer whose wall clock is `offset` (such as "+10d") away from the real one.
struct Faked {
    introducer: Introducer,
}

impl Faked {
    fn start() -> Self {
        let library = fs::read_dir("/usr/lib")
            .expect("a library folder")
            .filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketime.so.1")))
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("faketime is not installed ({LIBRARY}): run tests/all"));
        let mut introducer = Introducer::prepared("");
        let offset = introducer.directory.path().join("offset");
        fs::write(&offset, "+0\n").unwrap();
        introducer.wrap(&[
            "env",
            &format!("LD_PRELOAD={}", library.display()),
            &format!("FAKETIME_TIMESTAMP_FILE={}", offset.display()),
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        ]);
        introducer.launch();
        Self { introducer }
    }

    /// Sets the wall clock; the next request sees it.
    fn set(&self, offset: &str) {
        let path = self.introducer.directory.path().join("offset");
        let new = path.with_extension("new");
        fs::write(&new, format!("{offset}\n")).unwrap();
        fs::rename(new, path).unwrap();
    }

    fn publish(&self, record: &VerifiedRecord) -> Answer {
        self.introducer.wire(1).publish(record.bytes()).unwrap()
    }

    fn shows(&self, node: &Node) -> bool {
        let hash = *HashedNodeId::new(&grid(), &node.id()).as_bytes();
        self.introducer.wire(1).lookup(hash).unwrap().is_some()
    }

    fn restart(&mut self) {
        assert!(self.introducer.terminate().success());
        self.introducer.launch();
    }
}

/// A record of 30 days, and its withdrawal of one hour.
fn taken_back(node: &Node) -> (VerifiedRecord, VerifiedRecord) {
    let record = ContactRecord { lifetime: Lifetime::MAX, ..node.claims(1) };
    let hour = Lifetime::from_hours(1).unwrap();
    let withdrawal = ContactRecord { lifetime: hour, services: Vec::new(), ..node.claims(2) };
    (node.sign(&record), node.sign(&withdrawal))
}

#[test]
fn a_withdrawn_record_stays_withdrawn_whatever_the_clock_says() {
    let mut faked = Faked::start();
    let node = Node::new(1);
    let (record, withdrawal) = taken_back(&node);
    assert_eq!(faked.publish(&record), Answer::Accepted);
    assert_eq!(faked.publish(&withdrawal), Answer::Accepted);
    let refused = Answer::Refused(RefusalCode::Stale, Some(withdrawal.bytes().to_vec()));
    // At once; after the withdrawal itself expired; ten days ahead; and back. The same with a restart at each.
    for offset in ["+0", "+3h", "+10d", "+0"] {
        faked.set(offset);
        assert_eq!(faked.publish(&record), refused, "at {offset}");
        faked.restart();
        assert_eq!(faked.publish(&record), refused, "at {offset}, after a restart");
    }
}

#[test]
fn nothing_is_forgotten_until_the_operator_confirms_the_clock() {
    let faked = Faked::start();
    let (node, canary) = (Node::new(2), Node::new(3));
    let short =
        |node: &Node| node.sign(&ContactRecord { lifetime: Lifetime::from_hours(5).unwrap(), ..node.claims(1) });
    let (record, short_canary) = (short(&node), short(&canary));
    assert_eq!(faked.publish(&record), Answer::Accepted);
    assert_eq!(faked.publish(&short_canary), Answer::Accepted);
    assert!(faked.shows(&node));
    faked.set("+10d");
    assert!(!faked.shows(&node), "an expired record is hidden");
    assert_eq!(faked.publish(&record), Answer::Refused(RefusalCode::Expired, None));
    faked.set("+0");
    assert!(faked.shows(&node), "a wrong clock loses nothing");

    faked.set("+10d");
    assert!(!faked.shows(&node));
    let hour = crate::support::records::this_hour().plus_hours(240).hours();
    let confirmation = faked.introducer.directory.path().join("state/clock-confirmed");
    fs::write(&confirmation, format!("{hour}\n")).unwrap();
    faked.introducer.signal("-HUP");
    while confirmation.exists() {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(faked.introducer.log().contains("confirmed the clock"), "{}", faked.introducer.log());
    // Ten days ahead is the truth now, and what is over is forgotten: a lower seq of a forgotten key is new.
    let other = ContactRecord { lifetime: Lifetime::MAX, ..canary.claims(0) };
    let other = canary.sign(&other);
    while faked.publish(&other) != Answer::Accepted {
        thread::sleep(Duration::from_millis(10));
    }
    // What ended by then is refused for ever, as its floor is gone: the clock may say what it likes.
    faked.set("+0");
    assert!(!faked.shows(&node), "it was forgotten, not hidden");
    assert_eq!(faked.publish(&record), Answer::Refused(RefusalCode::Expired, None));
    assert_eq!(faked.publish(&short_canary), Answer::Refused(RefusalCode::Expired, None));
}
