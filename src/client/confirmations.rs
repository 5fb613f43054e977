//! Invitations, as far as introducers know of them: who used one, and the grants with which a node may stay.

use super::{Client, ClientError, Delivered, Introducer, error, isolation::Role};
use crate::{
    grid::{GrantBundle, KnownGrants, VerifiedChain},
    protocol::{Blob, DocumentKind, Request, Response},
    record::{NodeId, VerifiedEnvelope},
};

/// Grants that an introducer had for a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The links, as they stand in a record.
    pub grants: Vec<Vec<u8>>,
    /// What they allow, verified.
    pub chain: VerifiedChain,
}

impl Client {
    /// Brings the grants with which a node may stay that came by an invitation.
    ///
    /// # Errors
    /// See [`ClientError`]. The same grants again do no harm.
    pub async fn bring_confirmation(
        &self,
        introducer: &Introducer,
        grants: &[Vec<u8>],
    ) -> Result<Delivered, ClientError> {
        let bytes = GrantBundle::encode(grants);
        let request = Request::PutDocument { kind: DocumentKind::CONFIRMATION, document: Blob(&bytes) };
        let read = |response: Response<'_>| match response {
            Response::Accepted => Ok(Delivered::Accepted),
            Response::Busy { retry_after_seconds } => {
                Ok(Delivered::Busy { retry_after: error::retry_after(retry_after_seconds) })
            }
            Response::Refused { code, .. } => Ok(Delivered::Refused { code, current: None }),
            other => Err(ClientError::unfit(&other)),
        };
        self.shared.exchange(introducer, Role::Documents, &[], &request, read).await
    }

    /// The grants with which `node` may stay, if whoever invited it brought them. Asked on the circuit on which the node
    /// publishes, so that the introducer learns nothing new.
    ///
    /// # Errors
    /// See [`ClientError`]; `Protocol` for grants that are not this node's, in this grid, or do not hold.
    pub async fn confirmation(
        &self,
        introducer: &Introducer,
        node: NodeId,
    ) -> Result<Option<Confirmation>, ClientError> {
        let request = Request::Confirmation { node: *node.as_bytes() };
        let grid = self.shared.settings().grid;
        let read = |response: Response<'_>| match response {
            Response::Document { document: None } => Ok(None),
            Response::Document { document: Some(Blob(bytes)) } => {
                let bundle =
                    GrantBundle::decode(bytes).ok().filter(|bundle| (bundle.grid, bundle.node) == (grid, node));
                let verified = bundle.and_then(|bundle| {
                    let chain = bundle.chain.verify(&KnownGrants::new(0)).ok()?;
                    Some(Confirmation { grants: bundle.grants, chain })
                });
                verified.map(Some).ok_or(ClientError::Protocol("grants that are not of this node, or do not hold"))
            }
            other => Err(ClientError::unfit(&other)),
        };
        self.shared.exchange(introducer, Role::Publish, node.as_bytes(), &request, read).await
    }

    /// The records of two nodes that came through the invitation with the key `invitation`, if `introducer` has seen both.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn second_use(
        &self,
        introducer: &Introducer,
        invitation: NodeId,
    ) -> Result<Option<[VerifiedEnvelope; 2]>, ClientError> {
        let request = Request::Evidence { node: *invitation.as_bytes() };
        let read = |response: Response<'_>| match response {
            Response::Evidence { pair } => {
                Ok(pair.and_then(|(a, b)| self.shared.sieve().second_use(a.0, b.0, &invitation)))
            }
            other => Err(ClientError::unfit(&other)),
        };
        self.shared.exchange(introducer, Role::Evidence, invitation.as_bytes(), &request, read).await
    }
}
