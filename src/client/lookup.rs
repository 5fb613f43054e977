//! Looking one node up among a crowd: the introducer is asked for a shelf, and learns the shelf alone.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::{
    error::ClientError, introducer::Introducer, isolation::Role, received::Asked, settings::LOOKUP_BITS_EXACT,
    shared::Shared,
};
use crate::{
    ambient,
    protocol::{Blob, Request, Response},
    record::{HashedNodeId, NodeId, VerifiedRecord},
};

/// Pages of one shelf: 512 KiB for a shelf that is meant to hold 16 records. Who asks for less than the introducer
/// announces meets longer ones.
pub const SHELF_PAGES_MAX: u16 = 32;
/// Introducers whose announced bits are remembered; whoever asks more than this forgets some, which costs a round trip.
const INTRODUCERS_REMEMBERED_MAX: usize = 256;

/// How many bits each introducer announced, so that the next lookup costs one round trip.
#[derive(Debug, Default)]
pub(super) struct AnnouncedBits {
    bits: Mutex<BTreeMap<String, u16>>,
}

impl AnnouncedBits {
    fn of(&self, introducer: &Introducer) -> u16 {
        let bits = self.bits.lock().unwrap_or_else(PoisonError::into_inner);
        bits.get(&introducer.to_string()).copied().unwrap_or(0)
    }

    pub(super) fn remember(&self, introducer: &Introducer, announced: u16) {
        let mut bits = self.bits.lock().unwrap_or_else(PoisonError::into_inner);
        if bits.len() >= INTRODUCERS_REMEMBERED_MAX {
            bits.pop_first();
        }
        bits.insert(introducer.to_string(), announced);
    }
}

/// One page of a shelf, as far as it concerns the node that is looked for.
#[derive(Debug)]
struct ShelfPage {
    found: Option<VerifiedRecord>,
    more_after: Option<[u8; 32]>,
    announced: u16,
}

/// What `introducer` lists of `node`.
///
/// What is sent depends on the prefix alone: a shelf is read to its end whether or not the node was on it, and on which
/// page, since where a client stops would tell whom it looked for.
pub(super) async fn lookup(
    shared: &Shared,
    introducer: &Introducer,
    node: NodeId,
) -> Result<Option<VerifiedRecord>, ClientError> {
    let bits_max = shared.settings().lookup_bits_max.min(LOOKUP_BITS_EXACT);
    let bits = shared.announced_bits().of(introducer).min(bits_max);
    let first = ask(shared, introducer, node, bits, None).await?;
    shared.announced_bits().remember(introducer, first.announced);
    let wanted_bits = first.announced.min(bits_max);
    if first.more_after.is_none() || wanted_bits <= bits {
        return read_on(shared, introducer, node, bits, first).await;
    }
    // The whole grid does not fit a page any more: ask for a smaller crowd.
    let smaller = ask(shared, introducer, node, wanted_bits, None).await?;
    let found = read_on(shared, introducer, node, wanted_bits, smaller).await?;
    Ok(newer(first.found, found))
}

/// The rest of the shelf behind its first page.
async fn read_on(
    shared: &Shared,
    introducer: &Introducer,
    node: NodeId,
    bits: u16,
    first: ShelfPage,
) -> Result<Option<VerifiedRecord>, ClientError> {
    let (mut found, mut more_after) = (first.found, first.more_after);
    for _ in 1..SHELF_PAGES_MAX {
        let Some(after) = more_after else {
            return Ok(found);
        };
        let page = ask(shared, introducer, node, bits, Some(after)).await?;
        found = newer(found, page.found);
        more_after = page.more_after;
    }
    match (found, more_after) {
        (None, Some(_)) => Err(ClientError::ShelfTooLong { bits_max: shared.settings().lookup_bits_max }),
        (found, _) => Ok(found),
    }
}

async fn ask(
    shared: &Shared,
    introducer: &Introducer,
    node: NodeId,
    bits: u16,
    after: Option<[u8; 32]>,
) -> Result<ShelfPage, ClientError> {
    // Masked: what the wire carries beyond the prefix would name the node after all.
    let prefix = HashedNodeId::new(&shared.settings().grid, &node).with_tail(bits, false);
    let request = Request::Lookup { prefix: *prefix.as_bytes(), bits, after };
    let read = |response: Response<'_>| match response {
        Response::Shelf { records, more_after, bits: announced } => {
            refuse_astray(&prefix, bits, after, more_after)?;
            Ok(ShelfPage { found: pick(shared, &records, &Asked::Shelf { node, bits }), more_after, announced })
        }
        Response::ShelfExact { record } if bits == LOOKUP_BITS_EXACT => Ok(ShelfPage {
            found: pick(shared, record.as_slice(), &Asked::Node(node)),
            more_after: None,
            announced: bits,
        }),
        other => Err(ClientError::unfit(&other)),
    };
    shared.exchange(introducer, Role::Lookup, &[], &request, read).await
}

/// The newest record of the node that may be shown.
fn pick(shared: &Shared, records: &[Blob<'_>], asked: &Asked) -> Option<VerifiedRecord> {
    let now = ambient::wall();
    let candidates = records.iter().filter_map(|Blob(bytes)| shared.sieve().current(bytes, asked, now));
    candidates.fold(None, |best, record| newer(best, Some(record)))
}

fn newer(a: Option<VerifiedRecord>, b: Option<VerifiedRecord>) -> Option<VerifiedRecord> {
    match (a, b) {
        (Some(a), Some(b)) if b.claims().seq > a.claims().seq => Some(b),
        (a, b) => a.or(b),
    }
}

/// A shelf goes on upwards and within its prefix; anything else would go on for ever.
fn refuse_astray(
    prefix: &HashedNodeId,
    bits: u16,
    after: Option<[u8; 32]>,
    more_after: Option<[u8; 32]>,
) -> Result<(), ClientError> {
    let Some(next) = more_after else {
        return Ok(());
    };
    let within = HashedNodeId::from_bytes(next).with_tail(bits, false) == *prefix;
    let upwards = after.is_none_or(|after| next > after);
    if within && upwards { Ok(()) } else { Err(ClientError::Protocol("a shelf that goes on elsewhere")) }
}
