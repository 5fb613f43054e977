//! A granted grid: the client judges by the grid's signatures, whatever an introducer lists.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use anteroom::{
    ambient,
    client::{Client, ClientError, Event, Freshness},
    grid::{Grant, GrantKind, Revocation, RevocationList, Rights, VerifiedRevocations},
    protocol::{Blob, Request, Response},
    record::{ContactRecord, GridSecret, HashedNodeId, NodeId, VerifiedRecord},
};

use crate::{
    fake_introducer::Peer,
    harness::{Net, blobs, changed, introducer, node},
};

fn grid() -> GridSecret {
    GridSecret::from_seed([42; 32])
}

fn granted(subject: NodeId, change: impl FnOnce(&mut Grant)) -> Vec<Vec<u8>> {
    let mut grant = Grant {
        grid: grid().id(),
        issuer: None,
        subject,
        kind: GrantKind::Lasting,
        rights: Rights::ANY_SERVICE,
        depth: 0,
        issued: ambient::wall(),
        lifetime_hours: 48,
    };
    change(&mut grant);
    vec![grant.sign_by_grid(&grid()).unwrap().bytes().to_vec()]
}

fn with(number: u16, seq: u64, change: impl FnOnce(&mut ContactRecord)) -> VerifiedRecord {
    changed(number, seq, |record| {
        record.grid = grid().id();
        change(record);
    })
}

fn member(number: u16, seq: u64) -> VerifiedRecord {
    with(number, seq, |record| record.grants = granted(node(number), |_| {}))
}

fn list(seq: u64, hours: u16, out: &[u16]) -> VerifiedRevocations {
    let issued = ambient::wall().minus_hours(10);
    let until = issued.plus_hours(100);
    let mut revoked: Vec<_> = out.iter().map(|number| Revocation { key: node(*number), until }).collect();
    revoked.sort_by_key(|entry| entry.key);
    let list = RevocationList { grid: grid().id(), seq, issued, next_update_hours: hours, revoked };
    list.sign(&grid()).unwrap()
}

fn client(net: &Net) -> Client {
    net.client_with(|settings| (settings.grid, settings.granted) = (grid().id(), true))
}

/// Answers every question with these; lists one after the other, the last again and again.
async fn serve(mut peer: Peer, lists: &[VerifiedRevocations], asked: &AtomicUsize, records: Vec<VerifiedRecord>) {
    loop {
        match peer.request().await {
            None => return,
            Some(Request::GetDocument { .. }) => {
                let number = asked.fetch_add(1, SeqCst).min(lists.len().saturating_sub(1));
                let document = lists.get(number).map(|list| Blob(list.bytes()));
                peer.answer(&Response::Document { document }).await;
            }
            Some(Request::Lookup { .. }) => {
                let records = blobs(&records);
                peer.answer(&Response::Shelf { records, more_after: None, bits: 0 }).await;
            }
            Some(_) => {
                let records = blobs(&records);
                peer.answer(&Response::Page { records, end: true }).await;
            }
        }
    }
}

fn net(lists: Vec<VerifiedRevocations>, records: Vec<VerifiedRecord>) -> (Net, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let net = Net::new(move |peer| {
        let (lists, counter, records) = (lists.clone(), Arc::clone(&counter), records.clone());
        async move { serve(peer, &lists, &counter, records).await }
    });
    (net, asked)
}

async fn listed(client: &Client) -> Vec<VerifiedRecord> {
    let mut listing = client.list(&introducer(), None, None).await.unwrap();
    let mut records = Vec::new();
    while let Some(record) = listing.next().await.unwrap() {
        records.push(record);
    }
    records
}

#[tokio::test]
async fn only_members_are_shown() {
    let mut forged = granted(node(3), |_| {});
    *forged[0].last_mut().unwrap() ^= 1;
    let relay = Rights::services(["relay".parse().unwrap()]);
    let records = vec![
        member(1, 1),
        with(2, 1, |_| {}),
        with(3, 1, |record| record.grants = forged),
        with(4, 1, |record| record.grants = granted(node(5), |_| {})),
        with(5, 1, |record| record.grants = granted(node(5), |grant| grant.rights = relay)),
        with(6, 1, |record| record.grants = granted(node(6), |grant| grant.lifetime_hours = 23)),
        member(7, 1),
    ];
    let (net, _) = net(vec![list(1, 100, &[7])], records.clone());
    let client = client(&net);
    assert_eq!(listed(&client).await, [member(1, 1)]);
    let dropped = client.dropped();
    assert_eq!((dropped.grant, dropped.revoked), (5, 1), "{dropped:?}");
    // Whoever does not ask for grants is shown what the introducer shows.
    let open = net.client_with(|settings| settings.grid = grid().id());
    assert_eq!(listed(&open).await, records);
    assert_eq!(open.freshness(), None);
}

