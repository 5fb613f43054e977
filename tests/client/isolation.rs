//! Who shares a circuit with whom, and what a proxy says when there is none.

use std::collections::BTreeSet;

use anteroom::{
    client::{Client, ClientError, ClientSettings, Introducer},
    net::{DialError, SocksError},
    protocol::{Request, Response},
};

use crate::{
    fake_introducer::Peer,
    harness::{GRID, Net, introducer, node, other_introducer, record},
    socks::SocksProxy,
};

async fn polite(mut peer: Peer) {
    while let Some(request) = peer.request().await {
        let records = Vec::new();
        let response = match request {
            Request::Lookup { .. } => Response::Shelf { records, more_after: None, bits: 0 },
            Request::Publish { .. } => Response::Accepted,
            Request::List { .. } | Request::Watch { .. } => Response::Page { records, end: true },
            Request::Evidence { .. } => Response::Evidence { pair: None },
            _ => Response::Unsupported,
        };
        peer.answer(&response).await;
    }
}

async fn everything(client: &Client, introducer: &Introducer) {
    client.lookup(introducer, node(1)).await.unwrap();
    client.publish(introducer, &record(1, 1)).await.unwrap();
    client.publish(introducer, &record(2, 1)).await.unwrap();
    client.evidence(introducer, node(1)).await.unwrap();
    client.about(introducer).await.unwrap_err();
    client.list(introducer, None, None).await.unwrap().next().await.unwrap();
    client.watch(introducer, None, None).await.unwrap().next().await.unwrap();
}

#[tokio::test]
async fn roles_introducers_identities_and_clients_share_no_circuit() {
    let net = Net::new(polite);
    everything(&net.client, &introducer()).await;
    everything(&net.client, &other_introducer()).await;
    everything(&net.client.for_identity("another"), &introducer()).await;
    everything(&net.client_with(|_| {}), &introducer()).await;
    let dials = net.dials();
    assert_eq!(dials.len(), 4 * 7);
    let passwords: BTreeSet<_> = dials.iter().map(|dial| &dial.password).collect();
    // A listing and a subscription are one role.
    assert_eq!(passwords.len(), 4 * 6);
    let usernames: BTreeSet<_> = dials.iter().map(|dial| &dial.username).collect();
    assert_eq!(usernames.len(), 1);
    for password in passwords {
        assert!(password.len() == 64 && password.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    assert!(dials.iter().all(|dial| dial.port == 80));
    let hosts: BTreeSet<_> = dials.iter().map(|dial| dial.host.clone()).collect();
    assert!(hosts.iter().any(|host| host.ends_with(".onion")) && hosts.iter().any(|host| host.ends_with(".b32.i2p")));
}

#[tokio::test]
async fn the_same_question_within_the_hour_shares_its_circuit() {
    let net = Net::new(polite);
    for _ in 0..3 {
        everything(&net.client, &introducer()).await;
    }
    let circuits: BTreeSet<_> = net.dials().iter().map(|dial| dial.circuit).collect();
    assert_eq!(circuits.len(), 6);
    // Lookups, publishes and evidence found their streams open; a listing is a stream of its own.
    assert_eq!(net.dials().len(), 4 + 3 + 3 + 3);
}

#[tokio::test]
async fn lookups_at_once_do_not_wait_for_each_other() {
    let net = Net::new(polite);
    let (to, a, b) = (introducer(), node(1), node(2));
    let (first, second) = tokio::join!(net.client.lookup(&to, a), net.client.lookup(&to, b));
    assert_eq!((first.unwrap(), second.unwrap()), (None, None));
    assert_eq!(net.dials().len(), 2);
    net.client.lookup(&to, a).await.unwrap();
    assert_eq!(net.dials().len(), 2);
}

#[tokio::test]
async fn many_publishers_do_not_keep_a_lookup_from_its_stream() {
    let net = Net::new(polite);
    for number in 0..100 {
        net.client.publish(&introducer(), &record(number, 1)).await.unwrap();
    }
    for _ in 0..3 {
        net.client.lookup(&introducer(), node(1)).await.unwrap();
    }
    assert_eq!(net.dials().len(), 100 + 1);
}

#[tokio::test]
async fn each_answer_of_a_proxy_has_its_message() {
    let codes = [0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x42];
    let mut messages = BTreeSet::new();
    for code in codes {
        let dir = tempfile::tempdir().unwrap();
        let proxy = SocksProxy::start(dir.path(), move |_| Err(code)).unwrap();
        let client = Client::new(ClientSettings::new(&proxy.path, GRID)).unwrap();
        let error = client.lookup(&introducer(), node(1)).await.unwrap_err();
        let ClientError::Dial(DialError::Refused(refused)) = &error else {
            panic!("{error}");
        };
        assert_eq!(matches!(refused, SocksError::Other(_)), matches!(code, 0x07 | 0x42));
        messages.insert(error.to_string());
    }
    assert_eq!(messages.len(), codes.len());
    assert!(messages.iter().any(|message| message.contains("ask its operator for one")));
}

#[tokio::test]
async fn without_a_proxy_the_message_says_what_to_check() {
    let dir = tempfile::tempdir().unwrap();
    let client = Client::new(ClientSettings::new(dir.path().join("nobody"), GRID)).unwrap();
    let error = client.watch(&introducer(), None, None).await.unwrap_err();
    assert!(matches!(error, ClientError::Dial(DialError::Proxy(_))));
    assert!(error.to_string().contains("is tor running"));
}
