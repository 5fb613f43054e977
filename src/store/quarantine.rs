//! Holds back everything redb writes until the whole store has been read and found right.
//!
//! redb repairs while it opens: it writes before anybody knows whether the file is sound. Behind this backend those
//! writes stay in memory. When all is well they are [released](Quarantine::release), in their order and with their syncs,
//! so that a crash in the middle of it finds a file redb could have left itself; when not, they are forgotten and the
//! file is, byte for byte, what it was.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, PoisonError, RwLock},
};

use super::{header::HEADER_BYTES, medium::Medium};

/// Unit in which changes are kept: redb's page.
const BLOCK_BYTES: usize = 4096;
/// What redb may write before it is trusted. A repair writes some pages for a commit, and the tables of free pages of a
/// store with a million rows; this is a hundred times that.
const HELD_BYTES_MAX: usize = 64 << 20;

/// One thing redb did.
enum Act {
    Write(u64, Box<[u8]>),
    SetLen(u64),
    Sync,
}

/// The file as redb sees it while its writes are held.
struct Held {
    acts: Vec<Act>,
    bytes: usize,
    blocks: BTreeMap<u64, Box<[u8; BLOCK_BYTES]>>,
    length: u64,
    /// Bytes of the real file that still show: what was cut off and grown again is zero.
    visible: u64,
}

enum Stance {
    Held(Held),
    Released,
    Refused,
}

/// A medium under redb, at first without effect on it.
pub(super) struct Quarantine {
    medium: Medium,
    stance: RwLock<Stance>,
}

impl Quarantine {
    /// Over a file with content; redb is shown `header` in place of its first bytes.
    pub(super) fn holding(medium: Medium, header: &[u8; HEADER_BYTES]) -> io::Result<Arc<Self>> {
        let length = medium.len()?;
        let mut held = Held { acts: Vec::new(), bytes: 0, blocks: BTreeMap::new(), length, visible: length };
        held.patch(&medium, 0, header)?;
        Ok(Arc::new(Self { medium, stance: RwLock::new(Stance::Held(held)) }))
    }

    /// Over a new, empty file.
    pub(super) fn open(medium: Medium) -> Arc<Self> {
        Arc::new(Self { medium, stance: RwLock::new(Stance::Released) })
    }

    /// Lets everything held back happen, and from here on everything at once.
    pub(super) fn release(&self) -> io::Result<()> {
        let mut stance = self.stance.write().unwrap_or_else(PoisonError::into_inner);
        let Stance::Held(held) = std::mem::replace(&mut *stance, Stance::Refused) else {
            return Ok(());
        };
        // What was verified may have come out of the page cache: it has to be on the disk before a header names it.
        self.medium.sync_data()?;
        for act in &held.acts {
            match act {
                Act::Write(offset, data) => self.medium.write(*offset, data)?,
                Act::SetLen(length) => self.medium.set_len(*length)?,
                Act::Sync => self.medium.sync_data()?,
            }
        }
        *stance = Stance::Released;
        Ok(())
    }

    /// Nothing reaches the medium any more, not even what redb does as it is dropped.
    pub(super) fn refuse(&self) {
        *self.stance.write().unwrap_or_else(PoisonError::into_inner) = Stance::Refused;
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &*self.stance.read().unwrap_or_else(PoisonError::into_inner) {
            Stance::Held(held) => held.read(&self.medium, offset, out),
            Stance::Released => self.medium.read(offset, out),
            Stance::Refused => Err(refused()),
        }
    }

    fn hold(&self, act: Act) -> io::Result<()> {
        let mut stance = self.stance.write().unwrap_or_else(PoisonError::into_inner);
        match &mut *stance {
            Stance::Held(held) => held.hold(&self.medium, act),
            Stance::Released | Stance::Refused => Err(refused()),
        }
    }

    /// Whether acts go straight to the medium.
    fn released(&self) -> bool {
        matches!(&*self.stance.read().unwrap_or_else(PoisonError::into_inner), Stance::Released)
    }

