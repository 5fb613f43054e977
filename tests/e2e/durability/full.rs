//! A full disk: publishing waits, reading goes on, and room is noticed.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use super::{LIMITS, hash};
use crate::support::{
    introducer::{Introducer, require, unshare, until},
    records::{Node, Random},
    wire::{Answer, Wire},
};

const DISK_MIB: u64 = 24;
/// Published before the disk runs full.
const RECORDS_EACH: usize = 300;

/// A small file system over a directory, in a mount namespace of its own.
struct SmallDisk {
    holder: Child,
    directory: PathBuf,
}

impl SmallDisk {
    fn mount(introducer: &Introducer) -> Self {
        require("unshare");
        require("nsenter");
        let directory = introducer.state();
        fs::create_dir(&directory).expect("a directory to mount over");
        let words = unshare("m");
        let script = "mount -t tmpfs -o size=\"$2\"m,mode=700 anteroom \"$1\" && echo ready && exec sleep infinity";
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["sh", "-c", script, "sh"]).arg(&directory).arg(DISK_MIB.to_string());
        let mut holder = command.stdout(Stdio::piped()).spawn().expect("unshare runs");
        let mut ready = [0; 5];
        let heard = holder.stdout.as_mut().expect("a pipe").read_exact(&mut ready);
        heard.expect("a file system can be mounted (as root, or in a user namespace)");
        Self { holder, directory }
    }

    /// Words in front of a command that is to see this disk.
    fn enter(&self) -> Vec<String> {
        let pid = self.holder.id().to_string();
        let mut words = vec!["nsenter", "-t", &pid, "-m"];
        if !rustix::process::geteuid().is_root() {
            words.extend(["-U", "--preserve-credentials"]);
        }
        words.push("--");
        words.into_iter().map(String::from).collect()
    }

    /// A path on it, as seen from here.
    fn path(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.directory.strip_prefix("/").expect("an absolute path")).join(name)
    }

    /// Takes all the room there is but a few kilobytes.
    fn fill(&self, leave_kib: u64) {
        let mut ballast = fs::File::create(self.path("ballast")).expect("a file");
        let mut size = 1 << 20;
        while size > 0 {
            match ballast.write(&vec![0x55; size]) {
                Ok(written) if written > 0 => {}
                _ => size /= 2,
            }
        }
        let taken = ballast.metadata().expect("a file").len();
        ballast.set_len(taken.saturating_sub(leave_kib << 10)).expect("a file");
    }

    fn empty(&self) {
        fs::remove_file(self.path("ballast")).expect("there is ballast");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn publish(wire: &mut Wire, numbers: &mut std::ops::RangeFrom<u64>, accepted: &mut Vec<Node>, count: usize) {
    for number in numbers.take(count) {
        let node = Node::new(number);
        let answered = wire.publish(node.record_of_size(1, 2000).bytes()).expect("an answer");
        assert_eq!(answered, Answer::Accepted);
        accepted.push(node);
    }
}

/// Publishes until the introducer is busy; what it accepted.
fn publish_until_busy(wire: &mut Wire, numbers: &mut std::ops::RangeFrom<u64>, accepted: &mut Vec<Node>) {
    for number in numbers {
        let node = Node::new(number);
        match wire.publish(node.record_of_size(1, 2000).bytes()).expect("an answer") {
            Answer::Accepted => accepted.push(node),
            Answer::Busy(seconds) => return assert!(seconds >= 2),
            other => panic!("a full disk was answered {other:?}"),
        }
        assert!(number < DISK_MIB * 1024, "the disk is never full");
    }
}

fn compare(wire: &mut Wire, accepted: &[Node]) {
    for node in accepted {
        let found = wire.lookup(hash(node)).expect("reading goes on");
        assert_eq!(found.as_deref(), Some(node.record_of_size(1, 2000).bytes()));
    }
    assert_eq!(wire.list(None, None).expect("reading goes on").len(), accepted.len(), "and nothing else is there");
}

#[test]
fn a_full_disk_makes_publishing_wait_and_nothing_else() {
    let mut introducer = Introducer::prepared(LIMITS);
    let disk = SmallDisk::mount(&introducer);
    introducer.wrap(&disk.enter());
    introducer.launch();
    let (mut wire, mut numbers, mut accepted) = (introducer.wire(1), 0.., Vec::new());
    let mut random = Random::announced();
    for leave_kib in [0, random.below(256), 256 + random.below(1024)] {
        publish(&mut wire, &mut numbers, &mut accepted, RECORDS_EACH);
        disk.fill(leave_kib);
        publish_until_busy(&mut wire, &mut numbers, &mut accepted);
        compare(&mut wire, &accepted);
        let probe = Node::new(1_000_000);
        for _ in 0..100 {
            assert!(matches!(wire.publish(probe.record(1).bytes()).expect("an answer"), Answer::Busy(_)));
        }
        disk.empty();
        let back = Node::new(numbers.next().expect("numbers go on"));
        let record = back.record_of_size(1, 2000);
        until("publishing goes on", || wire.publish(record.bytes()).expect("an answer") == Answer::Accepted);
        accepted.push(back);
        compare(&mut wire, &accepted);
    }
    let log = introducer.log();
    assert_eq!(log.matches("full: publishing is answered Busy").count(), 3, "once for each time the disk ran full");
    assert_eq!(log.matches("there is room on the disk again").count(), 3);
    println!("{} records accepted on a disk of {DISK_MIB} MiB", accepted.len());
    introducer.kill();
    introducer.launch();
    compare(&mut introducer.wire(2), &accepted);
    // Killed while the disk is full, and started on it: reading goes on, nothing is lost.
    disk.fill(0);
    publish_until_busy(&mut introducer.wire(3), &mut numbers, &mut accepted);
    introducer.kill();
    introducer.launch();
    compare(&mut introducer.wire(4), &accepted);
    disk.empty();
    let (mut wire, last) = (introducer.wire(5), Node::new(numbers.next().expect("numbers go on")));
    until("publishing goes on", || {
        wire.publish(last.record_of_size(1, 2000).bytes()).expect("an answer") == Answer::Accepted
    });
}
