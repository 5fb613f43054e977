//! What holds for every grant, chain, revocation list and invitation, tried with arbitrary ones.
#![expect(clippy::expect_used, reason = "an arbitrary value that can't be built is a failure like any other")]

use anteroom::{
    grid::{
        Chain, GRANT_LIFETIME_HOURS_MAX, Grant, GrantBundle, GrantKind, Invitation, KnownGrants, NEXT_UPDATE_HOURS_MAX,
        REVOCATIONS_MAX, Revocation, RevocationList, Rights, ServiceSet, SignedGrant, SignedRevocations,
    },
    record::{Epoch, GRANTS_MAX, GridSecret, GroupKey, NodeId, NodeSecret, OnionAddress, SIGNATURE_BYTES, Timestamp},
};
use proptest::{collection, option, prelude::*, sample::Index};

const NAMES: [&str; 4] = ["archive", "relay", "storage", "wiki"];

fn grid() -> GridSecret {
    GridSecret::from_seed([100; 32])
}

fn secret(number: u8) -> NodeSecret {
    NodeSecret::from_seed([number; 32])
}

fn rights() -> impl Strategy<Value = Rights> {
    let names = collection::btree_set(proptest::sample::select(&NAMES[..]), 0..=NAMES.len());
    (option::weighted(0.7, names), any::<bool>()).prop_map(|(names, introducer)| {
        let services = match names {
            None => ServiceSet::Any,
            Some(names) => ServiceSet::Only(names.iter().map(|name| name.parse().expect("a name")).collect()),
        };
        Rights { services, introducer }
    })
}

/// One link of a chain whose keys are numbered from 1.
#[derive(Clone, Debug)]
struct Link {
    rights: Rights,
    depth: u8,
    issued: u32,
    hours: u16,
}

fn link() -> impl Strategy<Value = Link> {
    let parts = (rights(), 0_u8..=3, 480_000_u32..500_000, 1..=GRANT_LIFETIME_HOURS_MAX);
    parts.prop_map(|(rights, depth, issued, hours)| Link { rights, depth, issued, hours })
}

fn sign(issuer: Option<u8>, subject: u8, kind: GrantKind, link: &Link) -> SignedGrant {
    let grant = Grant {
        grid: grid().id(),
        issuer: issuer.map(|number| secret(number).id()),
        subject: secret(subject).id(),
        kind,
        rights: link.rights.clone(),
        depth: link.depth,
        issued: Timestamp::from_hours(link.issued),
        lifetime_hours: link.hours,
    };
    let signed = match issuer {
        None => grant.sign_by_grid(&grid()),
        Some(number) => grant.sign_by_member(&secret(number)),
    };
    signed.expect("within the limits")
}

fn chain(links: &[Link]) -> Vec<Vec<u8>> {
    let signed = links.iter().enumerate().map(|(at, link)| {
        let issuer = (at > 0).then_some(at as u8);
        sign(issuer, at as u8 + 1, GrantKind::Lasting, link).bytes().to_vec()
    });
    signed.collect()
}

/// The rights of a link, as the set of all that it allows.
fn allowed(rights: &Rights) -> Vec<bool> {
    let names =
        NAMES.iter().chain(&["something-else"]).map(|name| rights.services.admits(&name.parse().expect("a name")));
    names.chain([rights.introducer]).collect()
}

fn changed(bytes: &[u8], at: &Index, mask: u8) -> Vec<u8> {
    let mut other = bytes.to_vec();
    let at = at.index(bytes.len());
    other[at] ^= mask;
    other
}

