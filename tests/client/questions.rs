//! About, publish, evidence, and what an address of an introducer is.

use std::time::Duration;

use anteroom::{
    client::{ClientError, Introducer, IntroducerError, Published},
    protocol::{About, AdmissionKind, Blob, LookupMode, RefusalCode, Request, Response, WatchMode},
};

use crate::harness::{GRID, Net, changed, envelope, introducer, node, record};

fn about(grid: [u8; 32], lookup: LookupMode) -> About {
    About {
        grid,
        admission: AdmissionKind::Open,
        onion: true,
        i2p: true,
        clearnet: false,
        record_bytes_max: 2048,
        lifetime_hours_max: 720,
        new_key_lifetime_hours_max: 720,
        lookup,
        watch: WatchMode::Tick { seconds: 60 },
    }
}

#[test]
fn an_introducer_is_on_an_anonymizing_network() {
    for good in [introducer().to_string(), crate::harness::other_introducer().to_string()] {
        // The onion address of the harness is no point of the curve, which typed addresses must be.
        match good.parse::<Introducer>() {
            Ok(introducer) => assert_eq!(introducer.to_string(), good),
            Err(error) => assert!(good.contains(".onion"), "{error}"),
        }
    }
    for clearnet in ["introducer.example.org:80", "9.9.9.9:80", "[2620:fe::fe]:80"] {
        assert_eq!(clearnet.parse::<Introducer>(), Err(IntroducerError::Clearnet));
    }
    assert!("127.0.0.1:80".parse::<Introducer>().is_err());
    assert!(!format!("{:?}", introducer()).contains("onion:"));
}

#[tokio::test]
async fn about_tells_the_rules_of_the_own_grid_alone() {
    let ours = about(*GRID.as_bytes(), LookupMode::Prefix { bits: 3 });
    let net = Net::new(move |mut peer| async move {
        while peer.request().await.is_some() {
            let rules = if peer.number == 0 { ours } else { about([1; 32], LookupMode::Exact) };
            peer.answer(&Response::About(rules)).await;
        }
    });
    assert_eq!(net.client.about(&introducer()).await.unwrap(), ours);
    let stranger = net.client_with(|_| {}).about(&introducer()).await;
    assert!(matches!(stranger, Err(ClientError::WrongGrid)));
}

#[tokio::test]
async fn a_publish_tells_what_became_of_it() {
    let (mine, older, foreign) = (record(1, 7), record(1, 9), record(2, 9));
    let answers = [older.clone(), foreign];
    let net = Net::new(move |mut peer| {
        let answers = answers.clone();
        async move {
            let refused = |code, current| Response::Refused { code, current };
            for response in [
                Response::Accepted,
                Response::Busy { retry_after_seconds: 7 },
                Response::Busy { retry_after_seconds: u32::MAX },
                refused(RefusalCode::Stale, Some(Blob(answers[0].bytes()))),
                refused(RefusalCode::Stale, Some(Blob(answers[1].bytes()))),
                refused(RefusalCode::Full, None),
            ] {
                assert!(matches!(peer.request().await, Some(Request::Publish { .. })));
                peer.answer(&response).await;
            }
        }
    });
    let mut became = Vec::new();
    for _ in 0..6 {
        became.push(net.client.publish(&introducer(), &mine).await.unwrap());
    }
    let busy = |seconds| Published::Busy { retry_after: Duration::from_secs(seconds) };
    let refused = |code, current| Published::Refused { code, current };
    assert_eq!(became[..3], [Published::Accepted, busy(7), busy(3600)]);
    assert_eq!(became[3], refused(RefusalCode::Stale, Some(envelope(&older))));
    // Not the node's own record: nothing to go on from.
    assert_eq!(became[4], refused(RefusalCode::Stale, None));
    assert_eq!(became[5], refused(RefusalCode::Full, None));
    assert_eq!((net.client.dropped().not_asked, net.dials().len()), (1, 1));
}

#[tokio::test]
async fn a_node_can_go_on_from_an_expired_record_of_its_own() {
    let expired = changed(1, 9, |record| record.issued = record.issued.minus_hours(500));
    let sent = expired.clone();
    let net = Net::new(move |mut peer| {
        let sent = sent.clone();
        async move {
            peer.request().await;
            let current = Some(Blob(sent.bytes()));
            let code = RefusalCode::Stale;
            peer.answer(&Response::Refused { code, current }).await;
        }
    });
    let became = net.client.publish(&introducer(), &record(1, 1)).await.unwrap();
    let current = Some(envelope(&expired));
    let code = RefusalCode::Stale;
    assert_eq!(became, Published::Refused { code, current });
}

#[tokio::test]
async fn evidence_is_two_records_of_one_seq() {
    let a = record(1, 7);
    let b = changed(1, 7, |record| record.nickname = "twin".parse().ok());
    let other_seq = record(1, 8);
    let other_node = record(2, 7);
    let pairs = [
        Some((a.clone(), b.clone())),
        None,
        Some((a.clone(), a.clone())),
        Some((a.clone(), other_seq)),
        Some((a.clone(), other_node)),
    ];
    let net = Net::new(move |mut peer| {
        let pairs = pairs.clone();
        async move {
            for pair in &pairs {
                peer.request().await;
                let pair = pair.as_ref().map(|(a, b)| (Blob(a.bytes()), Blob(b.bytes())));
                peer.answer(&Response::Evidence { pair }).await;
            }
        }
    });
    let evidence = net.client.evidence(&introducer(), node(1)).await.unwrap();
    assert_eq!(evidence, Some([a, b]));
    for _ in 0..4 {
        assert_eq!(net.client.evidence(&introducer(), node(1)).await.unwrap(), None);
    }
    assert_eq!(net.client.dropped().not_asked, 3);
}
