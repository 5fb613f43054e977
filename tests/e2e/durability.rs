//! What was acknowledged is there: after `kill -9` at any moment, and because the disk was asked before the answer left.

use std::{
    fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anteroom::record::{HashedNodeId, SignedRecord};

use crate::support::{
    introducer::{Introducer, unshare},
    records::{Node, Random, grid},
    wire::Answer,
};

/// Rounds of load and `kill -9`.
const ROUNDS: u64 = 50;
/// Publishers at once, each with a key of its own.
const PUBLISHERS: u64 = 8;

/// Publishes with rising seqs until the introducer is gone; notes each seq that was acknowledged.
fn publish_until_gone(introducer: &Introducer, number: u64, acknowledged: &Mutex<Vec<u64>>, gone: &AtomicBool) {
    let node = Node::new(number);
    let Ok(mut wire) = crate::support::wire::Wire::connect(&introducer.socket(), number as u32) else { return };
    while !gone.load(Ordering::Relaxed) {
        let seq = acknowledged.lock().unwrap()[number as usize] + 1;
        // The seq may have been stored without an answer: then the same bytes are acknowledged again.
        match wire.publish(node.record(seq).bytes()) {
            Ok(Answer::Accepted) => acknowledged.lock().unwrap()[number as usize] = seq,
            Ok(other) => panic!("node {number} at {seq}: {other:?}"),
            Err(_) => return,
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let mut introducer = Introducer::with_config(
        "[limits]\nupdates_per_key_per_hour_max = 65535\nverifications_per_second_max = 1000000\n\
         new_keys_per_hour_max = 10000000\nbandwidth_per_circuit_kib_per_second_max = 1000000\n\
         bandwidth_kib_per_second_max = 1000000",
    );
    let acknowledged = Mutex::new(vec![0; PUBLISHERS as usize]);
    let mut random = Random::announced();
    for round in 0..ROUNDS {
        let gone = AtomicBool::new(false);
        let pause = Duration::from_micros(random.below(60_000));
        thread::scope(|scope| {
            for number in 0..PUBLISHERS {
                let (introducer, acknowledged, gone) = (&introducer, &acknowledged, &gone);
                scope.spawn(move || publish_until_gone(introducer, number, acknowledged, gone));
            }
            // The moment is what is random here; nothing waits for it.
            thread::sleep(pause);
            introducer.signal("-KILL");
            gone.store(true, Ordering::Relaxed);
        });
        introducer.kill();
        introducer.launch();
        let mut wire = introducer.wire(1000);
        for number in 0..PUBLISHERS {
            let hash = *HashedNodeId::new(&grid(), &Node::new(number).id()).as_bytes();
            let kept = wire.lookup(hash).unwrap();
            let seq = kept.map_or(0, |bytes| SignedRecord::decode(&bytes).unwrap().claims().seq);
            let known = acknowledged.lock().unwrap()[number as usize];
            assert!(seq == known || seq == known + 1, "round {round}: {known} was acknowledged, {seq} is there");
        }
    }
    let total: u64 = acknowledged.lock().unwrap().iter().sum();
    println!("{ROUNDS} rounds of kill -9, {total} acknowledged publishes, none lost");
    assert!(total > ROUNDS, "there was hardly any load: {total} publishes");
}

/// The calls of an strace log that matter here, in order.
fn calls(trace: &str) -> Vec<&str> {
    trace
        .lines()
        .filter(|line| {
            ["recvfrom(", "read(", "fdatasync(", "fsync(", "sendto(", "write("].iter().any(|call| line.contains(call))
        })
        .collect()
}

/// Is there a sync between the line that reads `from` bytes and the next that writes `to` bytes?
fn syncs_between(trace: &str, from: usize, to: usize) -> Option<bool> {
    let calls = calls(trace);
    let ends = |line: &&str, bytes: usize| line.ends_with(&format!("= {bytes}"));
    let read =
        calls.iter().position(|line| (line.contains("recvfrom(") || line.contains("read(")) && ends(line, from))?;
    let rest = calls.get(read..)?;
    let written =
        rest.iter().position(|line| (line.contains("sendto(") || line.contains("write(")) && ends(line, to))?;
    Some(rest.get(..written)?.iter().any(|line| line.contains("sync(")))
}

#[test]
fn the_disk_is_asked_before_the_answer_leaves() {
    let mut introducer = Introducer::prepared("");
    let trace = introducer.directory.path().join("trace");
    let trace_text = trace.to_str().unwrap().to_owned();
    introducer.wrap(&["strace", "-f", "-o", &trace_text, "-e", "trace=read,recvfrom,sendto,write,fsync,fdatasync"]);
    introducer.launch();
    let mut wire = introducer.wire(1);
    let node = Node::new(1);
    assert_eq!(wire.publish(node.record(1).bytes()).unwrap(), Answer::Accepted);
    wire.lookup(*HashedNodeId::new(&grid(), &node.id()).as_bytes()).unwrap();
    assert!(introducer.terminate().success());
    let log = fs::read_to_string(trace).unwrap();
    // A publish travels in a frame of 4 KiB, either way; the lookup in one of 1 KiB, and its answer in 4 KiB.
    let publish = syncs_between(&log, 4100, 4100);
    let after = log.split_once("= 1028\n").map(|(_, after)| after).expect("About and the lookup were read");
    let lookup_start =
        after.rfind("= 1028\n").map_or(after, |at| &after[after[..at].rfind('\n').map_or(0, |end| end + 1)..]);
    assert_eq!(publish, Some(true), "no sync between a publish and its answer:\n{log}");
    assert_eq!(syncs_between(lookup_start, 1028, 4100), Some(false), "this test would see a sync anywhere");
}

#[test]
fn a_store_that_is_damaged_or_of_another_grid_is_refused_and_left_alone() {
    let mut introducer = Introducer::start();
    let mut wire = introducer.wire(1);
    for number in 0..20 {
        assert_eq!(wire.publish(Node::new(number).record(1).bytes()).unwrap(), Answer::Accepted);
    }
    assert!(introducer.terminate().success());
    let store = introducer.directory.path().join("state/records.redb");
    let good = fs::read(&store).unwrap();

    let (own_grid, other_grid) = (grid().to_string(), anteroom::record::GridId::from_bytes([8; 32]).to_string());
    introducer.reconfigure(&own_grid, &other_grid);
    introducer.spawn();
    assert!(!introducer.exit_status().success());
    assert!(introducer.log().contains("belongs to another grid"), "{}", introducer.log());
    assert!(fs::read(&store).unwrap() == good, "another grid's store was changed");
    introducer.reconfigure(&other_grid, &own_grid);

    // A bit of a signature: the form holds, the signature does not.
    let record = Node::new(7).record(1);
    let signature = &record.bytes()[record.bytes().len() - 64..];
    let at = good.windows(64).position(|window| window == signature).expect("the record is in the file");
    let mut damaged = good.clone();
    damaged[at] ^= 1;
    fs::write(&store, &damaged).unwrap();
    introducer.spawn();
    assert!(!introducer.exit_status().success());
    assert!(introducer.log().contains("damaged"), "{}", introducer.log());
    assert!(fs::read(&store).unwrap() == damaged, "a damaged store was changed");

    fs::write(&store, &good).unwrap();
    introducer.launch();
    assert_eq!(introducer.wire(1).list(None, None).unwrap().len(), 20);
}

#[test]
fn a_full_disk_makes_publishing_busy_while_reading_goes_on() {
    let mut introducer = Introducer::prepared("");
    let state = introducer.state();
    fs::create_dir_all(&state).unwrap();
    // A disk of its own, and a ballast on it that the test takes away by the introducer's view of the file system.
    let mount = format!("mount -t tmpfs -o size=24m none {0} && exec \"$0\" \"$@\"", state.display());
    let mut words = unshare("m");
    words.extend(["sh".into(), "-c".into(), mount]);
    introducer.wrap(&words.iter().map(String::as_str).collect::<Vec<_>>());
    introducer.launch();
    let inside = std::path::PathBuf::from(format!("/proc/{}/root{}", introducer.pid(), state.display()));
    let mut wire = introducer.wire(1);
    assert_eq!(wire.publish(Node::new(0).record(1).bytes()).unwrap(), Answer::Accepted);
    let ballast = inside.join("ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    drop(file);

    let mut accepted = vec![0];
    for number in 1.. {
        match wire.publish(Node::new(number).record_of_size(1, 2048).bytes()).unwrap() {
            Answer::Accepted => accepted.push(number),
            Answer::Busy(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(wire.list(None, None).unwrap().len(), accepted.len(), "reading goes on");
    fs::remove_file(&ballast).unwrap();
    let next = Node::new(1_000_000).record(1);
    while wire.publish(next.bytes()).unwrap() != Answer::Accepted {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(wire.list(None, None).unwrap().len(), accepted.len() + 1, "nothing acknowledged is lost");
    assert!(introducer.terminate().success());
    println!("{} records before the disk was full", accepted.len());
}
