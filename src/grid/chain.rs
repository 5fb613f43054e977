//! From the grid's key to a node: every rule that costs no signature, then the signatures.

use alloc::vec::Vec;

use super::{
    grant::{Grant, GrantDecodeError, GrantKind, SignedGrant},
    known::{GrantDigest, KnownGrants},
    rights::Rights,
};
use crate::record::{GRANTS_MAX, GridId, NodeId, SignatureError, Timestamp};

/// Why grants do not lead from the grid's key to the node. No signature has been looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// There is none.
    #[error("no grant at all")]
    Empty,
    /// More than four.
    #[error("a chain of more than 4 grants")]
    TooLong,
    /// A link is no grant.
    #[error(transparent)]
    Grant(#[from] GrantDecodeError),
    /// A link is of another grid.
    #[error("a grant of another grid")]
    WrongGrid,
    /// The first link is not by the grid's key, or a later one is.
    #[error("a chain starts with a grant by the grid's key, and only its first is one")]
    NotFromGrid,
    /// A link is by another key than the one the link before it grants to.
    #[error("a grant by another key than the one before it names")]
    Broken,
    /// The last link grants to another node.
    #[error("the last grant is for another node")]
    OtherNode,
    /// A key comes twice.
    #[error("a key stands twice in the chain")]
    Loop,
    /// A link that the one before it does not allow.
    #[error("more links than the chain's grants allow")]
    TooDeep,
    /// A link grants what its issuer has not got.
    #[error("a grant of more rights than its issuer has")]
    WidenedRights,
    /// The key of an invitation is not a node's.
    #[error("an invitation is redeemed for a node's own key first")]
    Unredeemed,
}

/// Grants that lead from the grid's key to a node, if their signatures hold.
///
/// # Security
/// Nothing follows from it before [`Chain::verify`].
#[derive(Clone, Debug)]
pub struct Chain {
    /// One to [`GRANTS_MAX`].
    links: Vec<(SignedGrant, GrantDigest)>,
    terms: Terms,
}

/// What a chain as a whole says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Terms {
    keys: Vec<NodeId>,
    invitation: Option<NodeId>,
    rights: Rights,
    issued: Timestamp,
    expires: Timestamp,
}

impl Chain {
    /// Takes the grants of a record of `node`: number, form, and how each follows from the one before it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(grid: &GridId, node: &NodeId, grants: &[impl AsRef<[u8]>]) -> Result<Self, ChainError> {
        let chain = Self::read_to_key(grid, node, grants)?;
        if chain.terms.invitation == Some(*node) { Err(ChainError::Unredeemed) } else { Ok(chain) }
    }

    /// The same for any key, that of an invitation among them.
    pub(super) fn read_to_key(grid: &GridId, key: &NodeId, grants: &[impl AsRef<[u8]>]) -> Result<Self, ChainError> {
        if grants.len() > GRANTS_MAX {
            return Err(ChainError::TooLong);
        }
        let mut links: Vec<(SignedGrant, GrantDigest)> = Vec::with_capacity(grants.len());
        for grant in grants {
            let link = SignedGrant::decode(grant.as_ref())?;
            refuse_misplaced(grid, links.last().map(|(above, _)| above.claims()), link.claims())?;
            let digest = GrantDigest::of(link.bytes());
            links.push((link, digest));
        }
        let terms = Terms::of(grid, &links)?;
        if terms.keys.last() == Some(key) { Ok(Self { links, terms }) } else { Err(ChainError::OtherNode) }
    }

    /// How many signatures [`Chain::verify`] would check: at most [`GRANTS_MAX`].
    pub fn checks_due(&self, known: &KnownGrants) -> usize {
        self.links.iter().filter(|(_, digest)| !known.knows(digest)).count()
    }

    /// Checks the signature of each grant that is not known to hold, the grid's own first.
    ///
    /// # Errors
    /// With the first signature that does not hold; none is checked behind it.
    pub fn verify(self, known: &KnownGrants) -> Result<VerifiedChain, SignatureError> {
        self.verify_by(known, SignedGrant::check)
    }

    fn verify_by(
        self,
        known: &KnownGrants,
        mut check: impl FnMut(&SignedGrant) -> Result<(), SignatureError>,
    ) -> Result<VerifiedChain, SignatureError> {
        for (link, digest) in &self.links {
            if !known.knows(digest) {
                check(link)?;
            }
        }
        let digests = self.links.into_iter().map(|(_, digest)| digest).collect();
        Ok(VerifiedChain { digests, terms: self.terms })
    }

    /// What the chain would allow.
    pub const fn rights(&self) -> &Rights {
        &self.terms.rights
    }

    /// The first hour in which one of its grants does not hold any more.
    pub const fn expires(&self) -> Timestamp {
        self.terms.expires
    }

    /// The latest hour in which one of its grants was signed.
    pub const fn issued(&self) -> Timestamp {
        self.terms.issued
    }

    /// The keys it leads through: each is the subject of a grant, the last is the node.
    pub fn keys(&self) -> &[NodeId] {
        &self.terms.keys
    }

    /// The one-use key of an invitation among them.
    pub const fn invitation(&self) -> Option<NodeId> {
        self.terms.invitation
    }
}

