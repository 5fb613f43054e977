//! The store on real file systems: one that is full, one that can't be written to, and one whose writer is killed.
//!
//! What is named `inside_…` needs a file system or a process of its own: the test starts itself again, in a directory with
//! a mark and in a mount namespace (`unshare`), and that second run does it. Where that is not possible the test fails and
//! says so.

#![cfg(feature = "server")]
#![expect(clippy::disallowed_types, reason = "starts itself again, in a mount namespace or to be killed")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on fails")]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use anteroom::{
    record::{ContactRecord, GridId, Lifetime, NodeId, NodeSecret, Timestamp},
    store::{Chunk, CommitError, Limits, Marks, OpenError, RETRY_MILLIS, Store, Write, open},
};

const LIMITS: Limits = Limits { content_bytes_max: 1 << 30 };

fn put(number: u32) -> Write {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    let secret = NodeSecret::from_seed(seed);
    let record = ContactRecord {
        grid: GridId::from_bytes([1; 32]),
        node: secret.id(),
        seq: u64::from(number),
        issued: Timestamp::from_hours(500_000),
        lifetime: Lifetime::MAX,
        nickname: None,
        services: Vec::new(),
        grants: vec![vec![7; 256], vec![7; 110]],
    };
    let record: Arc<[u8]> = record.sign(&secret).unwrap().bytes().into();
    let accepted = Timestamp::from_hours(number);
    Write::Put { node: secret.id(), accepted, floor_until: accepted.plus_hours(720), record }
}

fn marks(hour: u32) -> Marks {
    Marks { latest_hour: Timestamp::from_hours(hour), forgotten_until: Timestamp::EPOCH }
}

/// The store, and the accepted hour of every node in it.
fn opened(directory: &Path) -> Result<(Store, BTreeMap<NodeId, u32>), OpenError> {
    let mut rows = BTreeMap::new();
    let loaded = open(directory, LIMITS)?.load(|chunk| {
        if let Chunk::Rows(chunk) = chunk {
            for row in chunk {
                let node = row.record.claims().node;
                row.record.verify().expect("a signature that does not hold any more");
                rows.insert(node, row.accepted.hours());
            }
        }
    })?;
    Ok((loaded.accept()?, rows))
}

fn numbered(end: u32) -> BTreeMap<NodeId, u32> {
    let row = |number| match put(number) {
        Write::Put { node, accepted, .. } => (node, accepted.hours()),
        _ => unreachable!(),
    };
    (0..end).map(row).collect()
}

/// In the directory where a test has itself started again; there it does the other half of its job.
const INSIDE: &str = "inside";

fn is_inside() -> bool {
    Path::new(INSIDE).exists()
}

/// Starts `test` again in `directory`, after `mounts`, in a mount namespace of its own.
fn inside(test: &str, directory: &Path, mounts: &str) {
    fs::write(directory.join(INSIDE), "").unwrap();
    let this = std::env::args_os().next().expect("the path of this test");
    // As root a plain mount namespace will do, and works where user namespaces are forbidden.
    let map: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--map-root-user"] };
    let script = format!("set -e; {mounts}; exec \"$0\" --exact {test} --nocapture");
    let output = Command::new("unshare")
        .arg("--mount")
        .args(map)
        .args(["sh", "-c", &script])
        .arg(this)
        .current_dir(directory)
        .output()
        .expect("this test needs `unshare` (util-linux)");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{test} failed, or a mount namespace can't be had here (run as root, or allow user namespaces):\n{said}"
    );
}

#[test]
fn a_full_disk_refuses_publishing_until_there_is_room() {
    if is_inside() {
        return inside_a_full_disk();
    }
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("disk")).unwrap();
    inside(
        "a_full_disk_refuses_publishing_until_there_is_room",
        directory.path(),
        "mount -t tmpfs -o size=12m anteroom disk",
    );
}

fn inside_a_full_disk() {
    let disk = Path::new("disk");
    let store_path = disk.join("store");
    fs::write(disk.join("ballast"), vec![1; 6 << 20]).unwrap();
    let (mut store, _) = opened(&store_path).unwrap();
    let mut acknowledged = 0;
    loop {
        match store.commit(&[put(acknowledged)], marks(acknowledged), 0) {
            Ok(()) => acknowledged += 1,
            Err(CommitError::Full) => break,
            Err(error) => panic!("after {acknowledged}: {error}"),
        }
        assert!(acknowledged < 100_000, "this disk does not run full");
    }
    assert!(acknowledged > 100, "{acknowledged}");
    assert!(matches!(store.commit(&[put(acknowledged)], marks(0), RETRY_MILLIS), Err(CommitError::Full)));
    // Starts on a disk without any room.
    drop(store);
    let mut rest = fs::File::create(disk.join("rest")).unwrap();
    while rest.write_all(&[0; 512]).is_ok() {}
    assert!(matches!(open(&disk.join("other"), LIMITS).map(|_| ()), Err(OpenError::Full)));
    let (mut store, rows) = opened(&store_path).unwrap();
    assert_eq!(rows, numbered(acknowledged));
    let many: Vec<Write> = (acknowledged..acknowledged + 20_000).map(put).collect();
    assert!(matches!(store.commit(&many, marks(0), 0), Err(CommitError::Full)));
    assert!(matches!(store.commit(&[put(acknowledged)], marks(0), RETRY_MILLIS), Err(CommitError::Full)));
    // Room comes back; no restart.
    fs::remove_file(disk.join("ballast")).unwrap();
    assert!(matches!(store.commit(&[put(acknowledged)], marks(0), RETRY_MILLIS + 1), Err(CommitError::Full)));
    store.commit(&[put(acknowledged)], marks(acknowledged), 2 * RETRY_MILLIS).unwrap();
    drop(store);
    assert_eq!(opened(&store_path).unwrap().1, numbered(acknowledged + 1));
    assert!(!store_path.join("records.room").exists());
}

