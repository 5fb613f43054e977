//! Listings: credit, limits and filters.

use anteroom::{
    ambient,
    client::{BARREN_PAGES_MAX, CREDIT_PAGES_WINDOW, ClientError, Listing},
    protocol::{Request, Response},
    record::{Address, OnionAddress, VerifiedRecord},
};

use crate::harness::{Net, blobs, changed, introducer, record, service};

async fn all(mut listing: Listing) -> Result<Vec<VerifiedRecord>, ClientError> {
    let mut records = Vec::new();
    while let Some(record) = listing.next().await? {
        records.push(record);
    }
    Ok(records)
}

#[tokio::test]
async fn credit_comes_before_it_runs_out() {
    const PAGES: u16 = 100;
    let net = Net::new(|mut peer| async move {
        let Some(Request::List { credit_pages, .. }) = peer.request().await else {
            panic!("not a listing");
        };
        let mut credit = credit_pages;
        for page in 0..PAGES {
            // With credit left a page goes out at once; the next credit must be under way by the time half is used.
            if credit <= CREDIT_PAGES_WINDOW / 2 {
                let Some(Request::Credit { pages }) = peer.request().await else {
                    panic!("not a credit");
                };
                credit += pages;
            }
            credit -= 1;
            let records = [record(2 * page, 1), record(2 * page + 1, 1)];
            let records = blobs(&records);
            peer.answer(&Response::Page { records, end: page == PAGES - 1 }).await;
        }
    });
    let records = all(net.client.list(&introducer(), None, None).await.unwrap()).await.unwrap();
    let expected: Vec<_> = (0..2 * PAGES).map(|number| record(number, 1)).collect();
    assert_eq!(records, expected);
}

#[tokio::test]
async fn a_listing_that_stops_without_an_end_meets_the_deadline() {
    let net = Net::new(|mut peer| async move {
        peer.request().await;
        for _ in 0..100 {
            let records = Vec::new();
            peer.answer(&Response::Page { records, end: false }).await;
        }
        peer.silence().await;
    });
    // Credit comes as the client reads, so pages that do not wait for it are as good as pages that do; the end is missing.
    let client = net.client_with(|settings| settings.deadlines = crate::harness::IMPATIENT);
    let records = all(client.list(&introducer(), None, None).await.unwrap()).await;
    assert!(matches!(records, Err(ClientError::Deadline)));
}

#[tokio::test]
async fn pages_without_end_and_content_end_the_listing() {
    let net = Net::new(|mut peer| async move {
        peer.request().await;
        for _ in 0..=BARREN_PAGES_MAX {
            let records = Vec::new();
            peer.answer(&Response::Page { records, end: false }).await;
        }
        peer.silence().await;
    });
    let mut listing = net.client.list(&introducer(), None, None).await.unwrap();
    assert!(matches!(listing.next().await, Err(ClientError::Protocol(_))));
    assert!(matches!(listing.next().await, Ok(None)));
}

#[tokio::test]
async fn only_the_service_that_was_asked_for_is_listed() {
    let onion = || Address::Onion(OnionAddress::new([7; 32], 1).unwrap());
    let other = changed(2, 1, |record| record.services = vec![service("other", onion())]);
    let gone = changed(3, 1, |record| record.services.clear());
    let sent = [record(1, 1), other, gone];
    let listed = sent.clone();
    let net = Net::new(move |mut peer| {
        let sent = sent.clone();
        async move {
            peer.request().await;
            let records = blobs(&sent);
            peer.answer(&Response::Page { records, end: true }).await;
        }
    });
    let storage = || Some("storage".parse().unwrap());
    let records = all(net.client.list(&introducer(), storage(), None).await.unwrap()).await.unwrap();
    assert_eq!(records, listed[..1]);
    assert_eq!(net.client.dropped().not_asked, 2);
    // Who resumes is told what ceased, which does not name the service any more.
    let since = Some(ambient::wall());
    let records = all(net.client.list(&introducer(), storage(), since).await.unwrap()).await.unwrap();
    assert_eq!(records, listed);
    let hours = ambient::wall().hours();
    assert!(net.fake.requests_of(1)[0].contains(&format!("service: Some(\"storage\"), since_hours: Some({hours})")));
}
