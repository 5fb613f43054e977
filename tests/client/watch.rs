//! Subscriptions: order, duplicates, lost streams and where they are taken up.

use anteroom::{
    ambient,
    client::{ClientError, Event, Subscription},
    directory::CLOCK_SKEW_HOURS_MAX,
    protocol::Response,
    record::VerifiedRecord,
};

use crate::{
    fake_introducer::Peer,
    harness::{IMPATIENT, Net, blobs, changed, introducer, record},
};

async fn page(peer: &mut Peer, records: &[VerifiedRecord], end: bool) {
    let records = blobs(records);
    peer.answer(&Response::Page { records, end }).await;
}

async fn tick(peer: &mut Peer, records: &[VerifiedRecord]) {
    let records = blobs(records);
    peer.answer(&Response::Tick { records, end: true }).await;
}

async fn events(subscription: &mut Subscription, number: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for _ in 0..number {
        events.push(subscription.next().await.unwrap());
    }
    events
}

#[tokio::test]
async fn a_listing_then_ticks_and_nothing_twice() {
    let net = Net::new(|mut peer| async move {
        peer.request().await;
        page(&mut peer, &[record(1, 4), record(2, 1)], false).await;
        page(&mut peer, &[record(1, 5), record(1, 4)], true).await;
        tick(&mut peer, &[]).await;
        tick(&mut peer, &[record(2, 1), record(2, 2)]).await;
        let change = [record(3, 1)];
        let records = blobs(&change);
        peer.answer(&Response::Change { records }).await;
        let records = Vec::new();
        peer.answer(&Response::Change { records }).await;
        peer.silence().await;
    });
    let mut subscription = net.client.watch(&introducer(), None, None).await.unwrap();
    let expected = [
        Event::Record(record(1, 4)),
        Event::Record(record(2, 1)),
        Event::Record(record(1, 5)),
        Event::CaughtUp,
        Event::Tick,
        Event::Record(record(2, 2)),
        Event::Tick,
        Event::Record(record(3, 1)),
        Event::Tick,
    ];
    assert_eq!(events(&mut subscription, expected.len()).await, expected);
    assert_eq!(net.client.dropped().not_newer, 2);
    assert_eq!(net.dials().len(), 1);
}

#[tokio::test]
async fn after_a_reset_it_goes_on_two_hours_before_the_last_success() {
    let net = Net::new(|mut peer| async move {
        peer.request().await;
        page(&mut peer, &[record(1, 1)], true).await;
        match peer.number {
            // Asked to start again, then a stream that is lost.
            0 => peer.answer(&Response::Reset).await,
            1 => tick(&mut peer, &[record(2, 1)]).await,
            _ => {
                tick(&mut peer, &[record(2, 1), record(3, 1)]).await;
                peer.silence().await;
            }
        }
    });
    let before = ambient::wall();
    let mut subscription = net.client.watch(&introducer(), None, None).await.unwrap();
    let expected = [
        Event::Record(record(1, 1)),
        Event::CaughtUp,
        Event::CaughtUp,
        Event::Record(record(2, 1)),
        Event::Tick,
        Event::CaughtUp,
        Event::Record(record(3, 1)),
        Event::Tick,
    ];
    assert_eq!(events(&mut subscription, expected.len()).await, expected);
    let requests: Vec<_> = (0..3).flat_map(|stream| net.fake.requests_of(stream)).collect();
    assert!(requests[0].contains("since_hours: None"));
    let hours =
        [before, ambient::wall()].map(|hour| format!("since_hours: Some({})", hour.hours() - CLOCK_SKEW_HOURS_MAX));
    for request in &requests[1..3] {
        assert!(hours.iter().any(|hour| request.contains(hour)), "{request}");
    }
    // The same hour, so the same circuit: within it nothing new is told.
    let passwords: Vec<_> = net.dials().into_iter().map(|dial| dial.password).collect();
    assert_eq!(passwords, vec![passwords[0].clone(); 3]);
}

#[tokio::test]
async fn who_never_caught_up_starts_where_it_started() {
    let net = Net::new(|mut peer| async move {
        peer.request().await;
        let second = peer.number > 0;
        page(&mut peer, &[record(1, 1)], second).await;
        if second {
            peer.silence().await;
        }
    });
    let since = ambient::wall().minus_hours(100);
    let mut subscription = net.client.watch(&introducer(), None, Some(since)).await.unwrap();
    let expected = [Event::Record(record(1, 1)), Event::CaughtUp];
    assert_eq!(events(&mut subscription, 2).await, expected);
    assert_eq!(net.fake.requests_of(0), net.fake.requests_of(1));
    assert!(net.fake.requests_of(1)[0].contains(&format!("since_hours: Some({})", since.hours())));
}

