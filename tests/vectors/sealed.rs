//! Vectors of sealed records, and of the key of an epoch.

use anteroom::{
    grid::{EpochTerms, KeyEpoch, KeyEpochError, SignedKeyEpoch, UnwrapError},
    record::{
        Context, EphemeralSecret, Epoch, GridId, GridSecret, GroupKey, NodeId, NodeSecret, OpenError, RECORD_BYTES_MAX,
        SealedRecord, SignatureError, SignedEnvelope, Timestamp,
    },
};
use data_encoding::HEXLOWER;

use super::{Vector, lines_of};

fn group_key(vector: &Vector) -> GroupKey {
    GroupKey::new(number::<u32>(vector, "epoch").try_into().expect("an epoch"), vector.key("group-key"))
}

fn number<T: std::str::FromStr>(vector: &Vector, key: &str) -> T {
    vector.text(key).parse().ok().expect("a number")
}

#[test]
fn sealed_records() {
    let mut largest = 0;
    for vector in Vector::of_kind("sealed") {
        let bytes = [vector.bytes("body"), vector.bytes("signature")].concat();
        let decoded = match SealedRecord::decode(&bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                // Whoever keeps records refuses what is no record of either kind.
                assert!(SignedEnvelope::decode(&bytes).is_err(), "{}", vector.name);
                vector.settle::<(), _>("RecordDecodeError", "", Err(error));
                continue;
            }
        };
        let envelope = SignedEnvelope::decode(&bytes).expect(&vector.name);
        assert_eq!((envelope.claims().node, envelope.claims().seq), (decoded.claims().node, decoded.claims().seq));
        assert!(envelope.claims().sealed && envelope.claims().services().is_none());
        let verified = match (decoded.verify(), envelope.verify()) {
            (Ok(verified), Ok(_)) => verified,
            (Err(error), Err(SignatureError)) => {
                vector.settle::<(), _>("SignatureError", "", Err(error));
                continue;
            }
            _ => panic!("{}: members and introducers disagree", vector.name),
        };
        let tags: Vec<_> = verified.claims().tags.iter().map(|tag| HEXLOWER.encode(tag.as_bytes())).collect();
        let opened = verified.open(&group_key(&vector));
        vector.settle::<_, OpenError>("OpenError", "", opened.as_ref().map(drop).map_err(|error| *error));
        let Ok(opened) = opened else { continue };
        let claims = opened.claims();
        assert_eq!(*claims.grid.as_bytes(), vector.key("grid"), "{}", vector.name);
        assert_eq!(*claims.node.as_bytes(), vector.key("node"), "{}", vector.name);
        let behind = vector.lines.iter().skip_while(|(key, _)| key != "node").skip(1);
        assert_eq!(lines_of(claims), behind.take_while(|(key, _)| key != "tag").cloned().collect::<Vec<_>>());
        assert_eq!(tags, vector.texts("tag").collect::<Vec<_>>());
        assert_eq!(Context::SealedRecord.prefix(), vector.bytes("context"));
        let nonce = vector.bytes("nonce").try_into().expect("24 bytes");
        let sealed = claims.seal(&group_key(&vector), nonce, &NodeSecret::from_seed(vector.key("seed")));
        assert_eq!(sealed.expect(&vector.name).bytes(), bytes);
        largest = largest.max(bytes.len());
    }
    assert!(largest > 2_000 && largest <= RECORD_BYTES_MAX, "the largest there can be fits: {largest}");
}

#[test]
fn key_epochs() {
    for vector in Vector::of_kind("key-epoch") {
        let bytes = [vector.bytes("body"), vector.bytes("signature")].concat();
        let verified = match SignedKeyEpoch::decode(&bytes).map(SignedKeyEpoch::verify) {
            Ok(Ok(verified)) => verified,
            Ok(Err(error)) => {
                vector.settle::<(), SignatureError>("SignatureError", "", Err(error));
                continue;
            }
            Err(error) => {
                vector.settle::<(), KeyEpochError>("KeyEpochError", "", Err(error));
                continue;
            }
        };
        let document = verified.document();
        let members: Vec<_> = vector.texts("member").map(super::hex).collect();
        let members: Vec<NodeSecret> =
            members.into_iter().map(|seed| NodeSecret::from_seed(seed.try_into().expect("32 bytes"))).collect();
        for member in &members {
            let unwrapped = document.unwrap_for(member);
            vector.settle::<_, UnwrapError>("UnwrapError", "", unwrapped.as_ref().map(drop).map_err(|error| *error));
            if let Ok(key) = unwrapped {
                assert_eq!((*key.secret(), key.epoch()), (vector.key("group-key"), document.epoch));
            }
        }
        if vector.accepts() {
            let terms = EpochTerms {
                grid: GridId::from_bytes(vector.key("grid")),
                seq: number(&vector, "seq"),
                issued: Timestamp::from_hours(number(&vector, "issued-hours")),
                next_update_hours: number(&vector, "next-update-hours"),
            };
            assert_eq!((document.terms, Some(document.epoch)), (terms, Epoch::new(number(&vector, "epoch"))));
            assert_eq!(Context::KeyEpoch.prefix(), vector.bytes("context"));
            let ids: Vec<NodeId> = members.iter().map(NodeSecret::id).collect();
            let wrapped =
                KeyEpoch::wrap(terms, &group_key(&vector), &ids, &EphemeralSecret::new(vector.key("ephemeral")));
            let signed = wrapped.expect("within the limits").sign(&GridSecret::from_seed(vector.key("seed")));
            assert_eq!(signed.expect(&vector.name).bytes(), bytes);
        }
    }
}
