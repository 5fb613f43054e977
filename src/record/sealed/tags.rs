//! What services are called by in front of an introducer.

use alloc::vec::Vec;

use data_encoding::HEXLOWER;
use hkdf::Hkdf;
use sha2::Sha256;

use crate::record::{GridId, GroupKey, NodeId, ServiceName};

/// In every record: as many services as a grant can name.
pub const TAGS: usize = 8;
/// 128 bits: nobody makes two names meet, and 32 hexadecimal characters are the longest name of a service.
pub const TAG_BYTES: usize = 16;
const LABEL: &[u8] = b"anteroom v1 service tag\0";
const OF_SERVICE: &[u8] = &[0];
const FILLER: &[u8] = &[1];

/// What stands for a service, or for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag([u8; TAG_BYTES]);

impl Tag {
    /// Of a service, in one grid and epoch.
    pub fn of(key: &GroupKey, grid: &GridId, service: &ServiceName) -> Self {
        Self::derive(key, grid, &[OF_SERVICE, service.as_str().as_bytes()])
    }

    /// As it came.
    pub const fn from_bytes(bytes: [u8; TAG_BYTES]) -> Self {
        Self(bytes)
    }

    /// As it goes.
    pub const fn as_bytes(&self) -> &[u8; TAG_BYTES] {
        &self.0
    }

    /// What an introducer lists by.
    pub fn name(&self) -> ServiceName {
        ServiceName::of_tag(HEXLOWER.encode(&self.0))
    }

    fn filler(key: &GroupKey, grid: &GridId, node: &NodeId, index: u8) -> Self {
        Self::derive(key, grid, &[FILLER, node.as_bytes(), &[index]])
    }

    fn derive(key: &GroupKey, grid: &GridId, what: &[&[u8]]) -> Self {
        let epoch = key.epoch().get().to_be_bytes();
        let mut info: Vec<&[u8]> = Vec::from([&grid.as_bytes()[..], &epoch]);
        info.extend_from_slice(what);
        let mut tag = Self::default();
        // Fails for more than 255 hashes' worth alone.
        let _ = Hkdf::<Sha256>::new(Some(LABEL), key.secret()).expand_multi_info(&info, &mut tag.0);
        tag
    }
}

/// All tags of a record that offers `services`; `None` when there are more than [`TAGS`].
pub(super) fn tags_of<'a>(
    key: &GroupKey,
    grid: &GridId,
    node: &NodeId,
    services: impl Iterator<Item = &'a ServiceName>,
) -> Option<[Tag; TAGS]> {
    let mut found: Vec<Tag> = services.map(|service| Tag::of(key, grid, service)).take(TAGS + 1).collect();
    for index in 0..TAGS.saturating_sub(found.len()) {
        found.push(Tag::filler(key, grid, node, index as u8));
    }
    found.sort_unstable();
    found.try_into().ok()
}
