//! Looking for byte strings in files of any size, in one pass over each.

use std::{
    fs::File,
    io::{self, Read as _},
};

/// Read at once.
const CHUNK_BYTES: usize = 1 << 20;
/// No byte string that is looked for is longer.
const NEEDLE_BYTES_MAX: usize = 512;

/// A byte string and what it means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Needle {
    pub(super) bytes: Vec<u8>,
    pub(super) kind: String,
}

/// Byte strings, sorted by how they begin: at most places of a file the first two bytes already say that nothing is there.
pub(super) struct Needles {
    needles: Vec<Needle>,
    /// For each two bytes the needles that start with them.
    by_beginning: Vec<Vec<usize>>,
}

impl Needles {
    /// Of those with fewer than two bytes, or with too many, nothing is found.
    pub(super) fn new(needles: Vec<Needle>) -> Self {
        let mut by_beginning = vec![Vec::new(); 1 << 16];
        for (index, needle) in needles.iter().enumerate().filter(|(_, needle)| needle.bytes.len() <= NEEDLE_BYTES_MAX) {
            if let Some(list) = beginning(&needle.bytes).and_then(|beginning| by_beginning.get_mut(beginning)) {
                list.push(index);
            }
        }
        Self { needles, by_beginning }
    }

    /// The needles in a few bytes.
    #[cfg(any(feature = "audit-host", test))]
    pub(super) fn search_bytes(&self, bytes: &[u8], mut found: impl FnMut(&Needle)) {
        for position in 0..bytes.len() {
            self.starting(bytes.get(position..).unwrap_or_default(), &mut found);
        }
    }

    /// The needles that `rest` starts with.
    fn starting(&self, rest: &[u8], mut found: impl FnMut(&Needle)) {
        let list = beginning(rest).and_then(|beginning| self.by_beginning.get(beginning));
        for index in list.into_iter().flatten() {
            if let Some(needle) = self.needles.get(*index).filter(|needle| rest.starts_with(&needle.bytes)) {
                found(needle);
            }
        }
    }

    /// Calls `found` with each needle, its offset, and the byte behind it.
    ///
    /// # Errors
    /// Of reading.
    pub(super) fn search(&self, mut file: File, mut found: impl FnMut(&Needle, u64, Option<u8>)) -> io::Result<()> {
        // Behind each position there is room for the longest needle and one byte, but at the end of the file.
        let (mut window, mut start, mut ended) = (Vec::new(), 0_u64, false);
        while !ended {
            ended = fill(&mut file, &mut window)?;
            let positions = if ended { window.len() } else { window.len().saturating_sub(NEEDLE_BYTES_MAX) };
            for position in 0..positions {
                let Some(rest) = window.get(position..) else { break };
                self.starting(rest, |needle| {
                    found(needle, start + position as u64, rest.get(needle.bytes.len()).copied());
                });
            }
            window.drain(..positions);
            start += positions as u64;
        }
        Ok(())
    }
}

fn beginning(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk().map(|two| usize::from(u16::from_be_bytes(*two)))
}

/// Reads on until a chunk more is there; `true` at the end of the file.
fn fill(file: &mut File, window: &mut Vec<u8>) -> io::Result<bool> {
    let wanted = CHUNK_BYTES + NEEDLE_BYTES_MAX;
    let missing = wanted.saturating_sub(window.len()) as u64;
    file.take(missing).read_to_end(window)?;
    Ok(window.len() < wanted)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_needle_is_found_once_wherever_it_lies() {
        let needle = |text: &str| Needle { bytes: text.as_bytes().to_vec(), kind: text.to_owned() };
        let needles = Needles::new(vec![needle("canary"), needle("can")]);
        let at = [0, CHUNK_BYTES - 3, CHUNK_BYTES, CHUNK_BYTES + NEEDLE_BYTES_MAX - 1, 2 * CHUNK_BYTES + 5];
        for offset in at {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&vec![b'.'; offset]).unwrap();
            file.write_all(b"canary").unwrap();
            std::io::Seek::rewind(&mut file).unwrap();
            let mut hits = Vec::new();
            needles.search(file, |needle, offset, next| hits.push((needle.kind.clone(), offset, next))).unwrap();
            let expected = [("canary".to_owned(), offset as u64, None), ("can".to_owned(), offset as u64, Some(b'a'))];
            assert_eq!(hits, expected);
        }
        let mut hits = Vec::new();
        needles.search_bytes(b"a canary", |needle| hits.push(needle.kind.clone()));
        assert_eq!(hits, ["canary", "can"]);
    }
}
