//! Who grants: the grid's key, or a key that was let in and may let in others.

use std::path::PathBuf;

use clap::Args;

use super::PassphraseFrom;
use crate::{
    cli::{
        failure::{Exit, Failure},
        grant_file::{self, GrantFile},
    },
    grid::{Grant, GrantSignError},
    keys,
    record::{GridId, GridSecret, NodeId, NodeSecret},
};

#[derive(Args)]
pub(super) struct IssuerFrom {
    /// The grid's key
    #[arg(long, value_name = "FILE", conflicts_with_all = ["node_key", "grant"], required_unless_present = "node_key")]
    key: Option<PathBuf>,
    /// The key of a node that may let in others, in place of the grid's
    #[arg(long, value_name = "FILE", requires = "grant")]
    node_key: Option<PathBuf>,
    /// The grant of that node
    #[arg(long, value_name = "FILE", requires = "node_key")]
    grant: Option<PathBuf>,
}

/// A key that can grant, with what it was granted itself.
pub(super) enum Issuer {
    Grid(GridSecret),
    Member { secret: NodeSecret, above: Box<GrantFile> },
}

impl IssuerFrom {
    /// Asks for the passphrase where there is one.
    pub(super) fn open(&self, passphrase: &PassphraseFrom) -> Result<Issuer, Failure> {
        match (&self.key, &self.node_key, &self.grant) {
            (_, Some(key), Some(grant)) => {
                let (secret, above) = (keys::load_node(key)?, grant_file::read(grant)?);
                if above.key == secret.id() {
                    Ok(Issuer::Member { secret, above: Box::new(above) })
                } else {
                    Err(Failure::new(Exit::Usage, "the grant is for another key than the one that is to sign")
                        .hint("name the key and the grant of one node"))
                }
            }
            (Some(key), _, _) => Ok(Issuer::Grid(super::key(key, passphrase)?)),
            // clap asks for one of the two.
            _ => Err(Failure::new(Exit::Usage, "the key that signs is missing").hint("name it with --key")),
        }
    }
}

impl Issuer {
    pub(super) fn grid(&self) -> GridId {
        match self {
            Self::Grid(secret) => secret.id(),
            Self::Member { above, .. } => above.grid,
        }
    }

    /// `None`: the grid's key.
    pub(super) fn id(&self) -> Option<NodeId> {
        match self {
            Self::Grid(_) => None,
            Self::Member { secret, .. } => Some(secret.id()),
        }
    }

    /// The whole chain: what leads to this key, then `grant`, which names it as its issuer.
    pub(super) fn sign(&self, grant: &Grant) -> Result<Vec<Vec<u8>>, Failure> {
        let unsigned = |error: GrantSignError| {
            Failure::new(Exit::Usage, format_args!("the grant can't be signed: {error}"))
                .hint("name fewer or shorter services, or grant any of them with --any-service")
        };
        match self {
            Self::Grid(secret) => Ok(vec![grant.sign_by_grid(secret).map_err(unsigned)?.bytes().to_vec()]),
            Self::Member { secret, above } => {
                let link = grant.sign_by_member(secret).map_err(unsigned)?;
                Ok([above.grants.clone(), vec![link.bytes().to_vec()]].concat())
            }
        }
    }
}
