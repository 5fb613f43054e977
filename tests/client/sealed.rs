//! A sealed grid and an introducer that tries what it can: nothing is shown that its node did not seal for that very record.

use std::sync::Arc;

use anteroom::{
    client::{Client, Dropped},
    protocol::{Blob, Request, Response},
    record::{Address, Epoch, GroupKey, GroupKeys, SealedRecord, Tag, VerifiedRecord},
    redact::Redacted,
};

use crate::{
    fake_introducer::Peer,
    harness::{GRID, Net, introducer, node, record, sealed, secret, service},
};

fn key(epoch: u32, byte: u8) -> GroupKey {
    GroupKey::new(Epoch::new(epoch).unwrap(), [byte; 32])
}

/// A client with these keys.
fn member(net: &Net, keys: Vec<GroupKey>) -> Client {
    let mut keys = keys.into_iter();
    let mut group = GroupKeys::new(keys.next().unwrap());
    keys.for_each(|key| group.add(key).unwrap());
    net.client_with(|settings| settings.group_keys = Some(Redacted::new(Arc::new(group))))
}

/// An introducer that answers every question with these bytes.
fn serving(bytes: Vec<u8>) -> Net {
    Net::new(move |mut peer: Peer| {
        let bytes = bytes.clone();
        async move {
            peer.request().await;
            let records = vec![Blob(&bytes)];
            let response = match peer.number {
                0 => Response::Shelf { records, more_after: None, bits: 0 },
                1 => Response::Page { records, end: true },
                _ => Response::Evidence { pair: Some((Blob(&bytes), Blob(&bytes))) },
            };
            peer.answer(&response).await;
        }
    })
}

/// `outer` with the body of `inner`, signed by the node of `outer` as a hostile member would.
fn with_body_of(outer: &VerifiedRecord, number: u16, inner: &VerifiedRecord) -> Vec<u8> {
    let claims = |record: &VerifiedRecord| SealedRecord::decode(record.bytes()).unwrap().claims().clone();
    let mut claims_of_outer = claims(outer);
    claims_of_outer.body = claims(inner).body;
    claims_of_outer.sign(&secret(number)).unwrap().bytes().to_vec()
}

#[tokio::test]
async fn what_was_not_sealed_for_that_very_record_is_never_shown() {
    let group = || key(1, 1);
    let count = |change: fn(&mut Dropped)| {
        let mut dropped = Dropped::default();
        change(&mut dropped);
        dropped
    };
    let good = |seq| sealed(1, seq, &group(), |_| {});
    let mut forged = good(1).bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let mut changed_body = good(1).bytes().to_vec();
    changed_body[400] ^= 1;
    let mut false_tags = SealedRecord::decode(good(1).bytes()).unwrap().claims().clone();
    false_tags.tags[0] = Tag::from_bytes([0; 16]);
    let clearnet: Address = "9.9.9.9:80".parse().unwrap();
    let hostile = [
        // By a stranger: the node's signature is what fails.
        (forged, count(|d| d.signature = 1)),
        (changed_body, count(|d| d.signature = 1)),
        (good(1).bytes()[..900].to_vec(), count(|d| d.malformed = 1)),
        // By a member: the body of another node, of another number, and another tag.
        (with_body_of(&good(1), 1, &sealed(2, 1, &group(), |_| {})), count(|d| d.sealed_body = 1)),
        (with_body_of(&good(2), 1, &good(1)), count(|d| d.sealed_body = 1)),
        (false_tags.sign(&secret(1)).unwrap().bytes().to_vec(), count(|d| d.sealed_body = 1)),
        // Rules that no introducer can hold here.
        (
            sealed(1, 1, &group(), |r| r.services = vec![service("storage", clearnet)]).bytes().to_vec(),
            count(|d| d.address_kind = 1),
        ),
        (sealed(1, 1, &group(), |r| r.issued = r.issued.minus_hours(24)).bytes().to_vec(), count(|d| d.expired = 1)),
        (
            sealed(1, 1, &group(), |r| r.issued = r.issued.plus_hours(4)).bytes().to_vec(),
            count(|d| d.issued_in_future = 1),
        ),
        // Other keys, and none.
        (sealed(1, 1, &key(1, 2), |_| {}).bytes().to_vec(), count(|d| d.group_key = 1)),
        (sealed(1, 1, &key(2, 1), |_| {}).bytes().to_vec(), count(|d| d.epoch = 1)),
        (record(1, 1).bytes().to_vec(), count(|d| d.sealing = 1)),
    ];
    for (bytes, counted) in hostile {
        let net = serving(bytes);
        let client = member(&net, vec![group()]);
        assert_eq!(client.lookup(&introducer(), node(1)).await.unwrap(), None);
        assert_eq!(client.dropped(), counted);
        let mut listing = client.list(&introducer(), None, None).await.unwrap();
        assert_eq!(listing.next().await.unwrap(), None);
        assert_eq!(client.evidence(&introducer(), node(1)).await.unwrap(), None);
    }
    let good = good(1);
    let net = serving(good.bytes().to_vec());
    assert_eq!(member(&net, vec![group()]).lookup(&introducer(), node(1)).await.unwrap(), Some(good.clone()));
    // Whoever has no key is told what it is.
    let net = serving(good.bytes().to_vec());
    assert_eq!(net.client.lookup(&introducer(), node(1)).await.unwrap(), None);
    assert_eq!(net.client.dropped(), count(|d| d.sealing = 1));
}

#[tokio::test]
async fn an_introducer_hears_a_tag_and_while_epochs_overlap_not_even_that() {
    let (old, new) = (sealed(1, 1, &key(1, 1), |_| {}), sealed(2, 1, &key(2, 2), |_| {}));
    let other = sealed(3, 1, &key(2, 2), |r| r.services = vec![service("web", r.services[0].addresses[0].clone())]);
    let sent: Vec<_> = [&old, &new, &other].map(|record| record.bytes().to_vec()).into();
    let (heard, hears) = std::sync::mpsc::channel();
    let net = Net::new(move |mut peer: Peer| {
        let (sent, heard) = (sent.clone(), heard.clone());
        async move {
            match peer.request().await {
                Some(Request::List { service, .. }) => heard.send(service.map(str::to_owned)).unwrap(),
                other => panic!("{other:?}"),
            }
            let records = sent.iter().map(|bytes| Blob(bytes)).collect();
            peer.answer(&Response::Page { records, end: true }).await;
        }
    });
    let storage: anteroom::record::ServiceName = "storage".parse().unwrap();
    let listed = async |client: Client| {
        let mut listing = client.list(&introducer(), Some(storage.clone()), None).await.unwrap();
        let mut found = Vec::new();
        while let Some(record) = listing.next().await.unwrap() {
            found.push(record);
        }
        (found, client.dropped())
    };
    let (found, dropped) = listed(member(&net, vec![key(2, 2)])).await;
    assert_eq!(hears.recv().unwrap(), Some(Tag::of(&key(2, 2), &GRID, &storage).name().to_string()));
    assert_eq!((found, dropped.epoch, dropped.not_asked), (vec![new.clone()], 1, 1));
    let (found, dropped) = listed(member(&net, vec![key(1, 1), key(2, 2)])).await;
    assert_eq!(hears.recv().unwrap(), None, "everything is asked for");
    assert_eq!((found, dropped), (vec![old, new], Dropped::default()));
}
