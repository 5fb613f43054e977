//! A wrong clock loses nothing and brings nothing back.
//!
//! libfaketime changes the wall clock of the running introducer; the steady clock (`CLOCK_BOOTTIME`) goes on as it is: the
//! introducer would not see a jump otherwise, and that is what these tests wait for.

use std::{
    fs,
    ops::{Deref, DerefMut},
    process::Command,
};

use anteroom::{
    protocol::RefusalCode,
    record::{ContactRecord, HashedNodeId, Lifetime, SignedRecord, VerifiedRecord},
};

use crate::support::{
    introducer::{Introducer, require},
    records::{Node, grid, this_hour},
    wire::Answer,
};

const LIMITS: &str = "[limits]\nupdates_per_key_per_hour_max = 65535\n";
/// More than an introducer takes for a clock that is right.
const TEN_DAYS_HOURS: u32 = 240;
const JUMPED: &str = "the clock jumped by more than a day";

/// An introducer whose wall clock is ours to set.
struct Faked {
    introducer: Introducer,
    pids: Vec<u32>,
}

impl Faked {
    fn start() -> Self {
        require("faketime");
        let mut introducer = Introducer::prepared(LIMITS);
        // The wrapper itself would leave a process in between; what it preloads is all that is needed.
        let output = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output().expect("it runs");
        let library = String::from_utf8(output.stdout).expect("a path");
        let file = introducer.directory.path().join("time").display().to_string();
        introducer.wrap(&[
            "env",
            &format!("LD_PRELOAD={}", library.trim()),
            &format!("FAKETIME_TIMESTAMP_FILE={file}"),
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
        ]);
        let mut faked = Self { introducer, pids: Vec::new() };
        faked.set(0);
        faked.launch();
        faked
    }

    /// The wall clock, from the next look at it on.
    fn set(&self, hours_ahead: u32) {
        let (new, file) = (self.directory.path().join("time.new"), self.directory.path().join("time"));
        fs::write(&new, format!("+{hours_ahead}h\n")).expect("a file");
        fs::rename(new, file).expect("a file");
    }

    fn launch(&mut self) {
        self.introducer.launch();
        self.pids.push(self.introducer.pid());
    }

    fn restart(&mut self) {
        assert!(self.terminate().success());
        self.launch();
    }

    fn publish(&self, record: &VerifiedRecord) -> Answer {
        self.wire(1).publish(record.bytes()).expect("an answer")
    }

    /// The node offers something by lookup and by listing, or by neither.
    fn shows(&self, node: &Node) -> bool {
        let hash = *HashedNodeId::new(&grid(), &node.id()).as_bytes();
        let found = self.wire(1).lookup(hash).expect("an answer");
        let listed = self.wire(1).list(Some("storage"), None).expect("a listing");
        let offers = |bytes: &Vec<u8>| {
            let claims = SignedRecord::decode(bytes).expect("a record").claims().clone();
            claims.node == node.id() && !claims.is_withdrawal()
        };
        let shown = found.as_ref().is_some_and(offers);
        assert_eq!(shown, listed.iter().any(offers), "lookup and listing differ");
        shown
    }

    fn says(&mut self, what: &str, times: usize) {
        self.wait(what, |introducer| introducer.log().matches(what).count() >= times);
    }

    /// The operator's word on the clock, which stands so many hours ahead.
    fn confirm(&mut self, hours_ahead: u32) {
        let hour = this_hour().plus_hours(hours_ahead).hours();
        let confirmed = self.log().matches("confirmed the clock").count();
        fs::write(self.state().join("clock-confirmed"), hour.to_string()).expect("a file");
        self.signal("-HUP");
        self.says("confirmed the clock", confirmed + 1);
    }
}

impl Deref for Faked {
    type Target = Introducer;

    fn deref(&self) -> &Introducer {
        &self.introducer
    }
}

impl DerefMut for Faked {
    fn deref_mut(&mut self) -> &mut Introducer {
        &mut self.introducer
    }
}

impl Drop for Faked {
    fn drop(&mut self) {
        self.introducer.kill();
        // What libfaketime leaves behind of a process that was killed.
        for pid in &self.pids {
            let _ = fs::remove_file(format!("/dev/shm/faketime_shm_{pid}"));
            let _ = fs::remove_file(format!("/dev/shm/sem.faketime_sem_{pid}"));
        }
    }
}

fn lasting(node: &Node, claims: ContactRecord, hours: u16) -> VerifiedRecord {
    node.sign(&ContactRecord { lifetime: Lifetime::from_hours(hours).expect("within limits"), ..claims })
}

/// A record that was taken back by one of an hour.
struct Withdrawn {
    node: Node,
    record: VerifiedRecord,
    withdrawal: VerifiedRecord,
}

impl Withdrawn {
    fn at(faked: &Faked, hours: u16) -> Self {
        let node = Node::new(hours.into());
        let record = lasting(&node, node.claims(1), hours);
        let withdrawal = lasting(&node, ContactRecord { services: Vec::new(), ..node.claims(2) }, 1);
        assert_eq!(faked.publish(&record), Answer::Accepted);
        assert!(faked.shows(&node));
        assert_eq!(faked.publish(&withdrawal), Answer::Accepted);
        Self { node, record, withdrawal }
    }

