//! Disks and caps that leave no room, and room that comes back.

use std::{
    io::ErrorKind,
    sync::{Arc, Mutex, mpsc},
};

use super::{
    CommitError, FatalError, GroupCommit, Limits, Opened, RETRY_MILLIS, Store, Write,
    fault::{Disk, Syncs, crashes},
    medium::Place,
    model::{Model, Random, Workload, load, load_disk},
};

fn filled(workload: &mut Workload) -> (Arc<Disk>, Store, Model) {
    let disk = Arc::new(Disk::default());
    let mut store = load_disk(&disk).unwrap().1.accept().unwrap();
    let mut model = Model::default();
    for _ in 0..3 {
        let (writes, marks) = (workload.group(20), workload.marks());
        store.commit(&writes, marks, 0).unwrap();
        model.apply(&writes, marks);
    }
    (disk, store, model)
}

/// Either this model holds, or also the group that was refused: when the last sync failed, nobody can know.
fn assert_holds(disk: &Arc<Disk>, model: &Model, refused: &Model) {
    let (found, _) = load_disk(disk).unwrap();
    assert!(found == *model || found == *refused);
}

#[test]
fn a_full_disk_at_any_moment_is_full_until_there_is_room() {
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge] {
        let mut refusals = 0;
        for acts in 0..60 {
            let mut workload = Workload::new(acts, 30);
            let (disk, mut store, mut model) = filled(&mut workload);
            let (writes, marks) = ((0..60).map(|_| workload.put()).collect::<Vec<_>>(), workload.marks());
            let mut refused = model.clone();
            refused.apply(&writes, marks);
            disk.fill_after(Some(acts as usize), kind);
            let answer = store.commit(&writes, marks, 0);
            if disk.ran_full() {
                refusals += 1;
                assert!(matches!(answer, Err(CommitError::Full)), "{acts}: {answer:?}");
                assert!(matches!(store.commit(&writes, marks, RETRY_MILLIS - 1), Err(CommitError::Full)));
                assert!(matches!(store.commit(&writes, marks, RETRY_MILLIS), Err(CommitError::Full)));
                assert_holds(&disk, &model, &refused);
                // Room comes back, and is noticed after the next pause.
                disk.fill_after(None, kind);
                assert!(matches!(store.commit(&writes, marks, 2 * RETRY_MILLIS - 1), Err(CommitError::Full)));
                let (writes, marks) = (workload.group(20), workload.marks());
                store.commit(&writes, marks, 2 * RETRY_MILLIS).unwrap();
                model.apply(&writes, marks);
                refused.apply(&writes, marks);
            } else {
                answer.unwrap();
                model = refused.clone();
            }
            drop(store);
            assert_holds(&disk, &model, &refused);
        }
        assert!((10..60).contains(&refusals), "{refusals}");
    }
}

#[test]
fn a_disk_that_runs_full_again_while_the_store_recovers_loses_nothing() {
    for acts in 0..30 {
        let mut workload = Workload::new(acts, 30);
        let (disk, mut store, model) = filled(&mut workload);
        disk.fill_after(Some(3), ErrorKind::StorageFull);
        let (writes, marks) = ((0..60).map(|_| workload.put()).collect::<Vec<_>>(), workload.marks());
        let mut refused = model.clone();
        refused.apply(&writes, marks);
        assert!(matches!(store.commit(&writes, marks, 0), Err(CommitError::Full)));
        let start = disk.start_trace();
        // Enough for the look whether there is room, not for what follows.
        disk.fill_after(Some(acts as usize + 1), ErrorKind::StorageFull);
        let answer = store.commit(&writes, marks, RETRY_MILLIS);
        assert!(matches!(answer, Ok(()) | Err(CommitError::Full)));
        crashes(&start, &disk.trace(), Syncs::Hold, &mut Random(acts), 1, |image, _| {
            assert_holds(&Arc::new(Disk::holding(image.to_vec())), &model, &refused);
        });
        disk.fill_after(None, ErrorKind::StorageFull);
        store.commit(&writes, marks, 3 * RETRY_MILLIS).unwrap();
        drop(store);
        assert_holds(&disk, &refused, &refused);
    }
}