#[test]
fn a_store_that_cannot_be_written_to_is_refused() {
    if is_inside() {
        return inside_a_read_only_file_system();
    }
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("disk/store");
    fs::create_dir(directory.path().join("disk")).unwrap();
    opened(&store).unwrap().0.commit(&[put(0)], marks(0), 0).unwrap();
    let before = fs::read(store.join("records.redb")).unwrap();
    let mounts = "mount --bind disk disk; mount -o remount,bind,ro disk";
    inside("a_store_that_cannot_be_written_to_is_refused", directory.path(), mounts);
    assert_eq!(fs::read(store.join("records.redb")).unwrap(), before);
}

fn inside_a_read_only_file_system() {
    for place in ["disk/store", "disk/new"] {
        let error = open(Path::new(place), LIMITS).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::ReadOnly { .. }), "{place}: {error:?}");
        assert!(error.to_string().contains(place), "{error}");
    }
}

#[test]
fn two_introducers_never_share_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = opened(directory.path()).unwrap();
    let error = open(directory.path(), LIMITS).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
    drop(store);
    opened(directory.path()).unwrap();
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if is_inside() {
        return inside_a_process_to_be_killed();
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(INSIDE), "").unwrap();
    let mut from = 0;
    for round in 0..5 {
        let mut child = Command::new(std::env::args_os().next().unwrap())
            .args(["--exact", "what_was_acknowledged_survives_a_kill", "--nocapture"])
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut acknowledged = from;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            if let Some(number) = line.unwrap().strip_prefix("acknowledged ") {
                acknowledged = number.parse().unwrap();
            }
            if acknowledged >= from + 40 + 7 * round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let (store, rows) = opened(&directory.path().join("store")).unwrap();
        assert!(rows.len() as u32 >= acknowledged && rows == numbered(rows.len() as u32), "{acknowledged}");
        assert_eq!(store.marks(), marks(rows.len() as u32 - 1));
        from = rows.len() as u32;
    }
}

#[expect(clippy::disallowed_macros, reason = "tells its parent how far it is")]
fn inside_a_process_to_be_killed() {
    let (mut store, rows) = opened(Path::new("store")).unwrap();
    for number in rows.len() as u32.. {
        store.commit(&[put(number)], marks(number), 0).unwrap();
        println!("\nacknowledged {}", number + 1);
    }
}

/// A redb file with one value in a table `meta`.
fn foreign(directory: &Path, key: &str, value: &[u8]) -> Vec<u8> {
    const META: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("meta");
    let file = directory.join("records.redb");
    let database = redb::Database::create(&file).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert(key, value).unwrap();
    transaction.commit().unwrap();
    drop(database);
    fs::read(file).unwrap()
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let before = foreign(directory.path(), "format", &2_u32.to_be_bytes());
    let error = open(directory.path(), LIMITS).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1 }), "{error:?}");
    assert_eq!(fs::read(directory.path().join("records.redb")).unwrap(), before);
}

#[test]
fn what_is_no_store_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |before: &[u8]| {
        let error = open(directory.path(), LIMITS).map(|_| ()).unwrap_err();
        assert_eq!(fs::read(directory.path().join("records.redb")).unwrap(), before);
        error
    };
    assert!(matches!(refused(&foreign(directory.path(), "something", b"else")), OpenError::Foreign));
    for (bytes, truncated) in [(&b""[..], true), (b"redb", true), (&[7; 5000], false)] {
        fs::write(directory.path().join("records.redb"), bytes).unwrap();
        let error = refused(bytes);
        assert!(if truncated { matches!(error, OpenError::Damaged(_)) } else { matches!(error, OpenError::Foreign) });
    }
}

#[test]
fn an_interrupted_creation_is_no_store() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("records.redb.new"), b"half of it").unwrap();
    let (store, rows) = opened(directory.path()).unwrap();
    assert!(rows.is_empty() && store.rows() == 0);
    assert!(!directory.path().join("records.redb.new").exists());
}

#[test]
fn nobody_else_on_the_machine_reads_the_store() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("store");
    drop(opened(&place).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&place), mode(&place.join("records.redb"))), (0o700, 0o600));
}