    /// The old record is refused for being stale, before and after a restart.
    fn stays_so(&self, faked: &mut Faked, when: &str) {
        for restarted in [false, true] {
            if restarted {
                faked.restart();
            }
            let stale = Answer::Refused(RefusalCode::Stale, Some(self.withdrawal.bytes().to_vec()));
            assert_eq!(faked.publish(&self.record), stale, "{when}, restarted: {restarted}");
            assert!(!faked.shows(&self.node), "{when}, restarted: {restarted}");
        }
    }

    /// The same where the record has expired as well.
    fn stays_expired(&self, faked: &mut Faked, when: &str) {
        for restarted in [false, true] {
            if restarted {
                faked.restart();
            }
            let expired = Answer::Refused(RefusalCode::Expired, None);
            assert_eq!(faked.publish(&self.record), expired, "{when}, restarted: {restarted}");
            assert!(!faked.shows(&self.node), "{when}, restarted: {restarted}");
        }
    }
}

#[test]
fn a_withdrawn_record_stays_withdrawn_whatever_the_clock_does() {
    let mut faked = Faked::start();
    let (withdrawn, for_a_month) = (Withdrawn::at(&faked, 24), Withdrawn::at(&faked, 720));
    for (hours, when) in [
        (0, "at once"),
        (5, "after the withdrawal itself expired"),
        (TEN_DAYS_HOURS, "ten days ahead"),
        (5, "ten days ahead and back"),
    ] {
        faked.set(hours);
        for_a_month.stays_so(&mut faked, when);
        if hours == TEN_DAYS_HOURS {
            withdrawn.stays_expired(&mut faked, when);
            faked.says(JUMPED, 1);
        } else {
            withdrawn.stays_so(&mut faked, when);
        }
    }
    // Two steps of less than a day each, with a restart between: a clock that may be right, so the key is forgotten.
    faked.set(20);
    faked.restart();
    faked.set(40);
    faked.restart();
    withdrawn.stays_expired(&mut faked, "forty hours later");
    faked.set(0);
    withdrawn.stays_expired(&mut faked, "forgotten, and the clock is back");
    for_a_month.stays_so(&mut faked, "others were forgotten");
}

#[test]
fn a_jump_is_told_within_a_minute_or_two_and_nothing_is_forgotten() {
    let mut faked = Faked::start();
    let withdrawn = Withdrawn::at(&faked, 24);
    let short = Node::new(2);
    assert_eq!(faked.publish(&lasting(&short, short.claims(1), 24)), Answer::Accepted);
    assert!(!faked.log().contains(JUMPED));
    faked.set(TEN_DAYS_HOURS);
    // Nobody asks anything meanwhile.
    faked.says(JUMPED, 1);
    assert!(!faked.shows(&short), "hidden");
    faked.set(0);
    assert!(faked.shows(&short), "and not forgotten");
    withdrawn.stays_so(&mut faked, "after a jump that was told");
}

#[test]
fn once_the_clock_is_confirmed_what_expired_is_forgotten_and_stays_away() {
    let mut faked = Faked::start();
    let withdrawn = Withdrawn::at(&faked, 24);
    let (short, long) = (Node::new(2), Node::new(3));
    let expired = lasting(&short, short.claims(1), 24);
    assert_eq!(faked.publish(&expired), Answer::Accepted);
    assert_eq!(faked.publish(&lasting(&long, long.claims(1), 720)), Answer::Accepted);
    faked.set(TEN_DAYS_HOURS);
    faked.signal("-HUP");
    faked.says(JUMPED, 1);
    // The word of another hour is no word.
    fs::write(faked.state().join("clock-confirmed"), "1").expect("a file");
    faked.signal("-HUP");
    faked.says("of another hour", 1);
    faked.confirm(TEN_DAYS_HOURS);
    // Forgotten: back at its own time it does not show again.
    faked.set(0);
    faked.wait("it is forgotten", |introducer| introducer.wire(1).list(None, None).expect("a listing").len() == 1);
    assert!(faked.shows(&long) && !faked.shows(&short));
    withdrawn.stays_expired(&mut faked, "forgotten");
    assert_eq!(faked.publish(&expired), Answer::Refused(RefusalCode::Expired, None));
    assert!(!faked.shows(&short) && faked.shows(&long));
    // What lasts longer than anything forgotten is welcome, with any seq: the key is a new one.
    assert_eq!(faked.publish(&lasting(&short, short.claims(0), 720)), Answer::Accepted);
    assert!(faked.shows(&short));
    assert_eq!(faked.publish(&expired), Answer::Refused(RefusalCode::Expired, None), "though its seq is higher");
}

#[test]
fn a_record_is_hidden_while_the_clock_says_that_it_expired() {
    let mut faked = Faked::start();
    let node = Node::new(1);
    assert_eq!(faked.publish(&lasting(&node, node.claims(1), 24)), Answer::Accepted);
    for (hours, shown) in [(0, true), (22, true), (25, false), (TEN_DAYS_HOURS, false), (0, true)] {
        faked.set(hours);
        assert_eq!(faked.shows(&node), shown, "{hours} hours ahead");
        faked.restart();
        assert_eq!(faked.shows(&node), shown, "{hours} hours ahead, restarted");
    }
}