#[tokio::test]
async fn an_old_list_brings_nobody_back() {
    let (net, asked) = net(vec![list(2, 100, &[7]), list(1, 100, &[])], vec![member(1, 1), member(7, 1)]);
    let client = client(&net);
    assert_eq!(listed(&client).await, [member(1, 1)]);
    assert_eq!(listed(&client).await, [member(1, 1)]);
    assert_eq!(asked.load(SeqCst), 2, "whoever reads everything asks each time");
}

#[tokio::test]
async fn a_withheld_list_is_noticed() {
    for (lists, wanted) in [
        (vec![list(1, 100, &[])], "Fresh"),
        (vec![list(1, 9, &[])], "Stale"),
        (vec![list(1, 10, &[])], "Stale"),
        (vec![], "Missing"),
    ] {
        let (net, _) = net(lists, vec![member(1, 1)]);
        let client = client(&net);
        assert_eq!(listed(&client).await.len(), 1);
        let found = client.freshness().unwrap();
        assert!(format!("{found:?}").starts_with(wanted), "{found:?}");
        if let Freshness::Stale { since } = found {
            assert!(since <= ambient::wall());
        }
    }
}

#[tokio::test]
async fn what_the_grid_did_not_sign_is_no_list() {
    let other = RevocationList { grid: GridSecret::from_seed([43; 32]).id(), ..list(1, 100, &[]).list().clone() };
    let foreign = other.sign(&GridSecret::from_seed([43; 32])).unwrap();
    let (net, _) = net(vec![foreign], vec![member(1, 1)]);
    let client = client(&net);
    let refused = client.list(&introducer(), None, None).await;
    assert!(matches!(refused, Err(ClientError::Protocol(_))), "{refused:?}");
}

#[tokio::test]
async fn a_lookup_asks_for_the_list_once_an_hour() {
    let (net, asked) = net(vec![list(1, 100, &[7])], vec![member(1, 1), member(7, 1)]);
    let client = client(&net);
    for _ in 0..3 {
        assert_eq!(client.lookup(&introducer(), node(1)).await.unwrap(), Some(member(1, 1)));
        assert_eq!(client.lookup(&introducer(), node(7)).await.unwrap(), None);
    }
    assert_eq!(asked.load(SeqCst), 1);
    assert_ne!(HashedNodeId::new(&grid().id(), &node(1)), HashedNodeId::new(&grid().id(), &node(7)));
}

#[tokio::test]
async fn a_watcher_is_told_who_is_out() {
    let asked = Arc::new(AtomicUsize::new(0));
    let watched = Arc::new(AtomicUsize::new(0));
    let net = Net::new(move |mut peer| {
        let (asked, watched) = (Arc::clone(&asked), Arc::clone(&watched));
        async move {
            match peer.request().await {
                Some(Request::GetDocument { .. }) => {
                    let out: &[u16] = if asked.fetch_add(1, SeqCst) == 0 { &[] } else { &[7] };
                    let list = list(1 + out.len() as u64, 100, out);
                    peer.answer(&Response::Document { document: Some(Blob(list.bytes())) }).await;
                    // The stream that is kept for the next question answers it.
                    peer.request().await;
                    let list = self::list(2, 100, &[7]);
                    peer.answer(&Response::Document { document: Some(Blob(list.bytes())) }).await;
                }
                _ if watched.fetch_add(1, SeqCst) == 0 => {
                    let records = [member(1, 1), member(7, 1)];
                    let records = blobs(&records);
                    peer.answer(&Response::Page { records, end: true }).await;
                    peer.answer(&Response::Reset).await;
                }
                // An introducer that shows its record all the same.
                _ => {
                    let records = [member(1, 1), member(7, 2), member(1, 2)];
                    let records = blobs(&records);
                    peer.answer(&Response::Page { records, end: true }).await;
                    peer.silence().await;
                }
            }
        }
    });
    let mut subscription = client(&net).watch(&introducer(), None, None).await.unwrap();
    let mut events = Vec::new();
    for _ in 0..6 {
        events.push(subscription.next().await.unwrap());
    }
    let expected = [
        Event::Record(member(1, 1)),
        Event::Record(member(7, 1)),
        Event::CaughtUp,
        Event::Revoked(node(7)),
        Event::Record(member(1, 2)),
        Event::CaughtUp,
    ];
    assert_eq!(events, expected);
}
