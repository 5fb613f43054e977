//! A disk in memory that remembers what was done to it, can run full, and can be left as a crash would leave it.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::model::Random;

/// What a disk writes as a whole.
const SECTOR_BYTES: usize = 512;

/// One thing that was done.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Write(u64, Box<[u8]>),
    SetLen(u64),
    Sync,
    /// So many groups were acknowledged by now.
    Acknowledged(usize),
}

/// The disk.
#[derive(Default)]
pub(super) struct Disk(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    bytes: Vec<u8>,
    trace: Vec<Act>,
    /// Writes and growths until it is full; `None`: there is room.
    acts_left: Option<usize>,
    full: bool,
    /// How it says so.
    full_kind: Option<io::ErrorKind>,
}

impl Disk {
    pub(super) fn holding(bytes: Vec<u8>) -> Self {
        Self(Mutex::new(Inner { bytes, ..Inner::default() }))
    }

    /// Lets it run full after so many more writes.
    pub(super) fn fill_after(&self, acts: Option<usize>, kind: io::ErrorKind) {
        let mut inner = self.inner();
        inner.acts_left = acts;
        inner.full = false;
        inner.full_kind = Some(kind);
    }

    /// Whether anything was refused since [`Self::fill_after`].
    pub(super) fn ran_full(&self) -> bool {
        self.inner().full
    }

    pub(super) fn acknowledge(&self, groups: usize) {
        self.inner().trace.push(Act::Acknowledged(groups));
    }

    /// Forgets the past and returns the present.
    pub(super) fn start_trace(&self) -> Vec<u8> {
        let mut inner = self.inner();
        inner.trace.clear();
        inner.bytes.clone()
    }

    pub(super) fn trace(&self) -> Vec<Act> {
        self.inner().trace.clone()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.inner().bytes.clone()
    }

    pub(super) fn len(&self) -> u64 {
        self.inner().bytes.len() as u64
    }

    pub(super) fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let inner = self.inner();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let there = start.checked_add(out.len()).and_then(|end| inner.bytes.get(start..end));
        out.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    pub(super) fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inner = self.inner();
        let room = inner.take_room();
        // A disk that runs full takes a part.
        let data = if room.is_ok() { data } else { &data[..data.len() / 2 / SECTOR_BYTES * SECTOR_BYTES] };
        let end = offset as usize + data.len();
        if inner.bytes.len() < end {
            inner.bytes.resize(end, 0);
        }
        inner.bytes[offset as usize..end].copy_from_slice(data);
        inner.trace.push(Act::Write(offset, data.into()));
        room
    }

    pub(super) fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.inner();
        if len as usize > inner.bytes.len() {
            inner.take_room()?;
        }
        inner.bytes.resize(len as usize, 0);
        inner.trace.push(Act::SetLen(len));
        Ok(())
    }

    pub(super) fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.inner();
        // Some file systems notice only now.
        inner.take_room()?;
        inner.trace.push(Act::Sync);
        Ok(())
    }

    pub(super) fn probe_room(&self, _bytes: usize) -> io::Result<()> {
        let inner = self.inner();
        if inner.acts_left == Some(0) { Err(inner.full_kind.unwrap().into()) } else { Ok(()) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take_room(&mut self) -> io::Result<()> {
        match &mut self.acts_left {
            None => Ok(()),
            Some(0) => {
                self.full = true;
                Err(self.full_kind.unwrap().into())
            }
            Some(acts) => {
                *acts -= 1;
                Ok(())
            }
        }
    }
}

/// How far syncs are believed when a crash is acted out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syncs {
    Hold,
    /// A disk that lies about them.
    Lie,
}

/// Calls `visit` with images the disk may be left with by a crash after each act of `trace`, and with the number of groups
/// acknowledged by then: nothing since the last sync, everything, and `random_images` times some of it with one write torn.
pub(super) fn crashes(
    start: &[u8],
    trace: &[Act],
    syncs: Syncs,
    random: &mut Random,
    random_images: usize,
    mut visit: impl FnMut(&[u8], usize),
) {
    let mut durable = start.to_vec();
    let mut unsynced: Vec<&Act> = Vec::new();
    let mut acknowledged = 0;
    for act in trace {
        match act {
            Act::Sync if syncs == Syncs::Hold => {
                visit(&image(&durable, &unsynced, |_| Fate::Done), acknowledged);
                durable = image(&durable, &unsynced, |_| Fate::Done);
                unsynced.clear();
            }
            Act::Sync => {}
            Act::Acknowledged(groups) => acknowledged = *groups,
            act => unsynced.push(act),
        }
        visit(&durable, acknowledged);
        for _ in 0..if unsynced.is_empty() { 0 } else { random_images } {
            let torn = random.below(unsynced.len() as u64) as usize;
            let some = image(&durable, &unsynced, |number| match random.below(2) {
                _ if number == torn => Fate::Torn(random.below(u64::MAX)),
                0 => Fate::Done,
                _ => Fate::Lost,
            });
            visit(&some, acknowledged);
        }
    }
}

/// The bytes after `acts`.
pub(super) fn after(start: &[u8], acts: &[Act]) -> Vec<u8> {
    image(start, &acts.iter().collect::<Vec<_>>(), |_| Fate::Done)
}

enum Fate {
    Done,
    Lost,
    /// The sectors whose bits are set.
    Torn(u64),
}

fn image(durable: &[u8], acts: &[&Act], mut fate: impl FnMut(usize) -> Fate) -> Vec<u8> {
    let mut bytes = durable.to_vec();
    for (number, act) in acts.iter().enumerate() {
        let sectors = match fate(number) {
            Fate::Lost => continue,
            Fate::Done => u64::MAX,
            Fate::Torn(sectors) => sectors,
        };
        match act {
            Act::SetLen(len) => bytes.resize(*len as usize, 0),
            Act::Write(offset, data) => {
                for (number, sector) in data.chunks(SECTOR_BYTES).enumerate() {
                    let start = *offset as usize + number * SECTOR_BYTES;
                    // What was written behind an end that never moved is not in the file.
                    let end = (start + sector.len()).min(bytes.len());
                    if sectors >> (number % 64) & 1 == 1 && start < end {
                        bytes[start..end].copy_from_slice(&sector[..end - start]);
                    }
                }
            }
            Act::Sync | Act::Acknowledged(_) => {}
        }
    }
    bytes
}
