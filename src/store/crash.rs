//! Crashes: after each act of a workload, and in the midst of the recovery from an earlier crash.

use std::sync::Arc;

use super::{
    Store,
    fault::{Act, Disk, Syncs, after, crashes},
    log::SLACK_ENTRIES,
    model::{Model, Random, Workload, load_disk},
};

/// Groups committed before the crashes: enough that old entries are being dropped.
fn warm(store: &mut Store, workload: &mut Workload, model: &mut Model) {
    let mut written = 0;
    while written < SLACK_ENTRIES + 200 {
        let writes: Vec<_> = (0..200).map(|_| workload.put()).collect();
        let marks = workload.marks();
        store.commit(&writes, marks, 0).unwrap();
        model.apply(&writes, marks);
        written += 200;
    }
}

/// A workload on a disk: where it started, what it did, and what the store had to hold after each group.
fn run(seed: u64, warmed: bool, groups: usize) -> (Vec<u8>, Vec<Act>, Vec<Model>) {
    let disk = Arc::new(Disk::default());
    let mut workload = Workload::new(seed, 60);
    let mut model = Model::default();
    let mut store = load_disk(&disk).unwrap().1.accept().unwrap();
    if warmed {
        warm(&mut store, &mut workload, &mut model);
    }
    let start = disk.start_trace();
    let mut models = vec![model.clone()];
    for number in 1..=groups {
        let (writes, marks) = (workload.group(12), workload.marks());
        store.commit(&writes, marks, 0).unwrap();
        model.apply(&writes, marks);
        models.push(model.clone());
        disk.acknowledge(number);
    }
    drop(store);
    (start, disk.trace(), models)
}

/// Whether the image holds what was acknowledged, or that and the group in flight. Which of the two.
fn held(image: &[u8], acknowledged: usize, models: &[Model]) -> Result<usize, String> {
    let disk = Arc::new(Disk::holding(image.to_vec()));
    let (found, _) = load_disk(&disk).map_err(|error| error.to_string())?;
    if disk.bytes() != image {
        return Err("loading alone changed the file".into());
    }
    (acknowledged..models.len().min(acknowledged + 2))
        .find(|number| models[*number] == found)
        .ok_or_else(|| format!("{acknowledged} groups were acknowledged, and this is neither that nor the next"))
}

#[test]
fn every_image_of_a_crash_holds_what_was_acknowledged() {
    let (mut images, mut in_flight, mut nested) = (0, 0, 0);
    for (seed, warmed) in [(1, false), (2, true), (3, true)] {
        let (start, trace, models) = run(seed, warmed, 8);
        let mut random = Random(seed);
        crashes(&start, &trace, Syncs::Hold, &mut random, 3, |image, acknowledged| {
            images += 1;
            let found = held(image, acknowledged, &models).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            in_flight += usize::from(found > acknowledged);
            if images % 16 == 0 {
                nested += crash_again(image, found, &models);
            }
        });
    }
    assert!(images > 1000 && in_flight > 10 && nested > 500, "{images} {in_flight} {nested}");
}

/// Crashes in the recovery from a crash; what it was going to recover stays. How many.
fn crash_again(image: &[u8], found: usize, models: &[Model]) -> usize {
    let disk = Arc::new(Disk::holding(image.to_vec()));
    let mut store = load_disk(&disk).unwrap().1.accept().unwrap();
    let mut workload = Workload::new(7, 2);
    let (writes, marks) = (workload.group(4), workload.marks());
    store.commit(&writes, marks, 0).unwrap();
    drop(store);
    let mut after = models[found].clone();
    after.apply(&writes, marks);
    let models = [models[found].clone(), after];
    let mut images = 0;
    crashes(image, &disk.trace(), Syncs::Hold, &mut Random(found as u64), 2, |image, _| {
        images += 1;
        held(image, 0, &models).unwrap_or_else(|error| panic!("crash in the recovery: {error}"));
    });
    images
}

/// After a kill the operating system still has what was never synced, and shows it. Recovery must not build on that
/// before it is on the disk.
#[test]
fn a_kill_and_then_a_power_cut_in_the_recovery_lose_nothing() {
    let (start, trace, models) = run(6, true, 8);
    let mut images = 0;
    for killed in (0..trace.len()).step_by(3) {
        let done = &trace[..killed];
        let synced = done.iter().rposition(|act| matches!(act, Act::Sync)).map_or(0, |last| last + 1);
        let acknowledged = done.iter().rev().find_map(|act| match act {
            Act::Acknowledged(groups) => Some(*groups),
            _ => None,
        });
        let disk = Arc::new(Disk::holding(after(&start, done)));
        let store = load_disk(&disk).unwrap().1.accept().unwrap();
        let acts = [&done[synced..], &disk.trace()].concat();
        drop(store);
        crashes(&after(&start, &done[..synced]), &acts, Syncs::Hold, &mut Random(killed as u64), 2, |image, _| {
            images += 1;
            held(image, acknowledged.unwrap_or(0), &models).unwrap_or_else(|error| panic!("act {killed}: {error}"));
        });
    }
    assert!(images > 1000, "{images}");
}

#[test]
fn a_disk_that_lies_about_syncs_is_caught() {
    let (start, trace, models) = run(4, true, 8);
    let mut lost = 0;
    crashes(&start, &trace, Syncs::Lie, &mut Random(4), 3, |image, acknowledged| {
        lost += usize::from(held(image, acknowledged, &models).is_err());
    });
    assert!(lost > 100, "{lost}");
}

#[test]
fn a_store_that_forgets_the_last_group_is_caught() {
    let (start, trace, models) = run(5, true, 4);
    let mut caught = false;
    crashes(&start, &trace, Syncs::Hold, &mut Random(5), 0, |image, acknowledged| {
        let hasty = (acknowledged + 1).min(models.len() - 1);
        caught |= held(image, hasty, &models).is_err();
    });
    assert!(caught);
}