impl Terms {
    fn of(grid: &GridId, links: &[(SignedGrant, GrantDigest)]) -> Result<Self, ChainError> {
        let claims = || links.iter().map(|(link, _)| link.claims());
        let last = claims().next_back().ok_or(ChainError::Empty)?;
        let keys: Vec<NodeId> = claims().map(|grant| grant.subject).collect();
        let twice = |(index, key): (usize, &NodeId)| keys.iter().take(index).any(|earlier| earlier == key);
        if keys.iter().enumerate().any(twice) || keys.iter().any(|key| key.as_bytes() == grid.as_bytes()) {
            return Err(ChainError::Loop);
        }
        let invited = claims().find(|grant| grant.kind == GrantKind::Invitation);
        Ok(Self {
            invitation: invited.map(|grant| grant.subject),
            rights: last.rights.clone(),
            issued: claims().fold(Timestamp::EPOCH, |latest, grant| latest.max(grant.issued)),
            expires: claims().fold(last.expires(), |first, grant| first.min(grant.expires())),
            keys,
        })
    }
}

/// Does a link follow from the one above it?
fn refuse_misplaced(grid: &GridId, above: Option<&Grant>, grant: &Grant) -> Result<(), ChainError> {
    if grant.grid != *grid {
        return Err(ChainError::WrongGrid);
    }
    let Some(above) = above else {
        return if grant.issuer.is_none() { Ok(()) } else { Err(ChainError::NotFromGrid) };
    };
    match grant.issuer {
        None => return Err(ChainError::NotFromGrid),
        Some(issuer) if issuer != above.subject => return Err(ChainError::Broken),
        Some(_) => {}
    }
    if grant.depth >= above.depth {
        return Err(ChainError::TooDeep);
    }
    if above.rights.covers(&grant.rights) { Ok(()) } else { Err(ChainError::WidenedRights) }
}

/// Grants that do lead from the grid's key to a node. [`Chain::verify`] is the only way to one.
///
/// # Security
/// Whether it still holds is for the caller to ask: its hours, and each of its keys against the revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedChain {
    digests: Vec<GrantDigest>,
    terms: Terms,
}

impl VerifiedChain {
    /// The first hour in which one of its grants does not hold any more.
    pub const fn expires(&self) -> Timestamp {
        self.terms.expires
    }

    /// The latest hour in which one of its grants was signed.
    pub const fn issued(&self) -> Timestamp {
        self.terms.issued
    }

    /// What it allows.
    pub const fn rights(&self) -> &Rights {
        &self.terms.rights
    }

    /// The one-use key of an invitation among them.
    pub const fn invitation(&self) -> Option<NodeId> {
        self.terms.invitation
    }

    /// The keys it leads through: each is the subject of a grant, the last is the node.
    pub fn keys(&self) -> &[NodeId] {
        &self.terms.keys
    }