#[test]
fn any_other_error_of_the_disk_is_fatal() {
    let mut workload = Workload::new(1, 30);
    let (disk, mut store, model) = filled(&mut workload);
    disk.fill_after(Some(2), ErrorKind::Other);
    let (writes, marks) = ((0..60).map(|_| workload.put()).collect::<Vec<_>>(), workload.marks());
    let io = store.commit(&writes, marks, 0);
    assert!(matches!(io, Err(CommitError::Fatal(FatalError::Io(ErrorKind::Other)))), "{io:?}");
    disk.fill_after(None, ErrorKind::Other);
    let later = store.commit(&writes, marks, 10 * RETRY_MILLIS);
    assert!(matches!(later, Err(CommitError::Fatal(FatalError::Earlier))), "{later:?}");
    drop(store);
    assert_eq!(load_disk(&disk).unwrap().0, model);
}

#[test]
fn a_store_swapped_for_an_old_copy_while_it_was_full_is_fatal() {
    let mut workload = Workload::new(1, 30);
    let (disk, mut store, _) = filled(&mut workload);
    let old = disk.bytes();
    for _ in 0..2 {
        let (writes, marks) = (vec![workload.put()], workload.marks());
        store.commit(&writes, marks, 0).unwrap();
    }
    disk.fill_after(Some(0), ErrorKind::StorageFull);
    let (writes, marks) = (vec![workload.put()], workload.marks());
    assert!(matches!(store.commit(&writes, marks, 0), Err(CommitError::Full)));
    disk.fill_after(None, ErrorKind::StorageFull);
    disk.set_len(old.len() as u64).unwrap();
    disk.write(0, &old).unwrap();
    let answer = store.commit(&writes, marks, RETRY_MILLIS);
    assert!(matches!(answer, Err(CommitError::Fatal(FatalError::Reopen(_)))), "{answer:?}");
    drop(store);
    assert_eq!(disk.bytes(), old);
}

fn capped(content_bytes_max: u64) -> (Arc<Disk>, Store) {
    let disk = Arc::new(Disk::default());
    let opened = Opened::at(Place::Disk(Arc::clone(&disk)), Limits { content_bytes_max }).unwrap();
    (disk, load(opened).unwrap().1.accept().unwrap())
}

#[test]
fn the_cap_refuses_what_grows_and_nothing_else() {
    let (disk, mut store) = capped(4_000);
    let mut workload = Workload::new(1, 100);
    let mut model = Model::default();
    let mut refused = 0;
    for _ in 0..1000 {
        let (writes, marks) = (vec![workload.put()], workload.marks());
        match store.commit(&writes, marks, 0) {
            Ok(()) => model.apply(&writes, marks),
            Err(CommitError::Full) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 900, "{refused}");
    let held: usize = model.rows.values().map(|(_, _, record)| record.len() + 40).sum();
    assert!((3_000..=4_000).contains(&held), "{held}");
    let node = *model.rows.keys().next().unwrap();
    let (writes, marks) = (vec![Write::Delete(node)], workload.marks());
    store.commit(&writes, marks, 0).unwrap();
    model.apply(&writes, marks);
    drop(store);
    assert_eq!(load_disk(&disk).unwrap().0, model);
}

#[test]
fn in_a_group_that_finds_no_room_what_makes_room_gets_through() {
    let (disk, mut store) = capped(4_000);
    let mut workload = Workload::new(1, 100);
    let mut model = Model::default();
    for number in 0.. {
        assert!(number < 1000, "there is no cap");
        let (writes, marks) = (vec![workload.put()], workload.marks());
        if store.commit(&writes, marks, 0).is_err() {
            break;
        }
        model.apply(&writes, marks);
    }
    let node = *model.rows.keys().next().unwrap();
    let (tell, told) = mpsc::channel();
    let gate = Arc::new(Mutex::new(()));
    let clock = {
        let gate = Arc::clone(&gate);
        move || {
            drop(gate.lock());
            0
        }
    };
    let complete = move |tokens: Vec<u32>, result: Result<(), _>| tell.send((tokens, result.is_ok())).unwrap();
    // Nothing is committed while the gate is shut, so all but the first submissions are one group.
    let shut = gate.lock().unwrap();
    let group = GroupCommit::start(store, clock, complete).unwrap();
    let marks = workload.marks();
    for token in 0..=20 {
        let writes = if token == 10 { vec![Write::Delete(node)] } else { vec![workload.put(), workload.put()] };
        group.submit(writes, Some(marks), token).unwrap();
    }
    drop(shut);
    drop(group.shutdown().unwrap());
    model.apply(&[Write::Delete(node)], marks);
    let told: Vec<(Vec<u32>, bool)> = told.iter().collect();
    assert!(told.contains(&(vec![10], true)), "{told:?}");
    assert!(told.iter().filter(|(_, ok)| *ok).count() == 1, "{told:?}");
    assert_eq!(load_disk(&disk).unwrap().0, model);
}