    fn len(&self) -> io::Result<u64> {
        match &*self.stance.read().unwrap_or_else(PoisonError::into_inner) {
            Stance::Held(held) => Ok(held.length),
            Stance::Released => self.medium.len(),
            Stance::Refused => Err(refused()),
        }
    }
}

impl Held {
    fn hold(&mut self, medium: &Medium, act: Act) -> io::Result<()> {
        match &act {
            Act::Write(offset, data) => {
                self.bytes = self.bytes.saturating_add(data.len());
                if self.bytes > HELD_BYTES_MAX {
                    return Err(io::Error::other("a repair of this size is not believed"));
                }
                self.patch(medium, *offset, data)?;
            }
            Act::SetLen(length) => {
                self.visible = self.visible.min(*length);
                self.length = *length;
                self.cut();
            }
            Act::Sync => {}
        }
        self.acts.push(act);
        Ok(())
    }

    /// Forgets blocks behind the end.
    fn cut(&mut self) {
        let first_gone = self.length.div_ceil(BLOCK_BYTES as u64);
        self.blocks.split_off(&first_gone);
        let kept = (self.length % BLOCK_BYTES as u64) as usize;
        if let Some(block) = self.blocks.get_mut(&(self.length / BLOCK_BYTES as u64)) {
            block.get_mut(kept..).unwrap_or_default().fill(0);
        }
    }

    fn patch(&mut self, medium: &Medium, offset: u64, data: &[u8]) -> io::Result<()> {
        let end = offset.checked_add(data.len() as u64).filter(|end| *end <= self.length).ok_or_else(past_the_end)?;
        for number in offset / BLOCK_BYTES as u64..end.div_ceil(BLOCK_BYTES as u64) {
            let start = number * BLOCK_BYTES as u64;
            if !self.blocks.contains_key(&number) {
                let mut block = Box::new([0; BLOCK_BYTES]);
                let there = self.visible.saturating_sub(start).min(BLOCK_BYTES as u64) as usize;
                if let Some(there) = block.get_mut(..there) {
                    medium.read(start, there)?;
                }
                self.blocks.insert(number, block);
            }
            if let Some(block) = self.blocks.get_mut(&number) {
                overlap((start, block.as_mut_slice()), (offset, data));
            }
        }
        Ok(())
    }

    fn read(&self, medium: &Medium, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(out.len() as u64).filter(|end| *end <= self.length).ok_or_else(past_the_end)?;
        let there = self.visible.saturating_sub(offset).min(out.len() as u64) as usize;
        let (real, grown) = out.split_at_mut(there);
        if !real.is_empty() {
            medium.read(offset, real)?;
        }
        grown.fill(0);
        for (number, block) in self.blocks.range(offset / BLOCK_BYTES as u64..end.div_ceil(BLOCK_BYTES as u64)) {
            overlap((offset, &mut *out), (number * BLOCK_BYTES as u64, block.as_slice()));
        }
        Ok(())
    }
}

/// Copies what two pieces of a file have in common; each comes with its offset.
fn overlap((to_offset, to): (u64, &mut [u8]), (from_offset, from): (u64, &[u8])) {
    let to = to.get_mut(from_offset.saturating_sub(to_offset) as usize..).unwrap_or_default();
    let from = from.get(to_offset.saturating_sub(from_offset) as usize..).unwrap_or_default();
    let length = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..length), from.get(..length)) {
        to.copy_from_slice(from);
    }
}

fn past_the_end() -> io::Error {
    io::Error::from(io::ErrorKind::UnexpectedEof)
}

fn refused() -> io::Error {
    io::Error::other("the store was given up")
}

/// The handle redb owns.
pub(super) struct Shared(pub(super) Arc<Quarantine>);

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl redb::StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.0.released() { self.0.medium.set_len(len) } else { self.0.hold(Act::SetLen(len)) }
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.0.released() { self.0.medium.sync_data() } else { self.0.hold(Act::Sync) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.0.released() { self.0.medium.write(offset, data) } else { self.0.hold(Act::Write(offset, data.into())) }
    }
}
