//! What holds for every sealed record and every key of an epoch, tried with arbitrary ones.
#![expect(clippy::expect_used, reason = "an arbitrary value that can't be built is a failure like any other")]

use std::collections::BTreeSet;

use anteroom::{
    grid::{EpochTerms, KeyEpoch, MEMBERS_PER_EPOCH_MAX, SignedKeyEpoch, WrapError},
    record::{
        Address, Attributes, ContactRecord, EphemeralSecret, Epoch, GridSecret, GroupKey, Lifetime, NodeId, NodeSecret,
        OnionAddress, SEALED_BODY_BYTES, SealError, SealedRecord, Service, SignedEnvelope, SignedRecord, TAGS, Tag,
        Timestamp, VerifiedRecord,
    },
};
use proptest::{collection, option, prelude::*, sample::Index};

fn grid() -> GridSecret {
    GridSecret::from_seed([100; 32])
}

fn secret(number: u8) -> NodeSecret {
    NodeSecret::from_seed([number; 32])
}

fn key(epoch: u32, byte: u8) -> GroupKey {
    GroupKey::new(Epoch::new(epoch).expect("not 0"), [byte; 32])
}

fn service(name: &str, port: u16) -> Service {
    let address = Address::Onion(OnionAddress::new([5; 32], port).expect("a port"));
    let name = name.parse().expect("a name");
    Service { name, version: 1, addresses: vec![address], attributes: Attributes::default() }
}

fn services() -> impl Strategy<Value = Vec<Service>> {
    let names = collection::btree_map("[a-z0-9-]{1,32}", 1..=u16::MAX, 0..=TAGS);
    names.prop_map(|names| names.iter().map(|(name, port)| service(name, *port)).collect())
}

fn record() -> impl Strategy<Value = ContactRecord> {
    let grants = collection::vec(collection::vec(any::<u8>(), 1..=256), 0..=4);
    (any::<u64>(), any::<u32>(), 1..=720_u16, option::of("[a-z]{1,64}"), services(), grants).prop_map(
        |(seq, issued, hours, nickname, services, grants)| ContactRecord {
            grid: grid().id(),
            node: secret(1).id(),
            seq,
            issued: Timestamp::from_hours(issued),
            lifetime: Lifetime::from_hours(hours).expect("within limits"),
            nickname: nickname.map(|text| text.parse().expect("a nickname")),
            services,
            grants,
        },
    )
}

fn seal(record: &ContactRecord, nonce: u8) -> VerifiedRecord {
    record.seal(&key(1, 1), [nonce; 24], &secret(1)).expect("within the limits")
}