#[tokio::test]
async fn a_node_that_ceases_to_offer_the_service_is_told_when_it_was_told_before() {
    let gone = |number| changed(number, 2, |record| record.services.clear());
    let net = Net::new(move |mut peer| async move {
        peer.request().await;
        page(&mut peer, &[record(1, 1), record(2, 1), gone(9)], false).await;
        page(&mut peer, &[gone(1)], true).await;
        tick(&mut peer, &[gone(2)]).await;
        peer.silence().await;
    });
    let storage = Some("storage".parse().unwrap());
    let mut subscription = net.client.watch(&introducer(), storage, None).await.unwrap();
    let expected = [
        Event::Record(record(1, 1)),
        Event::Record(record(2, 1)),
        Event::Record(gone(1)),
        Event::CaughtUp,
        Event::Record(gone(2)),
        Event::Tick,
    ];
    assert_eq!(events(&mut subscription, expected.len()).await, expected);
    assert_eq!(net.client.dropped().not_asked, 1);
}

#[tokio::test]
async fn a_breach_is_told_and_the_subscription_goes_on() {
    let net = Net::new(|mut peer| async move {
        peer.request().await;
        match peer.number {
            // A tick before the listing, a page after it, an answer to something else, and too much to do.
            0 => tick(&mut peer, &[]).await,
            1 => {
                page(&mut peer, &[], true).await;
                page(&mut peer, &[], true).await;
            }
            2 => peer.answer(&Response::Accepted).await,
            3 => peer.answer(&Response::Busy { retry_after_seconds: 0 }).await,
            _ => {
                page(&mut peer, &[], true).await;
                peer.silence().await;
            }
        }
    });
    let mut subscription = net.client.watch(&introducer(), None, None).await.unwrap();
    assert!(matches!(subscription.next().await, Err(ClientError::Protocol(_))));
    assert!(matches!(subscription.next().await, Ok(Event::CaughtUp)));
    assert!(matches!(subscription.next().await, Err(ClientError::Protocol(_))));
    assert!(matches!(subscription.next().await, Err(ClientError::Protocol(_))));
    assert!(matches!(subscription.next().await, Err(ClientError::Busy { .. })));
    assert!(matches!(subscription.next().await, Ok(Event::CaughtUp)));
}

#[tokio::test]
async fn an_introducer_that_falls_silent_is_asked_again() {
    let net = Net::new(|mut peer| async move {
        peer.request().await;
        page(&mut peer, &[], true).await;
        peer.silence().await;
    });
    let client = net.client_with(|settings| settings.deadlines = IMPATIENT);
    let mut subscription = client.watch(&introducer(), None, None).await.unwrap();
    assert_eq!(events(&mut subscription, 3).await, vec![Event::CaughtUp; 3]);
}

#[tokio::test]
async fn an_introducer_that_is_gone_is_reported_again_and_again() {
    let net = Net::new(|mut peer| async move {
        peer.request().await;
        page(&mut peer, &[], true).await;
    });
    let mut subscription = net.client.watch(&introducer(), None, None).await.unwrap();
    assert!(matches!(subscription.next().await, Ok(Event::CaughtUp)));
    std::fs::remove_file(&net.fake.path).unwrap();
    let mut refused = 0;
    while refused < 3 {
        match subscription.next().await {
            Err(ClientError::Dial(_)) => refused += 1,
            // From before the file was gone.
            other => assert!(matches!(other, Ok(Event::CaughtUp)), "{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_caller_may_stop_waiting_and_come_back() {
    let net = Net::new(|mut peer| async move {
        peer.request().await;
        page(&mut peer, &[], true).await;
        for number in 0..200 {
            tick(&mut peer, &[record(number, 1)]).await;
            tokio::task::yield_now().await;
        }
        peer.silence().await;
    });
    let mut subscription = net.client.watch(&introducer(), None, None).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 200 {
        tokio::select! {
            biased;
            event = subscription.next() => {
                if let Event::Record(record) = event.unwrap() {
                    told.push(record);
                }
            }
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(told, (0..200).map(|number| record(number, 1)).collect::<Vec<_>>());
    assert_eq!(net.dials().len(), 1);
}
