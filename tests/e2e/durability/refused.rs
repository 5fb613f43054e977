//! Stores that are not taken: the message says why and what to do, and not a byte is changed.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anteroom::record::GridId;

use super::LIMITS;
use crate::support::{
    introducer::{Introducer, exists, unshare},
    records::{Node, fill_store, grid},
    wire::Answer,
};

type Snapshot = BTreeMap<PathBuf, Vec<u8>>;

fn snapshot(introducer: &Introducer) -> Snapshot {
    let entries = fs::read_dir(introducer.state()).expect("a state directory").map(|entry| {
        let path = entry.expect("an entry").path();
        let bytes = fs::read(&path).expect("a file");
        (path, bytes)
    });
    entries.collect()
}

/// Starts, which has to fail with `message` and change nothing.
fn refuses(introducer: &mut Introducer, message: &str) {
    let before = snapshot(introducer);
    introducer.spawn();
    let status = introducer.exit_status();
    assert!(!status.success() && status.code().is_some(), "{status}");
    let log = introducer.log();
    assert!(log.contains(message), "no {message:?} in:\n{log}");
    assert_eq!(log.matches("panicked").count(), 0, "{log}");
    assert!(snapshot(introducer) == before, "the state directory was changed");
    assert!(!exists(&introducer.socket()), "a socket was left behind");
}

fn with_store() -> Introducer {
    let introducer = Introducer::prepared(LIMITS);
    fill_store(&introducer.state(), 50, 1000);
    introducer
}

fn store_file(introducer: &Introducer) -> PathBuf {
    introducer.state().join("records.redb")
}

/// Changes the first place where `from` stands.
fn patch(introducer: &Introducer, from: &[u8], change: impl FnOnce(&mut [u8])) {
    let mut bytes = fs::read(store_file(introducer)).expect("a store");
    let place = bytes.windows(from.len()).position(|window| window == from).expect("it is in the file");
    change(&mut bytes[place..place + from.len()]);
    fs::write(store_file(introducer), bytes).expect("the store can be written");
}

#[test]
fn a_store_of_a_newer_version() {
    let mut introducer = with_store();
    let database = redb::Database::open(store_file(&introducer)).expect("a redb file");
    let transaction = database.begin_write().expect("a transaction");
    {
        let table = redb::TableDefinition::<&str, &[u8]>::new("meta");
        let mut table = transaction.open_table(table).expect("the table");
        table.insert("format", 2_u32.to_be_bytes().as_slice()).expect("room");
    }
    transaction.commit().expect("room");
    drop(database);
    refuses(&mut introducer, "newer version");
}

#[test]
fn a_store_with_a_damaged_record() {
    let mut introducer = with_store();
    let record = Node::new(crate::support::records::STORED_NODES_FROM + 7).record_of_size(1, 1000);
    patch(&introducer, record.bytes(), |bytes| bytes[500] ^= 1);
    refuses(&mut introducer, "damaged");
}

#[test]
fn a_store_that_is_cut_off() {
    let mut introducer = with_store();
    let file = fs::File::options().write(true).open(store_file(&introducer)).expect("a store");
    file.set_len(file.metadata().expect("a file").len() / 2).expect("a file");
    drop(file);
    refuses(&mut introducer, "damaged");
}

#[test]
fn a_store_that_is_none() {
    let mut introducer = Introducer::prepared(LIMITS);
    fs::create_dir(introducer.state()).expect("a directory");
    fs::write(store_file(&introducer), vec![7; 100_000]).expect("a file");
    refuses(&mut introducer, "not an anteroom store");
}

#[test]
fn a_store_of_another_grid() {
    let mut introducer = with_store();
    introducer.reconfigure(&grid().to_string(), &GridId::from_bytes([8; 32]).to_string());
    refuses(&mut introducer, "another grid");
    introducer.reconfigure(&GridId::from_bytes([8; 32]).to_string(), &grid().to_string());
    introducer.launch();
    assert_eq!(introducer.wire(1).list(None, None).expect("a listing").len(), 50, "the grid it belongs to takes it");
}

#[test]
fn a_store_that_can_only_be_read() {
    let mut introducer = with_store();
    let state = introducer.state().display().to_string();
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && shift && exec \"$@\"";
    let mut words = unshare("m");
    words.extend(["sh", "-c", script, "sh", &state].map(String::from));
    introducer.wrap(&words);
    refuses(&mut introducer, "can't be written to");
}

#[test]
fn a_directory_that_another_introducer_has() {
    let first = Introducer::with_config(LIMITS);
    let mut second = Introducer::prepared(LIMITS);
    second.reconfigure("state = \"state\"", &format!("state = \"{}\"", first.state().display()));
    second.spawn();
    assert!(!second.exit_status().success());
    assert!(second.log().contains("in use by another introducer"), "{}", second.log());
    assert_eq!(first.wire(1).publish(Node::new(1).record(1).bytes()).expect("an answer"), Answer::Accepted);
}

#[test]
fn a_socket_that_another_introducer_has() {
    let first = Introducer::with_config(LIMITS);
    let mut second = Introducer::prepared(LIMITS);
    second.reconfigure("socket = \"socket\"", &format!("socket = \"{}\"", first.socket().display()));
    second.spawn();
    assert!(!second.exit_status().success());
    assert!(second.log().contains("another process listens"), "{}", second.log());
    assert_eq!(first.wire(1).publish(Node::new(1).record(1).bytes()).expect("an answer"), Answer::Accepted);
}
