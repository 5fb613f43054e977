//! Key files: who may read them, what is in them, and the counter beside them.
#![cfg(any(feature = "server", feature = "client"))]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use anteroom::{
    keys::{self, KeyFileError, SeqCounter},
    record::{GridSecret, NodeSecret},
};

fn secret() -> NodeSecret {
    NodeSecret::from_seed([7; 32])
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_comes_back_and_only_its_owner_may_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    keys::create_node(&path, &secret()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(keys::load_node(&path).unwrap().id(), secret().id());
    assert!(fs::read_to_string(&path).unwrap().starts_with("# anteroom node key"));
}

#[test]
fn nothing_is_written_over_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    fs::write(&path, "anything").unwrap();
    let grid = GridSecret::from_seed([1; 32]);
    assert!(matches!(keys::create_grid(&path, &grid), Err(KeyFileError::Exists(_))));
    assert!(matches!(keys::create_node(&path, &secret()), Err(KeyFileError::Exists(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "anything");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    keys::create_node(&path, &secret()).unwrap();
    for open in [0o640, 0o604, 0o620, 0o602, 0o601, 0o610, 0o777] {
        mode(&path, open);
        let error = keys::load_node(&path).err().unwrap();
        assert!(matches!(error, KeyFileError::TooOpen { .. }));
        assert!(error.hint().contains("chmod 600"));
        assert!(matches!(SeqCounter::open(&path), Err(KeyFileError::TooOpen { .. })));
    }
    mode(&path, 0o400);
    assert!(keys::load_node(&path).is_ok());
}

#[test]
fn what_is_no_key_file_is_called_so() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(keys::load_node(dir.path()), Err(KeyFileError::NotRegular(_))));
    let path = dir.path().join("file");
    assert!(matches!(keys::load_node(&path), Err(KeyFileError::NotFound(_))));
    keys::create_grid(&path, &GridSecret::from_seed([1; 32])).unwrap();
    assert!(keys::load_grid(&path).is_ok());
    assert!(matches!(keys::load_node(&path), Err(KeyFileError::Secret { .. })));
    let line = secret().to_text();
    for bad in [String::new(), "# only a comment\n".into(), format!("{}\n{}\n", *line, *line), "#".repeat(5000)] {
        fs::write(&path, &bad).unwrap();
        assert!(matches!(keys::load_node(&path), Err(KeyFileError::Malformed(_))));
    }
    fs::write(&path, b"\xff\xff").unwrap();
    assert!(matches!(keys::load_node(&path), Err(KeyFileError::Malformed(_))));
    fs::write(&path, &line.as_bytes()[..line.len() - 1]).unwrap();
    assert!(matches!(keys::load_node(&path), Err(KeyFileError::Secret { .. })));
}

#[test]
#[expect(clippy::disallowed_types, reason = "only a program makes a pipe without unsafe code")]
fn a_pipe_is_refused_and_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert!(matches!(keys::load_node(&path), Err(KeyFileError::NotRegular(_))));
}

#[test]
fn an_error_does_not_show_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("grid.key");
    let grid = GridSecret::from_seed([1; 32]);
    keys::create_grid(&path, &grid).unwrap();
    let error = keys::load_node(&path).err().unwrap();
    assert!(!format!("{error} {error:?} {}", error.hint()).contains(&grid.to_text()[20..40]));
}

#[test]
fn a_counter_only_grows_and_is_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    keys::create_node(&path, &secret()).unwrap();
    let mut counter = SeqCounter::open(&path).unwrap();
    assert_eq!(counter.last(), 0);
    assert_eq!(counter.advance_beyond(0).unwrap(), 1);
    assert_eq!(counter.advance_beyond(40).unwrap(), 41);
    assert_eq!(counter.advance_beyond(7).unwrap(), 42);
    let file = dir.path().join("node.key.seq");
    assert_eq!(fs::read_to_string(&file).unwrap(), "42\n");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    drop(counter);
    assert_eq!(SeqCounter::open(&path).unwrap().last(), 42);
}

