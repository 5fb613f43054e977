//! Vectors of what a grid signs, and of invitations.

use anteroom::{
    grid::{
        BundleError, Chain, ChainError, GrantBundle, GrantDecodeError, Invitation, KnownGrants, RevocationError,
        SignedGrant, SignedRevocations,
    },
    grid::{Grant, RevocationList, ServiceSet},
    record::{Address, Context, GridId, GridSecret, NodeId, NodeSecret, Timestamp},
};
use data_encoding::HEXLOWER;

use super::{Vector, hex};

fn lines<const N: usize>(pairs: [(&str, String); N]) -> Vec<(String, String)> {
    pairs.map(|(key, value)| (key.to_owned(), value)).into()
}

/// The lines of a vector from `first` up to those of its bytes.
fn lines_from(vector: &Vector, first: &str) -> Vec<(String, String)> {
    let behind = vector.lines.iter().skip_while(|(key, _)| key != first);
    behind.take_while(|(key, _)| key != "body").cloned().collect()
}

fn lines_of_grant(grant: &Grant) -> Vec<(String, String)> {
    let mut found = lines([("grant-kind", format!("{:?}", grant.kind))]);
    match &grant.rights.services {
        ServiceSet::Any => found.extend(lines([("services", "any".into())])),
        ServiceSet::Only(names) => {
            found.extend(lines([("services", "only".into())]));
            found.extend(names.iter().map(|name| ("service".into(), name.to_string())));
        }
    }
    found.extend(lines([
        ("introducer", grant.rights.introducer.to_string()),
        ("depth", grant.depth.to_string()),
        ("issued-hours", grant.issued.hours().to_string()),
        ("lifetime-hours", grant.lifetime_hours.to_string()),
    ]));
    found
}

#[test]
fn grants() {
    for vector in Vector::of_kind("grant") {
        let bytes = [vector.bytes("body"), vector.bytes("signature")].concat();
        let decoded = SignedGrant::decode(&bytes);
        vector.settle::<_, GrantDecodeError>("GrantDecodeError", "", decoded.clone().map(drop));
        let Ok(decoded) = decoded else { continue };
        let claims = decoded.claims();
        assert_eq!(decoded.bytes(), bytes);
        assert_eq!(*claims.grid.as_bytes(), vector.key("grid"));
        assert_eq!(*claims.subject.as_bytes(), vector.key("subject"));
        assert_eq!(lines_of_grant(claims), lines_from(&vector, "grant-kind"), "{}", vector.name);
        assert_eq!(Context::Grant.prefix(), vector.bytes("context"));
        let signed = match claims.issuer {
            None => claims.sign_by_grid(&GridSecret::from_seed(vector.key("seed"))),
            Some(issuer) => {
                assert_eq!(*issuer.as_bytes(), vector.key("issuer"));
                claims.sign_by_member(&NodeSecret::from_seed(vector.key("seed")))
            }
        };
        assert_eq!(signed.expect(&vector.name).bytes(), bytes);
    }
}

#[test]
fn chains() {
    for vector in Vector::of_kind("chain") {
        let grants: Vec<Vec<u8>> = vector.texts("grant").map(hex).collect();
        let (grid, node) = (GridId::from_bytes(vector.key("grid")), NodeId::from_bytes(vector.key("node")));
        let chain = match Chain::read(&grid, &node, &grants) {
            Ok(chain) => chain,
            Err(error) => {
                vector.settle::<(), ChainError>("ChainError", "", Err(error));
                continue;
            }
        };
        assert_eq!(chain.checks_due(&KnownGrants::new(0)), grants.len());
        let (issued, invitation) = (chain.issued(), chain.invitation());
        let verified = chain.verify(&KnownGrants::new(0));
        vector.settle("SignatureError", "", verified.clone().map(drop));
        if let Ok(verified) = verified {
            let keys: Vec<_> = vector.texts("key").map(hex).collect();
            assert_eq!(verified.keys().iter().map(|key| key.as_bytes().to_vec()).collect::<Vec<_>>(), keys);
            assert_eq!(issued.hours().to_string(), vector.text("issued-hours"));
            assert_eq!(verified.expires().hours().to_string(), vector.text("expires-hours"));
            let invitation = invitation.map(|key| HEXLOWER.encode(key.as_bytes()));
            assert_eq!(invitation.as_deref(), vector.texts("invitation").next());
        }
    }
}

