//! What became of invitations: a table of its own, made with the first of them.

use std::{borrow::Borrow, sync::Arc};

use redb::{ReadTransaction, ReadableTable as _, TableError, WriteTransaction};

use super::{
    Chunk, Invitation, Write,
    error::Failure,
    load::CHUNK_ROWS_MAX,
    row::{INVITATIONS, ROW},
};
use crate::{
    grid::BUNDLE_BYTES_MAX,
    record::{NodeId, RECORD_BYTES_MAX, SignedEnvelope},
};

/// A record, grants, another record, and their lengths.
const VALUE_BYTES_MAX: usize = 2 * RECORD_BYTES_MAX + BUNDLE_BYTES_MAX + 6;

/// Writes what a group says of invitations.
pub(super) fn write(transaction: &WriteTransaction, writes: &[impl Borrow<Write>]) -> Result<(), Failure> {
    let concerns = |write: &&Write| matches!(write, Write::Invitation { .. } | Write::ForgetInvitation(_));
    let mut writes = writes.iter().map(Borrow::borrow).filter(concerns).peekable();
    if writes.peek().is_none() {
        return Ok(());
    }
    let mut table = transaction.open_table(INVITATIONS)?;
    for write in writes {
        match write {
            Write::Invitation { key, first, grants, second } => {
                let parts = [Some(first), grants.as_ref(), second.as_ref()];
                table.insert(key.as_bytes(), encode(parts).ok_or(ROW)?.as_slice())?;
            }
            Write::ForgetInvitation(key) => drop(table.remove(key.as_bytes())?),
            _ => {}
        }
    }
    Ok(())
}

/// Reads all of them.
pub(super) fn load(transaction: &ReadTransaction, visit: &mut impl FnMut(Chunk)) -> Result<(), Failure> {
    let table = match transaction.open_table(INVITATIONS) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(()),
        opened => opened?,
    };
    let mut chunk = Vec::new();
    for entry in table.iter()? {
        let (key, value) = entry?;
        chunk.push(decode(NodeId::from_bytes(*key.value()), value.value()).ok_or(ROW)?);
        if chunk.len() == CHUNK_ROWS_MAX {
            visit(Chunk::Invitations(std::mem::take(&mut chunk)));
        }
    }
    if !chunk.is_empty() {
        visit(Chunk::Invitations(chunk));
    }
    Ok(())
}

fn encode(parts: [Option<&Arc<[u8]>>; 3]) -> Option<Vec<u8>> {
    let mut value = Vec::new();
    for part in parts {
        let bytes = part.map_or(&[][..], |part| part);
        value.extend_from_slice(&u16::try_from(bytes.len()).ok()?.to_be_bytes());
        value.extend_from_slice(bytes);
    }
    (value.len() <= VALUE_BYTES_MAX).then_some(value)
}

fn decode(key: NodeId, value: &[u8]) -> Option<Invitation> {
    let (first, rest) = part(value)?;
    let (grants, rest) = part(rest)?;
    let (second, rest) = part(rest)?;
    if !rest.is_empty() {
        return None;
    }
    let second = if second.is_empty() { None } else { Some(SignedEnvelope::decode(second).ok()?) };
    let grants = (!grants.is_empty()).then(|| Arc::from(grants));
    Some(Invitation { key, first: SignedEnvelope::decode(first).ok()?, grants, second })
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}