#[test]
fn two_processes_never_use_one_counter() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    keys::create_node(&path, &secret()).unwrap();
    let link = dir.path().join("link.key");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let mut first = SeqCounter::open(&link).unwrap();
    assert!(matches!(SeqCounter::open(&path), Err(KeyFileError::InUse(_))));
    assert_eq!(keys::last_seq(&path).unwrap(), 0, "may be looked at");
    first.advance_beyond(4).unwrap();
    drop(first);
    assert_eq!(SeqCounter::open(&path).unwrap().last(), 5);
}

#[test]
fn a_counter_that_is_none_stops_everything() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    keys::create_node(&path, &secret()).unwrap();
    for bad in ["", "1", "-1\n", "+1\n", "1 \n", "x\n", "18446744073709551616\n", "000000000000000000000001\n"] {
        fs::write(dir.path().join("node.key.seq"), bad).unwrap();
        assert!(matches!(SeqCounter::open(&path), Err(KeyFileError::Counter(_))), "{bad:?}");
    }
    fs::write(dir.path().join("node.key.seq"), "18446744073709551615\n").unwrap();
    let mut counter = SeqCounter::open(&path).unwrap();
    assert!(matches!(counter.advance_beyond(0), Err(KeyFileError::CounterExhausted(_))));
}

#[test]
fn a_number_that_can_not_be_written_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    keys::create_node(&path, &secret()).unwrap();
    let mut counter = SeqCounter::open(&path).unwrap();
    assert_eq!(counter.advance_beyond(0).unwrap(), 1);
    // In the way of the new counter, also for a test that runs as root.
    let obstacle = dir.path().join("node.key.seq.new");
    fs::create_dir(&obstacle).unwrap();
    assert!(matches!(counter.advance_beyond(0), Err(KeyFileError::Io { .. })));
    assert_eq!((counter.last(), keys::last_seq(&path).unwrap()), (1, 1));
    fs::remove_dir(&obstacle).unwrap();
    // Half a counter, as a crash leaves it.
    fs::write(&obstacle, "9").unwrap();
    assert_eq!(counter.advance_beyond(0).unwrap(), 2);
    assert!(!obstacle.exists());
}

#[test]
fn a_damaged_counter_says_what_to_remove() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    keys::create_node(&path, &secret()).unwrap();
    let counter = dir.path().join("node.key.seq");
    fs::write(&counter, "damaged").unwrap();
    let hint = SeqCounter::open(&path).err().unwrap().hint();
    assert!(hint.contains(&format!("remove {}", counter.display())), "{hint}");
}

#[test]
fn a_new_key_does_not_go_on_from_an_old_ones_counter() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    keys::create_node(&path, &secret()).unwrap();
    SeqCounter::open(&path).unwrap().advance_beyond(4).unwrap();
    fs::rename(&path, dir.path().join("old.key")).unwrap();
    let error = keys::create_node(&path, &secret()).err().unwrap();
    assert!(matches!(error, KeyFileError::CounterOfAnother(_)) && error.hint().contains("move it away"), "{error}");
    assert!(!path.exists());
    fs::remove_file(dir.path().join("node.key.seq")).unwrap();
    keys::create_node(&path, &secret()).unwrap();
    assert_eq!(keys::last_seq(&path).unwrap(), 0);
}

#[test]
fn a_second_name_of_a_key_is_no_second_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    keys::create_node(&path, &secret()).unwrap();
    let (soft, hard) = (dir.path().join("soft.key"), dir.path().join("hard.key"));
    std::os::unix::fs::symlink(&path, &soft).unwrap();
    fs::hard_link(&path, &hard).unwrap();
    let counter = SeqCounter::open(&path).unwrap();
    for name in [&soft, &hard] {
        assert!(matches!(SeqCounter::open(name), Err(KeyFileError::InUse(_))));
        keys::load_node(name).map(drop).unwrap();
    }
    drop(counter);
    mode(&path, 0o644);
    assert!(matches!(keys::load_node(&soft), Err(KeyFileError::TooOpen { .. })), "judged by what it leads to");
    // Nor is anything written through a link that leads nowhere yet.
    let dangling = dir.path().join("dangling.key");
    std::os::unix::fs::symlink(dir.path().join("nowhere.key"), &dangling).unwrap();
    assert!(matches!(keys::create_node(&dangling, &secret()), Err(KeyFileError::Exists(_))));
    assert!(!dir.path().join("nowhere.key").exists());
}
