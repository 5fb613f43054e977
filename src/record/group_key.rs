//! The secret that the members of a sealed grid share, one an epoch.

use core::{num::NonZeroU32, str::FromStr};

use alloc::{string::String, vec::Vec};
use bech32::{Bech32m, Hrp, primitives::decode::CheckedHrpstring};
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// Human-readable prefix of the text form.
const PREFIX: &str = "groupkey";
/// Epoch, four bytes, the largest first; the secret.
const BYTES: usize = 4 + 32;
/// Prefix, separator, [`BYTES`] in base32, checksum.
const TEXT_CHARACTERS: usize = PREFIX.len() + 1 + 58 + 6;

/// Epochs whose keys a member keeps: a record holds for a month at most, so that older ones open nothing.
pub const GROUP_KEYS_MAX: usize = 4;

/// Which group key: 1 is the grid's first, and each re-keying takes the next.
pub type Epoch = NonZeroU32;

/// Why a text is not a group key. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a group key: a line that starts with `groupkey1`, exactly as it was written, is needed here")]
pub struct GroupKeyError;

/// What opens the sealed records of one epoch, and what their services are called by. Text form `groupkey1…`.
///
/// # Security
/// Whoever has it reads every record of its epoch, whenever they got it. Neither `Debug` nor `Clone`; wiped when dropped.
#[derive(ZeroizeOnDrop)]
pub struct GroupKey {
    #[zeroize(skip)]
    epoch: Epoch,
    secret: [u8; 32],
}

impl GroupKey {
    /// From 32 bytes of a cryptographic generator.
    pub const fn new(epoch: Epoch, secret: [u8; 32]) -> Self {
        Self { epoch, secret }
    }

    /// Which one it is.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The secret itself, to be handed on to another member.
    pub const fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The line of a key file.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        let (epoch, secret) = bytes.split_at_mut(4);
        epoch.copy_from_slice(&self.epoch.get().to_be_bytes());
        secret.copy_from_slice(&self.secret);
        write(&bytes)
    }
}

impl FromStr for GroupKey {
    type Err = GroupKeyError;

    fn from_str(text: &str) -> Result<Self, GroupKeyError> {
        let parsed = CheckedHrpstring::new::<Bech32m>(text).map_err(|_| GroupKeyError)?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        let mut decoded = parsed.byte_iter();
        for slot in &mut *bytes {
            *slot = decoded.next().ok_or(GroupKeyError)?;
        }
        // Another prefix, more bytes, upper case, or bits of padding that are not zero: one key has one spelling.
        if *write(&bytes) != text {
            return Err(GroupKeyError);
        }
        let (epoch, secret) = bytes.split_first_chunk::<4>().ok_or(GroupKeyError)?;
        let epoch = Epoch::new(u32::from_be_bytes(*epoch)).ok_or(GroupKeyError)?;
        Ok(Self { epoch, secret: secret.try_into().map_err(|_| GroupKeyError)? })
    }
}

/// The group keys of a member, by epoch: the newest seals, all of them open.
///
/// # Security
/// As of each [`GroupKey`].
pub struct GroupKeys(Vec<GroupKey>);

impl GroupKeys {
    /// The first, or only, key of a member.
    pub fn new(key: GroupKey) -> Self {
        Self(Vec::from([key]))
    }

    /// Takes another epoch's key; the oldest goes when there are more than [`GROUP_KEYS_MAX`]. `None` when there is one of
    /// that epoch already: nothing was changed.
    pub fn add(&mut self, key: GroupKey) -> Option<()> {
        if self.of(key.epoch()).is_some() {
            return None;
        }
        self.0.push(key);
        self.0.sort_by_key(GroupKey::epoch);
        if self.0.len() > GROUP_KEYS_MAX {
            self.0.remove(0);
        }
        Some(())
    }

    /// That of an epoch.
    pub fn of(&self, epoch: Epoch) -> Option<&GroupKey> {
        self.0.iter().find(|key| key.epoch() == epoch)
    }

    /// What new records are sealed with.
    pub fn newest(&self) -> Option<&GroupKey> {
        self.0.last()
    }

    /// The key, if there is one alone: then every record that can be read is of its epoch.
    pub fn sole(&self) -> Option<&GroupKey> {
        match &*self.0 {
            [key] => Some(key),
            _ => None,
        }
    }

    /// All of them, from the oldest.
    pub fn iter(&self) -> impl Iterator<Item = &GroupKey> {
        self.0.iter()
    }
}

fn write(bytes: &[u8; BYTES]) -> Zeroizing<String> {
    // Room for the whole text at once: a string that grows leaves pieces of a secret behind where it was before.
    let mut text = Zeroizing::new(String::with_capacity(TEXT_CHARACTERS));
    // The error cases of the crate (bad prefix, over-long) can't occur for a constant prefix and so few bytes.
    if let Ok(hrp) = Hrp::parse(PREFIX) {
        let _ = bech32::encode_lower_to_fmt::<Bech32m, String>(&mut text, hrp, bytes);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_seals_and_the_oldest_goes() {
        let key = |epoch| GroupKey::new(Epoch::new(epoch).unwrap(), [epoch as u8; 32]);
        let mut keys = GroupKeys::new(key(3));
        assert_eq!(keys.sole().map(GroupKey::epoch), Epoch::new(3));
        for epoch in [2, 6, 5] {
            keys.add(key(epoch)).unwrap();
        }
        assert!(keys.add(key(5)).is_none() && keys.sole().is_none());
        keys.add(key(4)).unwrap();
        assert_eq!(keys.iter().map(|key| key.epoch().get()).collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert_eq!(keys.newest().map(|key| *key.secret()), Some([6; 32]));
    }

    #[test]
    fn a_key_comes_back_from_its_one_line() {
        let key = GroupKey::new(Epoch::new(7).unwrap(), [9; 32]);
        let text = key.to_text();
        assert_eq!(text.len(), TEXT_CHARACTERS);
        let read: GroupKey = text.parse().unwrap();
        assert_eq!((read.epoch(), read.secret()), (key.epoch(), key.secret()));
        for other in [text.to_uppercase(), text[..text.len() - 1].to_owned(), text.replace("groupkey1", "gridsecret1")]
        {
            assert!(other.parse::<GroupKey>().is_err());
        }
        let nameless = write(&[0; BYTES]);
        assert!(nameless.parse::<GroupKey>().is_err(), "there is no epoch 0");
    }
}