fn sealed(record: &VerifiedRecord) -> SealedRecord {
    SealedRecord::decode(record.bytes()).expect("it was sealed")
}

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_sealed_and_by_nobody_else(record in record(), nonce in any::<u8>(), at in any::<Index>(), mask in 1..=u8::MAX) {
        let sealed_record = seal(&record, nonce);
        prop_assert!(sealed_record.is_sealed());
        let read = sealed(&sealed_record).verify().expect("signed").open(&key(1, 1));
        prop_assert_eq!(read.as_ref(), Ok(&sealed_record));
        prop_assert_eq!(sealed_record.claims(), &record);
        prop_assert!(sealed(&sealed_record).verify().expect("signed").open(&key(1, 2)).is_err());
        prop_assert!(sealed(&sealed_record).verify().expect("signed").open(&key(2, 1)).is_err());
        prop_assert!(SignedRecord::decode(sealed_record.bytes()).is_err(), "it is no record in clear");

        let mut changed = sealed_record.bytes().to_vec();
        let at = at.index(changed.len());
        changed[at] ^= mask;
        let damaged = SealedRecord::decode(&changed);
        prop_assert!(damaged.is_err() || damaged.is_ok_and(|record| record.verify().is_err()), "byte {}", at);
    }

    #[test]
    fn whoever_keeps_it_sees_sizes_that_tell_nothing(record in record(), other in services()) {
        let one = seal(&record, 1);
        let two = seal(&ContactRecord { services: other, nickname: None, ..record }, 2);
        let claims = [&one, &two].map(|record| sealed(record).claims().clone());
        for claims in &claims {
            prop_assert_eq!((claims.body.len(), claims.tags.len()), (SEALED_BODY_BYTES, TAGS));
        }
        prop_assert_eq!(one.bytes().len(), two.bytes().len());
        let envelope = SignedEnvelope::decode(one.bytes()).expect("a record");
        prop_assert_eq!(envelope.claims().names().len(), if one.claims().is_withdrawal() { 0 } else { TAGS });
        prop_assert_eq!(envelope.claims().is_withdrawal(), one.claims().is_withdrawal());
    }

    #[test]
    fn a_tag_goes_for_each_that_comes(record in record(), name in "[a-z]{33}") {
        let before: BTreeSet<Tag> = sealed(&seal(&record, 1)).claims().tags.into();
        let again: BTreeSet<Tag> = sealed(&seal(&ContactRecord { seq: record.seq ^ 1, ..record.clone() }, 2)).claims().tags.into();
        prop_assert_eq!(&before, &again, "what stands for nothing stays, too");
        for service in &record.services {
            prop_assert!(before.contains(&Tag::of(&key(1, 1), &record.grid, &service.name)));
            prop_assert!(!before.contains(&Tag::of(&key(1, 2), &record.grid, &service.name)));
        }
        if record.services.len() < TAGS {
            let mut more = record.clone();
            more.services.push(service(&name[..32], 1));
            more.services.sort_by(|a, b| a.name.cmp(&b.name));
            let after: BTreeSet<Tag> = sealed(&seal(&more, 3)).claims().tags.into();
            prop_assert_eq!(before.intersection(&after).count(), TAGS - 1);
        }
    }

    #[test]
    fn a_body_goes_with_its_record_alone(record in record(), seq in any::<u64>(), issued in any::<u32>(), hours in 1..=720_u16) {
        let donor = sealed(&seal(&record, 1)).claims().clone();
        let mut thief = donor.clone();
        (thief.seq, thief.issued) = (seq, Timestamp::from_hours(issued));
        thief.lifetime = Lifetime::from_hours(hours).expect("within limits");
        prop_assume!(thief != donor);
        prop_assert!(thief.sign(&secret(1)).expect("the node itself").open(&key(1, 1)).is_err());
        let mut other = donor;
        other.node = secret(2).id();
        prop_assert!(other.sign(&secret(2)).expect("another member").open(&key(1, 1)).is_err());
    }

    #[test]
    fn members_and_nobody_else_open_the_key_of_an_epoch(count in 0..=8_u8, seq in any::<u64>(), epoch in 1..=u32::MAX, ephemeral in any::<[u8; 32]>(), byte in any::<u8>(), at in any::<Index>(), mask in 1..=u8::MAX) {
        let terms = EpochTerms { grid: grid().id(), seq, issued: Timestamp::from_hours(1), next_update_hours: 1 };
        let members: Vec<NodeId> = (0..count).map(|number| secret(number).id()).collect();
        let wrapped = KeyEpoch::wrap(terms, &key(epoch, byte), &members, &EphemeralSecret::new(ephemeral)).expect("keys");
        let signed = wrapped.sign(&grid()).expect("within the limits");
        let read = SignedKeyEpoch::decode(signed.bytes()).expect("signed").verify().expect("by the grid");
        prop_assert_eq!(&read, &signed);
        for number in 0..count {
            let opened = read.document().unwrap_for(&secret(number)).expect("a member");
            prop_assert_eq!((opened.epoch().get(), opened.secret()), (epoch, &[byte; 32]));
        }
        prop_assert!(read.document().unwrap_for(&secret(count)).is_err());
        let mut changed = signed.bytes().to_vec();
        let at = at.index(changed.len());
        changed[at] ^= mask;
        let damaged = SignedKeyEpoch::decode(&changed);
        prop_assert!(damaged.is_err() || damaged.is_ok_and(|epoch| epoch.verify().is_err()));
    }

    #[test]
    fn arbitrary_bytes_are_refused_quietly(mut bytes in collection::vec(any::<u8>(), 0..2100)) {
        if let Some(first) = bytes.first_mut() {
            *first = 2;
        }
        prop_assert!(SealedRecord::decode(&bytes).is_err() && SignedEnvelope::decode(&bytes).is_err());
        prop_assert!(SignedKeyEpoch::decode(&bytes).is_err());
    }
}

#[test]
fn what_does_not_fit_is_not_sealed() {
    let record = ContactRecord {
        grid: grid().id(),
        node: secret(1).id(),
        seq: 1,
        issued: Timestamp::EPOCH,
        lifetime: Lifetime::MAX,
        nickname: None,
        services: (0..=TAGS as u16).map(|number| service(&format!("s{number}"), 1 + number)).collect(),
        grants: Vec::new(),
    };
    let seal = |record: &ContactRecord| record.seal(&key(1, 1), [0; 24], &secret(1)).map(drop);
    assert_eq!(seal(&record), Err(SealError::TooManyServices));
    let mut large = ContactRecord { services: vec![service("storage", 1)], ..record };
    large.services[0].attributes.insert("k", &"v".repeat(256)).expect("an attribute");
    assert_eq!(seal(&large), Ok(()));
    for number in 0..2 {
        large.services[0].attributes.insert(&format!("k{number}"), &"v".repeat(256)).expect("an attribute");
    }
    assert_eq!(seal(&large), Err(SealError::TooLarge));
}

#[test]
fn a_document_has_slots_for_so_many_and_for_keys_alone() {
    let terms = EpochTerms { grid: grid().id(), seq: 1, issued: Timestamp::EPOCH, next_update_hours: 1 };
    let wrap =
        |members: &[NodeId]| KeyEpoch::wrap(terms, &key(1, 1), members, &EphemeralSecret::new([7; 32])).map(drop);
    assert_eq!(wrap(&vec![secret(1).id(); MEMBERS_PER_EPOCH_MAX + 1]), Err(WrapError::TooMany));
    let nobody = NodeId::from_bytes([0; 32]);
    assert_eq!(wrap(&[nobody]), Err(WrapError::Member(nobody)));
}