fn list() -> impl Strategy<Value = RevocationList> {
    let entries = collection::btree_map(any::<[u8; 32]>(), 1..u32::MAX, 0..=REVOCATIONS_MAX);
    let parts = (any::<u64>(), 0..1_000_000_u32, 1..=NEXT_UPDATE_HOURS_MAX, entries);
    parts.prop_map(|(seq, issued, next_update_hours, entries)| {
        let issued = Timestamp::from_hours(issued);
        let entry = |(key, hours)| Revocation { key: NodeId::from_bytes(key), until: issued.plus_hours(hours) };
        let revoked = entries.into_iter().map(entry).collect();
        RevocationList { grid: grid().id(), seq, issued, next_update_hours, revoked }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_chain_holds_exactly_when_every_link_allows_the_next(links in collection::vec(link(), 1..=GRANTS_MAX + 1)) {
        let grants = chain(&links);
        let node = secret(links.len() as u8).id();
        let follows = |(above, below): (&Link, &Link)| {
            let narrower = allowed(&above.rights).iter().zip(allowed(&below.rights)).all(|(above, below)| *above || !below);
            below.depth < above.depth && narrower
        };
        let holds = links.len() <= GRANTS_MAX && links.iter().zip(links.iter().skip(1)).all(follows);
        let read = Chain::read(&grid().id(), &node, &grants);
        prop_assert_eq!(read.is_ok(), holds, "{:?}", read);
        if let Ok(chain) = read {
            let verified = chain.verify(&KnownGrants::new(0)).expect("every link is signed");
            let first_end = links.iter().map(|link| link.issued + u32::from(link.hours)).min();
            prop_assert_eq!(Some(verified.expires().hours()), first_end);
            prop_assert_eq!(verified.keys().last(), Some(&node));
            prop_assert_eq!(Some(verified.rights()), links.last().map(|link| &link.rights));
        }
    }

    #[test]
    fn the_grants_of_a_node_in_a_row_are_read_as_they_were_put_together(links in collection::vec(link(), 1..=GRANTS_MAX + 1), at in any::<Index>(), mask in 1..=u8::MAX) {
        let (grants, node) = (chain(&links), secret(links.len() as u8).id());
        let bytes = GrantBundle::encode(&grants);
        let read = GrantBundle::decode(&bytes);
        prop_assert_eq!(read.is_ok(), Chain::read(&grid().id(), &node, &grants).is_ok(), "{:?}", read);
        if let Ok(bundle) = read {
            prop_assert_eq!((bundle.grid, bundle.node, bundle.grants), (grid().id(), node, grants));
        }
        let damaged = GrantBundle::decode(&changed(&bytes, &at, mask));
        prop_assert!(damaged.is_err() || damaged.is_ok_and(|bundle| bundle.chain.verify(&KnownGrants::new(0)).is_err()));
    }

    #[test]
    fn a_chain_changed_in_any_place_does_not_hold(hours in 1..=GRANT_LIFETIME_HOURS_MAX, which in any::<Index>(), at in any::<Index>(), mask in 1..=u8::MAX) {
        let link = |depth| Link { rights: Rights::ANY_SERVICE, depth, issued: 490_000, hours };
        let links: Vec<Link> = (0..3).rev().map(link).collect();
        let mut grants = chain(&links);
        let mut known = KnownGrants::new(100);
        let whole = Chain::read(&grid().id(), &secret(3).id(), &grants).expect("a chain");
        known.learn(&whole.verify(&known).expect("it holds"));
        let which = which.index(grants.len());
        grants[which] = changed(&grants[which], &at, mask);
        let read = Chain::read(&grid().id(), &secret(3).id(), &grants);
        // Nor does what was learned of the whole one help it.
        prop_assert!(read.is_err() || read.is_ok_and(|chain| chain.verify(&known).is_err()));
    }

    #[test]
    fn a_grant_is_read_as_it_was_signed(link in link(), issuer in option::of(1_u8..9), invitation in any::<bool>()) {
        let (kind, link) = if invitation {
            (GrantKind::Invitation, Link { depth: 1, hours: 1 + link.hours % 336, ..link })
        } else {
            (GrantKind::Lasting, link)
        };
        let signed = sign(issuer, 9, kind, &link);
        let again = SignedGrant::decode(signed.bytes()).expect("it was signed");
        prop_assert_eq!(&again, &signed);
        prop_assert_eq!(again.claims().expires().hours(), link.issued + u32::from(link.hours));
    }

    #[test]
    fn no_number_of_a_grant_has_a_longer_spelling(link in link(), issuer in option::of(1_u8..9)) {
        let signed = sign(issuer, 9, GrantKind::Lasting, &link);
        let bytes = signed.bytes();
        for at in 0..bytes.len() - SIGNATURE_BYTES {
            let longer = [&bytes[..at], &[bytes[at] | 0x80, 0], &bytes[at + 1..]].concat();
            if let Ok(decoded) = SignedGrant::decode(&longer) {
                prop_assert_ne!(decoded.claims(), signed.claims(), "byte {}", at);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_quietly(mut bytes in collection::vec(any::<u8>(), 0..300), text in any::<String>()) {
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        if let Ok(grant) = SignedGrant::decode(&bytes) {
            let (grid, node) = (grant.claims().grid, grant.claims().subject);
            let chain = Chain::read(&grid, &node, &[&bytes]);
            prop_assert!(chain.is_err() || chain.is_ok_and(|chain| chain.verify(&KnownGrants::new(0)).is_err()));
        }
        if let Ok(list) = SignedRevocations::decode(&bytes) {
            prop_assert!(list.verify().is_err());
        }
        prop_assert!(text.parse::<Invitation>().is_err());
    }

    #[test]
    fn a_revocation_list_is_read_as_it_was_signed(list in list(), at in any::<Index>(), mask in 1..=u8::MAX, other in any::<[u8; 32]>()) {
        let signed = list.sign(&grid()).expect("within the limits");
        let read = SignedRevocations::decode(signed.bytes()).expect("it was signed").verify().expect("by the grid");
        prop_assert_eq!(&read, &signed);
        for entry in &list.revoked {
            prop_assert!(read.list().revokes(&entry.key));
        }
        let other = NodeId::from_bytes(other);
        prop_assert_eq!(read.list().revokes(&other), list.revoked.iter().any(|entry| entry.key == other));
        let damaged = SignedRevocations::decode(&changed(signed.bytes(), &at, mask));
        prop_assert!(damaged.is_err() || damaged.is_ok_and(|list| list.verify().is_err()));
    }

    #[test]
    fn an_invitation_is_read_as_it_is_written(hours in 1..=336_u16, port in 1..=u16::MAX, client_key in option::of(any::<[u8; 32]>()), group_key in option::of((1..=u32::MAX, any::<[u8; 32]>())), at in any::<Index>(), new in "[a-z0-9]") {
        let link = Link { rights: Rights::ANY_SERVICE, depth: 1, issued: 490_000, hours };
        let grants = [sign(None, 1, GrantKind::Invitation, &link).bytes().to_vec()];
        let onion = OnionAddress::new([5; 32], port).expect("a port");
        let group = |key: Option<(u32, [u8; 32])>| key.and_then(|(epoch, key)| Some(GroupKey::new(Epoch::new(epoch)?, key)));
        let invitation = Invitation::new([1; 32], &grants, vec![anteroom::record::Address::Onion(onion)], client_key, group(group_key));
        let text = invitation.expect("within the limits").to_text().expect("it fits");
        let read: Invitation = text.parse().expect("it was written");
        prop_assert_eq!(&*read.to_text().expect("it fits"), &*text);
        prop_assert_eq!(read.client_key(), client_key.as_ref());
        let other_service = OnionAddress::new([6; 32], port).expect("a port");
        let secrets = [onion, other_service].map(|service| read.client_secret(&service).map(|secret| *secret));
        prop_assert_eq!(secrets.map(|secret| secret.is_some()), [client_key.is_some(); 2]);
        prop_assert!(client_key.is_none() || secrets[0] != secrets[1]);
        prop_assert_eq!(read.group_key().map(|key| (key.epoch().get(), *key.secret())), group_key);
        let at = at.index(text.len());
        let other = format!("{}{new}{}", &text[..at], &text[at + 1..]);
        prop_assert!(other == *text || other.parse::<Invitation>().is_err());
        prop_assert!(text.to_uppercase().parse::<Invitation>().is_err());
    }
}
