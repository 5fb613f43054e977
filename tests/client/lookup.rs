//! Lookups: what is sent, and that it depends on the prefix alone.

use anteroom::{
    client::{ClientError, ClientSettings, LOOKUP_BITS_EXACT, SHELF_PAGES_MAX},
    protocol::{Blob, Request, Response},
    record::{HashedNodeId, VerifiedRecord},
};

use crate::{
    fake_introducer::Peer,
    harness::{GRID, Net, blobs, changed, hash, introducer, node, record},
};

/// An introducer as it should be, with pages of so many records.
async fn serve(mut peer: Peer, mut records: Vec<VerifiedRecord>, page_records: usize, announced: u16) {
    records.sort_by_key(hash);
    while let Some(request) = peer.request().await {
        let Request::Lookup { prefix, bits, after } = request else {
            panic!("not a lookup");
        };
        let start = HashedNodeId::from_bytes(prefix);
        let on_shelf = |record: &&VerifiedRecord| {
            let hashed = HashedNodeId::new(&GRID, &record.claims().node);
            hashed.with_tail(bits, false) == start && after.is_none_or(|after| hash(record) > after)
        };
        let shelf: Vec<_> = records.iter().filter(on_shelf).cloned().collect();
        let page = &shelf[..shelf.len().min(page_records)];
        let response = if bits == LOOKUP_BITS_EXACT {
            let record = page.first().map(|record| Blob(record.bytes()));
            Response::ShelfExact { record }
        } else {
            Response::Shelf {
                records: blobs(page),
                more_after: (page.len() < shelf.len()).then(|| hash(&page[page.len() - 1])),
                bits: announced,
            }
        };
        peer.answer(&response).await;
    }
}

fn grid_of(records: Vec<VerifiedRecord>, page_records: usize, announced: u16) -> Net {
    Net::new(move |peer| serve(peer, records.clone(), page_records, announced))
}

/// `bits` of each lookup on the first stream.
fn bits_sent(net: &Net) -> Vec<String> {
    let bits = |request: String| {
        let (_, rest) = request.split_once("bits: ").unwrap();
        let (bits, after) = rest.split_once(", after: ").unwrap();
        format!("{bits}{}", if after.starts_with("None") { "" } else { "+" })
    };
    net.fake.requests_of(0).into_iter().map(bits).collect()
}

#[tokio::test]
async fn a_small_grid_is_asked_for_everything() {
    let net = grid_of((0..5).map(|n| record(n, 1)).collect(), 50, 0);
    assert_eq!(net.client.lookup(&introducer(), node(3)).await.unwrap(), Some(record(3, 1)));
    assert_eq!(net.client.lookup(&introducer(), node(99)).await.unwrap(), None);
    assert_eq!(bits_sent(&net), ["0", "0"]);
    // Neighbours are not worth a count, and the second question found the stream open.
    assert_eq!((net.client.dropped(), net.dials().len()), (Default::default(), 1));
}

#[tokio::test]
async fn a_large_grid_is_asked_by_prefix_and_the_bits_are_remembered() {
    let net = grid_of((0..200).map(|n| record(n, 1)).collect(), 40, 3);
    for wanted in [7, 150, 199] {
        let found = net.client.lookup(&introducer(), node(wanted)).await.unwrap();
        assert_eq!(found, Some(record(wanted, 1)));
    }
    assert_eq!(bits_sent(&net), ["0", "3", "3", "3"]);
}

#[tokio::test]
async fn nothing_beyond_the_prefix_is_sent() {
    let net = grid_of((0..60).map(|n| record(n, 1)).collect(), 10, 2);
    net.client.lookup(&introducer(), node(7)).await.unwrap();
    let requests = net.fake.requests_of(0);
    let zeros = format!("prefix: {:?}", [0; 32]);
    assert!(requests[0].contains(&zeros));
    let hashed = HashedNodeId::new(&GRID, &node(7));
    let masked = hashed.with_tail(2, false);
    assert_ne!(masked, hashed);
    assert!(requests[1].contains(&format!("prefix: {:?}", masked.as_bytes())));
}

