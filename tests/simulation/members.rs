//! Who belongs to a simulated granted grid: three who let others in, the nodes, and lists of who is out.

use anteroom::{
    grid::{Chain, Grant, GrantKind, Revocation, RevocationList, Rights, SignedGrant, VerifiedRevocations},
    record::{ContactRecord, GridId, GridSecret, NodeId, NodeSecret, Timestamp},
};

use crate::world::{START_HOUR, secret};

/// Keys that may let others in.
pub const ISSUERS: u64 = 3;
/// Whoever lets in everybody who asks.
pub const ROGUE: u64 = 2;
const ISSUER_NUMBERS_FROM: u64 = 500;
/// Two years, or less.
const LIFETIMES_HOURS: [u16; 4] = [17_568, 2_000, 17_568, 5_000];

pub fn grid_secret() -> GridSecret {
    GridSecret::from_seed([9; 32])
}

pub fn grid() -> GridId {
    grid_secret().id()
}

pub fn issuer(number: u64) -> NodeSecret {
    secret(ISSUER_NUMBERS_FROM + number)
}

fn grant(issuer: Option<NodeId>, subject: NodeId, rights: Rights, lifetime_hours: u16) -> Grant {
    let depth = u8::from(issuer.is_none());
    let issued = Timestamp::from_hours(START_HOUR);
    Grant { grid: grid(), issuer, subject, kind: GrantKind::Lasting, rights, depth, issued, lifetime_hours }
}

fn by_grid(subject: NodeId, rights: Rights, hours: u16) -> SignedGrant {
    grant(None, subject, rights, hours).sign_by_grid(&grid_secret()).expect("within the limits")
}

/// Grants of a node by one of the issuers.
pub fn granted_by(number: u64, node: NodeId, hours: u16) -> Vec<Vec<u8>> {
    let secret = issuer(number);
    let first = by_grid(secret.id(), Rights::ANY_SERVICE, 17_568);
    let last = grant(Some(secret.id()), node, Rights::ANY_SERVICE, hours);
    let last = last.sign_by_member(&secret).expect("within the limits");
    [first, last].map(|grant| grant.bytes().to_vec()).into()
}

/// Grants of the node with this number: some by the grid itself, some for one service only, some that end soon.
pub fn grants_of(number: u64) -> Vec<Vec<u8>> {
    let (node, hours) = (secret(number).id(), LIFETIMES_HOURS[number as usize % LIFETIMES_HOURS.len()]);
    match number % 4 {
        0 => vec![by_grid(node, Rights::services(["storage".parse().expect("a name")]), hours).bytes().to_vec()],
        _ => granted_by(number % ISSUERS, node, hours),
    }
}

/// The keys that the grants of a record lead through; none in an open grid.
pub fn keys_of(claims: &ContactRecord) -> Vec<NodeId> {
    let chain = Chain::read(&claims.grid, &claims.node, &claims.grants);
    chain.map(|chain| chain.keys().to_vec()).unwrap_or_default()
}

/// A list of who is out.
pub fn list(seq: u64, issued: Timestamp, out: impl Iterator<Item = NodeId>) -> VerifiedRevocations {
    let until = issued.plus_hours(17_568);
    let mut revoked: Vec<_> = out.map(|key| Revocation { key, until }).collect();
    revoked.sort_by_key(|entry| entry.key);
    let list = RevocationList { grid: grid(), seq, issued, next_update_hours: 100, revoked };
    list.sign(&grid_secret()).expect("within the limits")
}
