//! What an introducer may try, and what comes of it: nothing is shown, and the error says what to do.

use anteroom::{
    client::{ClientError, Dropped},
    protocol::{Blob, Bucket, LENGTH_BYTES, Response},
    record::{Address, ClearnetAddress, GridId},
};

use crate::{
    fake_introducer::Peer,
    harness::{IMPATIENT, Net, changed, introducer, node, record, service},
};

/// Records of node 1 that must not be shown, with the counter of each.
fn forbidden() -> Vec<(Vec<u8>, Dropped)> {
    let count = |change: fn(&mut Dropped)| {
        let mut dropped = Dropped::default();
        change(&mut dropped);
        dropped
    };
    let clearnet: Address = "9.9.9.9:80".parse().unwrap();
    assert!(matches!(clearnet, Address::Clearnet(ClearnetAddress { .. })));
    let mut forged = record(1, 1).bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let mut other_claims = record(1, 1).bytes().to_vec();
    // The seq, behind version, grid and node.
    other_claims[65] += 1;
    vec![
        (changed(1, 1, |r| r.grid = GridId::from_bytes([3; 32])).bytes().to_vec(), count(|d| d.wrong_grid = 1)),
        (forged, count(|d| d.signature = 1)),
        (other_claims, count(|d| d.signature = 1)),
        (changed(1, 1, |r| r.issued = r.issued.minus_hours(24)).bytes().to_vec(), count(|d| d.expired = 1)),
        (changed(1, 1, |r| r.issued = r.issued.plus_hours(4)).bytes().to_vec(), count(|d| d.issued_in_future = 1)),
        (
            changed(1, 1, |r| r.services = vec![service("storage", clearnet)]).bytes().to_vec(),
            count(|d| d.address_kind = 1),
        ),
        (b"no record".to_vec(), count(|d| d.malformed = 1)),
        (vec![0; 5000], count(|d| d.malformed = 1)),
        (Vec::new(), count(|d| d.malformed = 1)),
    ]
}

#[tokio::test]
async fn a_record_that_fails_one_check_is_never_shown() {
    for (bytes, counted) in forbidden() {
        let net = Net::new(move |mut peer| {
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
        });
        assert_eq!(net.client.lookup(&introducer(), node(1)).await.unwrap(), None);
        assert_eq!(net.client.dropped(), counted);
        let mut listing = net.client.list(&introducer(), None, None).await.unwrap();
        assert_eq!(listing.next().await.unwrap(), None);
        assert_eq!(net.client.evidence(&introducer(), node(1)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn clearnet_is_shown_where_the_user_admits_it() {
    let clearnet = changed(1, 1, |r| r.services = vec![service("storage", "9.9.9.9:80".parse().unwrap())]);
    let sent = clearnet.clone();
    let net = Net::new(move |mut peer| {
        let sent = sent.clone();
        async move {
            peer.request().await;
            let records = vec![Blob(sent.bytes())];
            peer.answer(&Response::Shelf { records, more_after: None, bits: 0 }).await;
        }
    });
    let client = net.client_with(|settings| settings.addresses.clearnet = true);
    assert_eq!(client.lookup(&introducer(), node(1)).await.unwrap(), Some(clearnet));
}

#[tokio::test]
async fn a_node_of_another_shelf_was_not_asked_for() {
    let net = Net::new(move |mut peer| async move {
        while peer.request().await.is_some() {
            let others: Vec<_> = (2..40).map(|number| record(number, 1)).collect();
            let records = others.iter().map(|record| Blob(record.bytes())).collect();
            peer.answer(&Response::Shelf { records, more_after: None, bits: 16 }).await;
        }
    });
    net.client.lookup(&introducer(), node(1)).await.unwrap();
    assert_eq!(net.client.dropped().not_asked, 0);
    // Now with the 16 bits that were announced: all of them stand elsewhere.
    net.client.lookup(&introducer(), node(1)).await.unwrap();
    assert_eq!(net.client.dropped().not_asked, 38);
}

/// The first frame of an answer with `payload`, filled up to 1 KiB.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; LENGTH_BYTES + Bucket::OneKib.bytes()];
    frame[..LENGTH_BYTES].copy_from_slice(&1024_u32.to_be_bytes());
    frame[LENGTH_BYTES..][..payload.len()].copy_from_slice(payload);
    frame
}

async fn error_of(bytes: Vec<u8>) -> ClientError {
    let net = Net::new(move |mut peer: Peer| {
        let bytes = bytes.clone();
        async move {
            peer.request().await;
            peer.send(&bytes).await;
            peer.silence().await;
        }
    });
    let client = net.client_with(|settings| settings.deadlines = IMPATIENT);
    client.lookup(&introducer(), node(1)).await.unwrap_err()
}

#[tokio::test]
async fn each_breach_of_the_protocol_has_its_error() {
    // Message 200, which no version has.
    assert!(matches!(error_of(frame(&[1, 200, 1])).await, ClientError::Frame(_)));
    // `Accepted`, to a lookup.
    assert!(matches!(error_of(frame(&[1, 3])).await, ClientError::Protocol(_)));
    assert!(matches!(error_of(frame(&[1, 0])).await, ClientError::Unsupported));
    for version in [0, 2, 255] {
        assert!(matches!(error_of(frame(&[version, 3])).await, ClientError::Version));
    }
    let mut padded = frame(&[1, 3]);
    *padded.last_mut().unwrap() = 1;
    assert!(matches!(error_of(padded).await, ClientError::Frame(_)));
    // Refused by its length: nothing of it was sent.
    for length in [0, 1, 1023, 1025, 65_537, 262_144, u32::MAX] {
        assert!(matches!(error_of(length.to_be_bytes().to_vec()).await, ClientError::Frame(_)));
    }
    assert!(matches!(error_of(b"HTTP/1.1 400 Bad Request\r\n".to_vec()).await, ClientError::Frame(_)));
    // Busy for ever, it says.
    let busy = error_of(frame(&[1, 1, 0xff, 0xff, 0xff, 0xff, 0xf])).await;
    assert_eq!(busy.to_string(), "the introducer is busy: ask again in 3600 seconds");
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    assert!(matches!(error_of(Vec::new()).await, ClientError::Deadline));
    // A header, and half of what it promises.
    assert!(matches!(error_of(frame(&[1, 3])[..500].to_vec()).await, ClientError::Deadline));
}

#[tokio::test]
async fn a_stream_that_ends_says_so() {
    let net = Net::new(|mut peer| async move {
        peer.request().await;
        if peer.number > 0 {
            peer.send(&frame(&[1, 3])[..500]).await;
        }
    });
    let closed = net.client.lookup(&introducer(), node(1)).await.unwrap_err();
    assert!(matches!(closed, ClientError::Closed));
    let broken = net.client.lookup(&introducer(), node(1)).await.unwrap_err();
    assert!(matches!(broken, ClientError::Broken(_)));
}

#[tokio::test]
async fn the_largest_frame_is_read() {
    let net = Net::new(|mut peer| async move {
        peer.request().await;
        let large = vec![7; 60_000];
        let records = vec![Blob(&large)];
        peer.answer(&Response::Page { records, end: true }).await;
    });
    let mut listing = net.client.list(&introducer(), None, None).await.unwrap();
    assert_eq!(listing.next().await.unwrap(), None);
    assert_eq!(net.client.dropped().malformed, 1);
}
