//! Damaged files: bits flipped, ends cut off, blocks lost or swapped, in every part of a store.

use std::sync::Arc;

use redb::ReadableTable as _;

use super::{
    Damage, OpenError,
    fault::Disk,
    header::HEADER_BYTES,
    medium::Medium,
    model::{Model, Random, Workload, load_disk, quiet},
    quarantine::{Quarantine, Shared},
    row,
};

/// A store, shut down in an orderly way or not, and what is in it.
fn stored(orderly: bool) -> (Vec<u8>, Model) {
    let disk = Arc::new(Disk::default());
    let mut store = load_disk(&disk).unwrap().1.accept().unwrap();
    let mut workload = Workload::new(11, 60);
    let mut model = Model::default();
    for _ in 0..12 {
        let (writes, marks) = (workload.group(100), workload.marks());
        store.commit(&writes, marks, 0).unwrap();
        model.apply(&writes, marks);
    }
    if !orderly {
        let bytes = disk.bytes();
        drop(store);
        return (bytes, model);
    }
    drop(store);
    (disk.bytes(), model)
}

/// What came of opening a damaged file.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Right,
    Refused,
}

fn open(bytes: &[u8], model: &Model, what: &str) -> Outcome {
    let disk = Arc::new(Disk::holding(bytes.to_vec()));
    let outcome = match load_disk(&disk) {
        Ok((found, loaded)) => {
            assert!(found == *model, "{what}: loaded, but not what was stored");
            assert!(disk.bytes() == bytes, "{what}: written to before it was accepted");
            let (writes, marks) = (Workload::new(3, 3).group(3), model.marks);
            let mut store = loaded.accept().unwrap();
            store.commit(&writes, marks, 0).unwrap();
            drop(store);
            let mut model = model.clone();
            model.apply(&writes, marks);
            assert!(load_disk(&disk).unwrap().0 == model, "{what}: accepted, but not sound");
            return Outcome::Right;
        }
        Err(OpenError::Damaged(_)) => Outcome::Refused,
        Err(OpenError::Foreign) if !bytes.starts_with(b"redb\x1a\x0a\xa9\x0d\x0a") => Outcome::Refused,
        Err(error) => panic!("{what}: refused for the wrong reason: {error}"),
    };
    assert!(disk.bytes() == bytes, "{what}: refused, but written to");
    outcome
}

/// One kind of damage.
type Harm = fn(&mut Vec<u8>, &mut Random);

const HARMS: [(&str, Harm, u32); 8] = [
    ("a bit flipped", |bytes, random| flip(bytes, random, 0, u64::MAX), 300),
    ("a bit of the header flipped", |bytes, random| flip(bytes, random, 0, HEADER_BYTES as u64), 300),
    ("a bit in use flipped", |bytes, random| flip_in_use(bytes, random), 300),
    ("ten bits flipped", |bytes, random| (0..10).for_each(|_| flip_in_use(bytes, random)), 100),
    ("cut off", |bytes, random| bytes.truncate(random.below(bytes.len() as u64) as usize), 100),
    ("cut off at a page", |bytes, random| bytes.truncate(random.below(bytes.len() as u64 / 4096) as usize * 4096), 100),
    ("a sector zeroed", |bytes, random| sector(bytes, random).fill(0), 200),
    ("a page come from elsewhere", |bytes, random| page_from_elsewhere(bytes, random), 200),
];

fn flip(bytes: &mut [u8], random: &mut Random, from: u64, to: u64) {
    let bit = from * 8 + random.below((to.min(bytes.len() as u64) - from) * 8);
    bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
}

fn flip_in_use(bytes: &mut [u8], random: &mut Random) {
    let sector = sector(bytes, random);
    flip(sector, random, 0, 512);
}

/// A sector that holds anything.
fn sector<'a>(bytes: &'a mut [u8], random: &mut Random) -> &'a mut [u8] {
    let used: Vec<_> =
        bytes.chunks(512).enumerate().filter(|(_, sector)| sector.iter().any(|byte| *byte != 0)).collect();
    let number = used[random.below(used.len() as u64) as usize].0;
    &mut bytes[number * 512..(number + 1) * 512]
}