    pub(super) fn digests(&self) -> &[GrantDigest] {
        &self.digests
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{
        grid::{GRANT_LIFETIME_HOURS_MAX, ServiceSet},
        record::{GridSecret, NodeSecret},
    };

    fn secret(number: u8) -> NodeSecret {
        NodeSecret::from_seed([number; 32])
    }

    fn grid_secret() -> GridSecret {
        GridSecret::from_seed([100; 32])
    }

    fn grant(issuer: Option<u8>, subject: u8, depth: u8) -> Grant {
        Grant {
            grid: grid_secret().id(),
            issuer: issuer.map(|issuer| secret(issuer).id()),
            subject: secret(subject).id(),
            kind: GrantKind::Lasting,
            rights: Rights::ANY_SERVICE,
            depth,
            issued: Timestamp::from_hours(500_000),
            lifetime_hours: 100,
        }
    }

    fn sign(grant: &Grant, issuer: Option<u8>) -> Vec<u8> {
        let signed = match issuer {
            None => grant.sign_by_grid(&grid_secret()),
            Some(issuer) => grant.sign_by_member(&secret(issuer)),
        };
        signed.expect("a grant within its limits").bytes().to_vec()
    }

    fn link(issuer: Option<u8>, subject: u8, depth: u8) -> Vec<u8> {
        sign(&grant(issuer, subject, depth), issuer)
    }

    /// From the grid through 1, 2 and 3 to 4.
    fn longest() -> Vec<Vec<u8>> {
        vec![link(None, 1, 3), link(Some(1), 2, 2), link(Some(2), 3, 1), link(Some(3), 4, 0)]
    }

    fn read(node: u8, grants: &[Vec<u8>]) -> Result<Chain, ChainError> {
        Chain::read(&grid_secret().id(), &secret(node).id(), grants)
    }

    /// What a chain leads to, and how many signatures that took.
    fn counted(node: u8, grants: &[Vec<u8>], known: &KnownGrants) -> (Result<VerifiedChain, SignatureError>, usize) {
        let mut checks = 0;
        let verified = read(node, grants).expect("well-formed").verify_by(known, |link| {
            checks += 1;
            link.check()
        });
        (verified, checks)
    }

    #[test]
    fn each_signature_is_checked_once_and_shared_links_are_not_checked_again() {
        let mut known = KnownGrants::new(100);
        let (verified, checks) = counted(4, &longest(), &known);
        assert_eq!(checks, 4);
        known.learn(&verified.expect("it holds"));
        assert_eq!(counted(4, &longest(), &known).1, 0);
        let mut sibling = longest();
        sibling[3] = link(Some(3), 5, 0);
        assert_eq!(read(5, &sibling).expect("well-formed").checks_due(&known), 1);
        assert_eq!(counted(5, &sibling, &known).1, 1);
    }

    #[test]
    fn the_memory_of_grants_is_bounded_and_forgets_the_oldest() {
        let mut known = KnownGrants::new(2);
        for node in 10..20 {
            let grants = [link(None, node, 0)];
            known.learn(&counted(node, &grants, &known).0.expect("it holds"));
        }
        assert_eq!(counted(19, &[link(None, 19, 0)], &known).1, 0);
        assert_eq!(counted(18, &[link(None, 18, 0)], &known).1, 0);
        assert_eq!(counted(17, &[link(None, 17, 0)], &known).1, 1);
        assert_eq!(counted(17, &[link(None, 17, 0)], &KnownGrants::new(0)).1, 1);
    }

    #[test]
    fn no_signature_is_checked_behind_one_that_does_not_hold() {
        let known = KnownGrants::new(100);
        for broken in 0..4 {
            let mut grants = longest();
            *grants[broken].last_mut().expect("a signature") ^= 1;
            let (verified, checks) = counted(4, &grants, &known);
            assert_eq!((verified, checks), (Err(SignatureError), broken + 1));
        }
    }

    #[test]
    fn hostile_chains_are_refused_before_any_signature() {
        let ten_thousand = vec![link(None, 1, 3); 10_000];
        assert_eq!(read(1, &ten_thousand).unwrap_err(), ChainError::TooLong);
        assert_eq!(read(1, &[]).unwrap_err(), ChainError::Empty);
        // 1 → 2 → 1, and one that grants to itself.
        let back = [link(None, 1, 3), link(Some(1), 2, 2), link(Some(2), 1, 1)];
        assert_eq!(read(1, &back).unwrap_err(), ChainError::Loop);
        assert_eq!(read(1, &[link(None, 1, 3), link(Some(1), 1, 2)]).unwrap_err(), ChainError::Loop);
        let to_the_grid = Grant { subject: NodeId::from_bytes(*grid_secret().id().as_bytes()), ..grant(None, 1, 0) };
        let key = to_the_grid.subject;
        let grants = [sign(&to_the_grid, None)];
        assert_eq!(Chain::read(&grid_secret().id(), &key, &grants).unwrap_err(), ChainError::Loop);
        // Links in another order, left out, or of other chains.
        let mut swapped = longest();
        swapped.swap(1, 2);
        assert_eq!(read(4, &swapped).unwrap_err(), ChainError::Broken);
        assert_eq!(read(4, &longest()[1..]).unwrap_err(), ChainError::NotFromGrid);
        assert_eq!(read(3, &longest()).unwrap_err(), ChainError::OtherNode);
        assert_eq!(read(2, &[link(None, 1, 1), link(None, 2, 0)]).unwrap_err(), ChainError::NotFromGrid);
        let other = GridId::from_bytes([5; 32]);
        assert_eq!(Chain::read(&other, &secret(4).id(), &longest()).unwrap_err(), ChainError::WrongGrid);
        // More than was allowed.
        assert_eq!(read(2, &[link(None, 1, 0), link(Some(1), 2, 0)]).unwrap_err(), ChainError::TooDeep);
        assert_eq!(read(2, &[link(None, 1, 2), link(Some(1), 2, 2)]).unwrap_err(), ChainError::TooDeep);
        let storage = Rights::services(["storage".parse().expect("a name")]);
        let narrow = sign(&Grant { rights: storage.clone(), ..grant(None, 1, 1) }, None);
        assert_eq!(read(2, &[narrow.clone(), link(Some(1), 2, 0)]).unwrap_err(), ChainError::WidenedRights);
        let introducer = Rights { introducer: true, ..storage };
        let wide = sign(&Grant { rights: introducer, ..grant(Some(1), 2, 0) }, Some(1));
        assert_eq!(read(2, &[narrow, wide]).unwrap_err(), ChainError::WidenedRights);
        assert_eq!(read(1, &[vec![1; 257]]).unwrap_err(), ChainError::Grant(GrantDecodeError::TooLarge));
    }

    #[test]
    fn keys_that_were_swapped_do_not_verify() {
        // By another key than it names: 2 signs what 1 should.
        let mut grants = vec![link(None, 1, 3), link(Some(1), 2, 2)];
        let body = grants[1].len() - 64;
        let forged = secret(2).sign(crate::record::Context::Grant, &grants[1][..body]);
        grants[1][body..].copy_from_slice(&forged);
        assert_eq!(counted(2, &grants, &KnownGrants::new(9)), (Err(SignatureError), 2));
    }

    #[test]
    fn a_chain_holds_as_long_as_the_first_of_its_links_to_end() {
        let short = sign(&Grant { lifetime_hours: 7, ..grant(Some(1), 2, 1) }, Some(1));
        let long = Grant {
            lifetime_hours: GRANT_LIFETIME_HOURS_MAX,
            issued: Timestamp::from_hours(500_003),
            ..grant(Some(2), 3, 0)
        };
        let grants = [link(None, 1, 2), short, sign(&long, Some(2))];
        let chain = read(3, &grants).expect("well-formed");
        assert_eq!((chain.issued().hours(), chain.expires().hours()), (500_003, 500_007));
        let verified = chain.verify(&KnownGrants::new(0)).expect("it holds");
        assert_eq!(verified.expires().hours(), 500_007);
        assert_eq!(verified.keys(), [1, 2, 3].map(|key| secret(key).id()));
        assert_eq!(verified.rights().services, ServiceSet::Any);
    }

    #[test]
    fn the_key_of_an_invitation_is_no_node_and_grants_once() {
        let invitation = sign(&Grant { kind: GrantKind::Invitation, ..grant(None, 1, 1) }, None);
        assert_eq!(read(1, core::slice::from_ref(&invitation)).unwrap_err(), ChainError::Unredeemed);
        let redeemed = [invitation, link(Some(1), 2, 0)];
        let chain = read(2, &redeemed).expect("well-formed");
        assert_eq!(chain.invitation(), Some(secret(1).id()));
        let further = [redeemed[0].clone(), redeemed[1].clone(), link(Some(2), 3, 0)];
        assert_eq!(read(3, &further).unwrap_err(), ChainError::TooDeep);
    }
}