fn lines_of_list(list: &RevocationList) -> Vec<(String, String)> {
    let mut found = lines([
        ("seq", list.seq.to_string()),
        ("issued-hours", list.issued.hours().to_string()),
        ("next-update-hours", list.next_update_hours.to_string()),
    ]);
    let entry = |key: &NodeId, until: Timestamp| format!("{} {}", HEXLOWER.encode(key.as_bytes()), until.hours());
    found.extend(list.revoked.iter().map(|revoked| ("revoked".into(), entry(&revoked.key, revoked.until))));
    found
}

#[test]
fn revocation_lists() {
    for vector in Vector::of_kind("revocations") {
        let bytes = [vector.bytes("body"), vector.bytes("signature")].concat();
        let decoded = match SignedRevocations::decode(&bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                vector.settle::<(), RevocationError>("RevocationError", "", Err(error));
                continue;
            }
        };
        let list = decoded.list().clone();
        vector.settle("SignatureError", "", decoded.verify());
        if vector.accepts() {
            assert_eq!(*list.grid.as_bytes(), vector.key("grid"));
            assert_eq!(lines_of_list(&list), lines_from(&vector, "seq"), "{}", vector.name);
            assert_eq!(Context::RevocationList.prefix(), vector.bytes("context"));
            let secret = GridSecret::from_seed(vector.key("seed"));
            assert_eq!(list.sign(&secret).expect(&vector.name).bytes(), bytes);
        }
    }
}

#[test]
fn invitations() {
    for vector in Vector::of_kind("invitation") {
        for text in vector.texts("text") {
            let read = text.parse::<Invitation>();
            vector.settle("InvitationError", text, read.as_ref().map(|_| ()));
            let Ok(invitation) = read else { continue };
            assert_eq!(*invitation.to_text().expect("it was read"), text);
            assert_eq!(*invitation.grid().as_bytes(), vector.key("grid"));
            assert_eq!(invitation.key(), NodeSecret::from_seed(vector.key("seed")).id());
            assert_eq!(invitation.chain().expires().hours().to_string(), vector.text("expires-hours"));
            let introducers: Vec<_> = invitation.introducers().iter().map(ToString::to_string).collect();
            assert_eq!(introducers, vector.texts("introducer").collect::<Vec<_>>());
            let client_key = invitation.client_key().map(|key| HEXLOWER.encode(key));
            assert_eq!(client_key.as_deref(), vector.texts("client-key").next());
            let group_key =
                invitation.group_key().map(|key| format!("{} {}", key.epoch(), HEXLOWER.encode(key.secret())));
            assert_eq!(group_key.as_deref(), vector.texts("group-key").next());

            let node = NodeId::from_bytes(vector.key("node"));
            let hour = Timestamp::from_hours(vector.text("redeemed-hours").parse().expect("an hour"));
            let redeemed = invitation.redeem(node, hour).expect("it holds");
            let expected: Vec<_> = vector.texts("grant").chain([vector.text("redeemed")]).map(hex).collect();
            assert_eq!(redeemed, expected);
            let chain = Chain::read(&invitation.grid(), &node, &redeemed).expect("a chain");
            assert_eq!(chain.invitation(), Some(invitation.key()));
            assert!(chain.verify(&KnownGrants::new(0)).is_ok());
            assert!(invitation.redeem(node, invitation.chain().expires()).is_err(), "an invitation that has ended");
        }
    }
}

#[test]
fn bundles() {
    for vector in Vector::of_kind("bundle") {
        let bytes = vector.bytes("bytes");
        let read = GrantBundle::decode(&bytes);
        vector.settle("BundleError", "", read.as_ref().map(|_| ()).map_err(|error| *error));
        let Ok(bundle) = read else { continue };
        let grants: Vec<_> = vector.texts("grant").map(hex).collect();
        assert_eq!(bundle.grants, grants);
        assert_eq!(
            (bundle.grid, bundle.node.as_bytes()),
            (GridId::from_bytes(vector.key("grid")), &vector.key("node"))
        );
        assert_eq!(GrantBundle::encode(&grants), bytes);
    }
}

#[test]
fn client_secrets() {
    for vector in Vector::of_kind("client-secret") {
        let invitation: Invitation = vector.text("text").parse().expect("an invitation");
        let Ok(Address::Onion(service)) = vector.text("service").parse() else { panic!("an onion address") };
        assert_eq!(*invitation.client_secret(&service).expect("it has a key"), vector.key("secret"));
        vector.settle::<(), BundleError>("BundleError", "", Ok(()));
    }
}