fn page_from_elsewhere(bytes: &mut [u8], random: &mut Random) {
    let pages = bytes.len() as u64 / 4096;
    let (from, to) = (random.below(pages) as usize * 4096, random.below(pages) as usize * 4096);
    bytes.copy_within(from..from + 4096, to);
}

#[test]
fn a_damaged_store_is_right_or_refused_and_untouched() {
    quiet();
    for orderly in [true, false] {
        let (sound, model) = stored(orderly);
        assert_eq!(open(&sound, &model, "sound"), Outcome::Right);
        for (what, harm, times) in HARMS {
            let mut refused = 0;
            for seed in 0..u64::from(times) {
                let mut bytes = sound.clone();
                harm(&mut bytes, &mut Random(seed));
                if bytes != sound {
                    let what = format!("{what}, seed {seed}, orderly {orderly}");
                    refused += u32::from(open(&bytes, &model, &what) == Outcome::Refused);
                }
            }
            assert!(refused > times / 20, "{what}: only {refused} of {times} were refused: is anything checked?");
        }
    }
}

#[test]
fn every_bit_of_the_header_is_right_or_refused() {
    quiet();
    // Flags and geometry of a store that was shut down in an orderly way; the slots too of one that was not.
    for (orderly, bytes) in [(true, 64), (false, HEADER_BYTES)] {
        let (sound, model) = stored(orderly);
        for bit in 0..bytes * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            open(&bytes, &model, &format!("bit {bit}, orderly {orderly}"));
        }
    }
}

#[test]
fn what_is_no_store_is_called_so() {
    let open = |bytes: &[u8]| {
        let disk = Arc::new(Disk::holding(bytes.to_vec()));
        let error = load_disk(&disk).map(|_| ()).unwrap_err();
        assert_eq!(disk.bytes(), bytes);
        error
    };
    assert!(matches!(open(&[7; 100]), OpenError::Damaged(Damage::Truncated)));
    assert!(matches!(open(&[7; 10_000]), OpenError::Foreign));
    assert!(matches!(open(&[0; 10_000]), OpenError::Foreign));
}

/// Changes a sound store with redb itself, so that every checksum holds; and what loading it says.
fn meddled(change: impl FnOnce(&redb::WriteTransaction)) -> Damage {
    let disk = Arc::new(Disk::holding(stored(true).0));
    let backend = Shared(Quarantine::open(Medium::Disk(Arc::clone(&disk))));
    let database = redb::Builder::new().create_with_backend(backend).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
    drop(database);
    match load_disk(&disk).map(|_| ()) {
        Err(OpenError::Damaged(damage)) => damage,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_that_are_missing_too_many_or_wrong_are_noticed_where_checksums_hold() {
    type Change = fn(&redb::WriteTransaction);
    let changes: [(Change, Damage); 8] = [
        (|change| drop(change.open_table(row::LOG).unwrap().pop_first().unwrap()), Damage::Count),
        (|change| drop(change.open_table(row::LOG).unwrap().pop_last().unwrap()), Damage::Count),
        (|change| drop(change.open_table(row::EVIDENCE).unwrap().pop_last().unwrap()), Damage::Count),
        (|change| drop(change.open_table(row::LOG).unwrap().insert(1 << 40, [7; 32].as_slice())), Damage::Count),
        (|change| drop(change.open_table(row::LOG).unwrap().insert(1 << 50, [7; 32].as_slice())), Damage::Row),
        (|change| drop(change.open_table(row::LOG).unwrap().insert(0, [7; 31].as_slice())), Damage::Row),
        (|change| drop(change.open_table(row::META).unwrap().insert(row::STATE_KEY, [7].as_slice())), Damage::Row),
        (under_another_node, Damage::Record),
    ];
    for (number, (change, damage)) in changes.into_iter().enumerate() {
        assert_eq!(meddled(change), damage, "change {number}");
    }
}

fn under_another_node(change: &redb::WriteTransaction) {
    let mut log = change.open_table(row::LOG).unwrap();
    let (key, value) = log.last().unwrap().map(|(key, value)| (key.value(), value.value().to_vec())).unwrap();
    log.insert(key, [[7; 32].as_slice(), &value[32..]].concat().as_slice()).unwrap();
}
