//! The grants of a key as a file: what an issuer hands over, and what a node puts into its records.

use std::path::Path;

#[cfg(feature = "grid-admin")]
use super::failure::system;
use super::failure::{Exit, Failure};
use crate::{
    armor::{self, ArmorError},
    grid::{Chain, KnownGrants, SignedGrant, VerifiedChain},
    record::{GridId, NodeId},
};

/// What is in a file.
pub(super) struct GrantFile {
    pub(super) grid: GridId,
    /// Whom the last grant is for.
    pub(super) key: NodeId,
    pub(super) grants: Vec<Vec<u8>>,
    pub(super) chain: VerifiedChain,
}

/// Reads and verifies a grant file.
///
/// # Errors
/// A file that is not whole, or grants that do not hold together.
pub(super) fn read(path: &Path) -> Result<GrantFile, Failure> {
    let unusable = |problem: &str| {
        Failure::new(Exit::Usage, format_args!("{} holds no grant: {problem}", path.display()))
            .hint("ask whoever gave it to you for another copy")
    };
    let bytes = armor::load(path, armor::GRANTS).map_err(|error| match error {
        ArmorError::Text { problem, .. } => unusable(&problem.to_string()),
        error => Failure::new(Exit::Usage, error).hint("name the file that whoever runs the grid gave you"),
    })?;
    let grants = split(&bytes).ok_or_else(|| unusable("it is damaged"))?;
    let last = grants.last().ok_or_else(|| unusable("it is empty"))?;
    let last = SignedGrant::decode(last).map_err(|error| unusable(&error.to_string()))?;
    let (grid, key) = (last.claims().grid, last.claims().subject);
    let chain = Chain::read(&grid, &key, &grants).map_err(|error| unusable(&error.to_string()))?;
    let chain = chain.verify(&KnownGrants::new(0)).map_err(|error| unusable(&error.to_string()))?;
    Ok(GrantFile { grid, key, grants, chain })
}

/// Writes a grant file, in place of an older one; `comments` are for people.
///
/// # Errors
/// What exists and is no grant file is never touched: it could be a key.
#[cfg(feature = "grid-admin")]
pub(super) fn write(path: &Path, comments: &str, grants: &[Vec<u8>]) -> Result<(), Failure> {
    armor::save(path, armor::GRANTS, comments, &join(grants)).map_err(|error| match error {
        ArmorError::Io { path, error } => system(format!("can't write {}", path.display()))(error),
        error => Failure::new(Exit::Usage, error).hint("nothing was changed; name another file"),
    })
}

/// Each behind its length, two bytes, the larger first.
#[cfg(any(feature = "grid-admin", test))]
fn join(grants: &[Vec<u8>]) -> Vec<u8> {
    let part = |grant: &Vec<u8>| [&(grant.len() as u16).to_be_bytes()[..], grant].concat();
    grants.iter().flat_map(part).collect()
}

fn split(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut grants = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (grant, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        grants.push(grant.to_vec());
        bytes = rest;
    }
    bytes.is_empty().then_some(grants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_come_back_as_they_were_put_together() {
        for grants in [vec![], vec![vec![1; 200]], vec![vec![1], vec![2; 256], vec![3; 255]]] {
            let joined = join(&grants);
            assert_eq!(split(&joined), Some(grants));
            for end in 1..joined.len() {
                assert!(split(&joined[..end]).is_none_or(|cut| join(&cut).len() == end), "a part of a grant was taken");
            }
        }
    }
}
