//! What every signed thing of a grid has in common: a postcard body of one spelling, then a signature.

use serde::{Deserialize, Serialize};

use crate::record::SIGNATURE_BYTES;

/// Why a body is not one.
pub(super) enum BodyError {
    Malformed,
    TrailingBytes,
    NotCanonical,
}

/// Body and signature of signed bytes; `None` when there is no body.
pub(super) fn split(bytes: &[u8]) -> Option<(&[u8], &[u8; SIGNATURE_BYTES])> {
    match bytes.split_last_chunk() {
        None | Some(([], _)) => None,
        split => split,
    }
}

/// Reads a body that encodes to its own bytes. `BYTES_MAX` is the most a caller has let pass.
pub(super) fn read<'a, T, const BYTES_MAX: usize>(body: &'a [u8]) -> Result<T, BodyError>
where
    T: Deserialize<'a> + Serialize,
{
    let (wire, rest) = postcard::take_from_bytes::<T>(body).map_err(|_| BodyError::Malformed)?;
    if !rest.is_empty() {
        return Err(BodyError::TrailingBytes);
    }
    match postcard::to_slice(&wire, &mut [0; BYTES_MAX]) {
        Ok(again) if *again == *body => Ok(wire),
        _ => Err(BodyError::NotCanonical),
    }
}