#[tokio::test]
async fn what_is_sent_does_not_tell_what_was_found() {
    // Two nodes of one shelf, and one that is not there: the same questions.
    let records: Vec<_> = (0..120).map(|n| record(n, 1)).collect();
    let shelf = |n: u16| HashedNodeId::new(&GRID, &node(n)).with_tail(2, false);
    let mut sent = Vec::new();
    for wanted in (0..300).filter(|n| shelf(*n) == shelf(0)).step_by(9) {
        let net = grid_of(records.clone(), 7, 2);
        let found = net.client.lookup(&introducer(), node(wanted)).await.unwrap();
        assert_eq!(found.is_some(), wanted < 120);
        sent.push(net.fake.requests_of(0));
    }
    assert!(sent.len() > 5 && sent.iter().all(|requests| *requests == sent[0]));
    assert!(sent[0].len() > 3);
}

#[tokio::test]
async fn an_introducer_gets_no_more_bits_than_the_client_allows() {
    for (announced, own_max, sent) in [(200, 16, "16"), (u16::MAX, 16, "16"), (9, 4, "4"), (200, 256, "200")] {
        let net = grid_of((0..60).map(|n| record(n, 1)).collect(), 40, announced);
        let client = net.client_with(|settings: &mut ClientSettings| settings.lookup_bits_max = own_max);
        let found = client.lookup(&introducer(), node(7)).await.unwrap();
        assert_eq!(found, Some(record(7, 1)));
        assert_eq!(bits_sent(&net), ["0", sent]);
    }
}

#[tokio::test]
async fn an_exact_lookup_is_only_for_who_allows_it() {
    let net = grid_of((0..60).map(|n| record(n, 1)).collect(), 40, 256);
    let client = net.client_with(|settings| settings.lookup_bits_max = LOOKUP_BITS_EXACT);
    assert_eq!(client.lookup(&introducer(), node(7)).await.unwrap(), Some(record(7, 1)));
    assert_eq!(client.lookup(&introducer(), node(99)).await.unwrap(), None);
    assert_eq!(bits_sent(&net), ["0", "256", "256"]);
    let answers_exactly = Net::new(|mut peer| async move {
        peer.request().await;
        peer.answer(&Response::ShelfExact { record: None }).await;
    });
    let answer = answers_exactly.client.lookup(&introducer(), node(7)).await;
    assert!(matches!(answer, Err(ClientError::Protocol(_))));
}

#[tokio::test]
async fn a_shelf_that_goes_on_is_read_to_its_end() {
    let net = grid_of((0..30).map(|n| record(n, 1)).collect(), 10, 0);
    assert_eq!(net.client.lookup(&introducer(), node(29)).await.unwrap(), Some(record(29, 1)));
    assert_eq!(bits_sent(&net), ["0", "0+", "0+"]);
}

#[tokio::test]
async fn a_shelf_that_is_too_long_is_given_up() {
    let net = grid_of((0..40).map(|n| record(n, 1)).collect(), 1, 0);
    let answer = net.client.lookup(&introducer(), node(999)).await;
    assert!(matches!(answer, Err(ClientError::ShelfTooLong { .. })));
    assert_eq!(net.fake.requests_of(0).len(), usize::from(SHELF_PAGES_MAX));
}

#[tokio::test]
async fn a_shelf_goes_on_upwards_and_within_its_prefix() {
    let net = Net::new(|mut peer| async move {
        while peer.request().await.is_some() {
            let more_after = Some([0; 32]);
            let records = Vec::new();
            let bits = 0;
            peer.answer(&Response::Shelf { records, more_after, bits }).await;
        }
    });
    let answer = net.client.lookup(&introducer(), node(1)).await;
    assert!(matches!(answer, Err(ClientError::Protocol(_))));
    assert_eq!(net.fake.requests_of(0).len(), 2);
}

#[tokio::test]
async fn the_highest_seq_wins() {
    let newer = changed(1, 5, |record| record.nickname = "newer".parse().ok());
    let net = grid_of(vec![record(1, 4), newer.clone(), record(1, 3)], 50, 0);
    assert_eq!(net.client.lookup(&introducer(), node(1)).await.unwrap(), Some(newer));
}

#[tokio::test]
async fn a_stream_that_was_closed_meanwhile_is_opened_again() {
    let net = Net::new(|mut peer| async move {
        peer.request().await;
        let records = Vec::new();
        let more_after = None;
        peer.answer(&Response::Shelf { records, more_after, bits: 0 }).await;
    });
    for _ in 0..3 {
        assert_eq!(net.client.lookup(&introducer(), node(1)).await.unwrap(), None);
    }
    let dials = net.dials();
    assert_eq!(dials.len(), 3);
    assert!(dials.iter().all(|dial| dial.password == dials[0].password));
}
