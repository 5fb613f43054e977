//! A grid that lets in whom it granted it: strangers stay out, and whoever is revoked is gone for everybody.

use anteroom::{
    armor,
    grid::{Grant, GrantKind, Rights},
    protocol::{AdmissionKind, Blob, DocumentKind, RefusalCode, Request, Response},
    record::{ContactRecord, GridSecret, HashedNodeId, VerifiedRecord},
};

use crate::support::{
    introducer::{Introducer, until},
    records::{Node, grant, grid, revocations, sign_grant, this_hour},
    wire::{Answer, Wire},
};

const GRANTED: &str = "[admission]\npolicy = \"granted\"";

fn hash(node: &Node) -> [u8; 32] {
    *HashedNodeId::new(&grid(), &node.id()).as_bytes()
}

fn with(node: &Node, seq: u64, grants: Vec<Vec<u8>>) -> VerifiedRecord {
    node.sign(&ContactRecord { grants, ..node.claims(seq) })
}

/// A record of a node that the grid itself let in.
fn member(node: &Node, seq: u64) -> VerifiedRecord {
    with(node, seq, vec![sign_grant(&grant(None, node, 0), None)])
}

/// A record of a node that a member let in.
fn friend(issuer: &Node, node: &Node, seq: u64) -> VerifiedRecord {
    let first = sign_grant(&grant(None, issuer, 1), None);
    with(node, seq, vec![first, sign_grant(&grant(Some(issuer), node, 0), Some(issuer))])
}

fn refused(code: RefusalCode) -> Answer {
    Answer::Refused(code, None)
}

#[test]
fn whoever_has_no_right_to_publish_is_told_which_rule_it_was() {
    let introducer = Introducer::with_config(GRANTED);
    let (mut wire, node, issuer) = (introducer.wire(1), Node::new(1), Node::new(2));
    let admission = wire.ask(&Request::About, |response| match response {
        Response::About(about) => about.admission,
        other => panic!("{other:?}"),
    });
    assert_eq!(admission.unwrap(), AdmissionKind::Granted);

    let by_grid = |change: &dyn Fn(Grant) -> Grant| vec![sign_grant(&change(grant(None, &node, 0)), None)];
    let mut forged = by_grid(&|grant| grant);
    *forged[0].last_mut().unwrap() ^= 1;
    let relay = Rights::services(["relay".parse().unwrap()]);
    let past = this_hour().minus_hours(48);
    let future = this_hour().plus_hours(4);
    for (grants, code) in [
        (vec![], RefusalCode::NoGrant),
        (vec![vec![1]], RefusalCode::GrantChain),
        (vec![sign_grant(&grant(None, &issuer, 0), None)], RefusalCode::GrantChain),
        (vec![sign_grant(&grant(Some(&issuer), &node, 0), Some(&issuer))], RefusalCode::GrantChain),
        (forged, RefusalCode::GrantSignature),
        (by_grid(&|grant| Grant { issued: past, ..grant }), RefusalCode::GrantExpired),
        (by_grid(&|grant| Grant { lifetime_hours: 23, ..grant }), RefusalCode::OutlivesGrant),
        (by_grid(&|grant| Grant { issued: future, ..grant }), RefusalCode::IssuedInFuture),
        (by_grid(&|grant| Grant { rights: relay.clone(), ..grant }), RefusalCode::Rights),
    ] {
        assert_eq!(wire.publish(with(&node, 1, grants).bytes()).unwrap(), refused(code));
    }
    assert_eq!(wire.list(None, None).unwrap(), Vec::<Vec<u8>>::new(), "nothing of that is listed");
    let granted = member(&node, 1);
    assert_eq!(wire.publish(granted.bytes()).unwrap(), Answer::Accepted);
    assert_eq!(wire.publish(friend(&issuer, &Node::new(3), 1).bytes()).unwrap(), Answer::Accepted);
    assert_eq!(wire.lookup(hash(&node)).unwrap().as_deref(), Some(granted.bytes()));
}

#[test]
fn a_chain_that_was_made_long_costs_no_more_than_its_record_holds() {
    // Ten thousand links fit no record; what fits is refused before a signature is looked at, five at most.
    let introducer = Introducer::with_config(GRANTED);
    let (mut wire, node, issuer) = (introducer.wire(1), Node::new(1), Node::new(2));
    let loops = [(None, &issuer, 3), (Some(&issuer), &node, 2), (Some(&node), &issuer, 1), (Some(&issuer), &node, 0)];
    let grants = loops.map(|(by, to, depth)| sign_grant(&grant(by, to, depth), by));
    let looped = with(&node, 1, grants.into());
    assert_eq!(wire.publish(looped.bytes()).unwrap(), refused(RefusalCode::GrantChain));
}

#[test]
fn whoever_is_revoked_is_gone_for_everybody_and_stays_so() {
    let mut introducer = Introducer::with_config(&format!("{GRANTED}\n[watch]\ntick_seconds = 3600"));
    let (issuer, bob, carol, eve) = (Node::new(1), Node::new(2), Node::new(3), Node::new(4));
    let (of_bob, of_carol, of_eve) = (friend(&issuer, &bob, 1), member(&carol, 1), member(&eve, 1));
    let mut wire = introducer.wire(1);
    for record in [&of_bob, &of_carol, &of_eve] {
        assert_eq!(wire.publish(record.bytes()).unwrap(), Answer::Accepted);
    }
    assert_eq!(wire.revocations().unwrap(), None);
    let mut watcher = introducer.wire(2);
    watcher.send(&Request::Watch { service: Some("storage"), since_hours: None }).unwrap();
    assert_eq!(watcher.pages().unwrap().len(), 3);

    // Bob falls with whoever let him in.
    let (first, second) = (revocations(1, &[]), revocations(2, &[&issuer, &eve]));
    assert_eq!(wire.put_revocations(first.bytes()).unwrap(), Answer::Accepted);
    assert_eq!(introducer.wire(3).put_revocations(second.bytes()).unwrap(), Answer::Accepted);
    let gone = |introducer: &Introducer| {
        let mut wire = introducer.wire(4);
        assert_eq!(wire.list(Some("storage"), None).unwrap(), [of_carol.bytes()]);
        assert_eq!(wire.lookup(hash(&bob)).unwrap(), None);
        assert_eq!(wire.lookup(hash(&eve)).unwrap(), None);
        for record in [&of_bob, &of_eve, &friend(&issuer, &bob, 2), &member(&eve, 2)] {
            assert_eq!(wire.publish(record.bytes()).unwrap(), refused(RefusalCode::Revoked));
        }
        assert_eq!(wire.revocations().unwrap().as_deref(), Some(second.bytes()));
        let old = Answer::Refused(RefusalCode::Stale, Some(second.bytes().to_vec()));
        assert_eq!(wire.put_revocations(first.bytes()).unwrap(), old, "the list never goes back");
        let other = revocations(2, &[]);
        let conflict = Answer::Refused(RefusalCode::SeqConflict, Some(second.bytes().to_vec()));
        assert_eq!(wire.put_revocations(other.bytes()).unwrap(), conflict);
        assert_eq!(wire.put_revocations(second.bytes()).unwrap(), Answer::Accepted, "the same bytes again");
    };
    gone(&introducer);
    let (payload, _) = watcher.receive().unwrap();
    assert_eq!(Response::decode(&payload).unwrap(), Response::Reset, "a watcher learns of it at once");
    assert!(introducer.terminate().success());
    introducer.launch();
    gone(&introducer);
    introducer.kill();
    introducer.launch();
    gone(&introducer);

    // Bob comes back through somebody who is trusted, beyond what was listed of him before.
    let mut wire = introducer.wire(5);
    assert_eq!(wire.publish(member(&bob, 2).bytes()).unwrap(), Answer::Accepted);
    // And Eve when the grid takes it back: her old record is shown as it was.
    assert_eq!(wire.put_revocations(revocations(3, &[&issuer]).bytes()).unwrap(), Answer::Accepted);
    assert_eq!(wire.lookup(hash(&eve)).unwrap().as_deref(), Some(of_eve.bytes()));
}

#[test]
fn watchers_start_again_when_somebody_is_out_and_not_when_nothing_changed() {
    let introducer = Introducer::with_config(&format!("{GRANTED}\n[watch]\ndelivery = \"immediate\""));
    let (alice, bob, mut wire) = (Node::new(1), Node::new(2), introducer.wire(1));
    let watch = |introducer: &Introducer| {
        let mut watcher = introducer.wire(2);
        watcher.send(&Request::Watch { service: None, since_hours: None }).unwrap();
        watcher.pages().unwrap();
        watcher
    };
    let mut watcher = watch(&introducer);
    introducer.signal("-HUP");
    until("the configuration is read", || introducer.log().contains("was reloaded"));
    // What comes next is the record, not a word to start again.
    let changed = member(&alice, 1);
    assert_eq!(wire.publish(changed.bytes()).unwrap(), Answer::Accepted);
    let (payload, _) = watcher.receive().unwrap();
    assert_eq!(Response::decode(&payload).unwrap(), Response::Change { records: vec![Blob(changed.bytes())] });

    assert_eq!(wire.put_revocations(revocations(1, &[&alice]).bytes()).unwrap(), Answer::Accepted);
    let (payload, _) = watcher.receive().unwrap();
    assert_eq!(Response::decode(&payload).unwrap(), Response::Reset);
    assert!(watcher.is_closed());

    // A change of policy that hides somebody is told as well.
    assert_eq!(wire.publish(member(&bob, 1).bytes()).unwrap(), Answer::Accepted);
    let mut watcher = watch(&introducer);
    std::fs::write(introducer.directory.path().join("members.list"), format!("{} any", alice.id())).unwrap();
    introducer.reconfigure("policy = \"granted\"", "policy = \"listed\"\nlist = \"members.list\"");
    introducer.signal("-HUP");
    let (payload, _) = watcher.receive().unwrap();
    assert_eq!(Response::decode(&payload).unwrap(), Response::Reset);
    assert_eq!(introducer.wire(3).list(None, None).unwrap(), [changed.bytes()], "the operator's list decides");
}

#[test]
fn a_list_by_anybody_but_the_grid_revokes_nobody() {
    let introducer = Introducer::with_config(GRANTED);
    let (mut wire, node) = (introducer.wire(1), Node::new(1));
    assert_eq!(wire.publish(member(&node, 1).bytes()).unwrap(), Answer::Accepted);
    let good = revocations(1, &[&node]);
    let mut forged = good.bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(wire.put_revocations(&forged).unwrap(), refused(RefusalCode::Signature));
    let other = GridSecret::from_seed([8; 32]);
    let mut foreign = good.list().clone();
    foreign.grid = other.id();
    assert_eq!(wire.put_revocations(foreign.sign(&other).unwrap().bytes()).unwrap(), refused(RefusalCode::WrongGrid));
    let mut future = good.list().clone();
    future.issued = this_hour().plus_hours(4);
    let future = future.sign(&crate::support::records::grid_secret()).unwrap();
    assert_eq!(wire.put_revocations(future.bytes()).unwrap(), refused(RefusalCode::IssuedInFuture));
    assert_eq!(wire.put_revocations(&[1; 100]).unwrap(), refused(RefusalCode::Malformed));
    assert_eq!(wire.put_revocations(&[2; 100]).unwrap(), refused(RefusalCode::RecordVersion));
    assert_eq!(wire.revocations().unwrap(), None);
    assert!(wire.lookup(hash(&node)).unwrap().is_some());
    let unknown = |wire: &mut Wire, request: &Request<'_>| {
        wire.ask(request, |response| matches!(response, Response::Unsupported)).unwrap()
    };
    assert!(unknown(&mut wire, &Request::GetDocument { kind: DocumentKind(7) }));
    assert!(unknown(&mut wire, &Request::PutDocument { kind: DocumentKind(7), document: Blob(good.bytes()) }));
}

#[test]
fn what_rests_on_one_issuer_is_limited_and_an_invitation_holds_one_node() {
    let introducer = Introducer::with_config(&format!("{GRANTED}\n[limits]\nrecords_per_issuer_max = 2"));
    let (mut wire, issuer) = (introducer.wire(1), Node::new(1));
    for number in 2..4 {
        assert_eq!(wire.publish(friend(&issuer, &Node::new(number), 1).bytes()).unwrap(), Answer::Accepted);
    }
    let third = Node::new(4);
    assert_eq!(wire.publish(friend(&issuer, &third, 1).bytes()).unwrap(), refused(RefusalCode::IssuerFull));
    assert_eq!(wire.publish(member(&third, 1).bytes()).unwrap(), Answer::Accepted, "the grid itself may");
    assert_eq!(wire.publish(friend(&issuer, &third, 2).bytes()).unwrap(), refused(RefusalCode::IssuerFull));
    assert_eq!(wire.publish(friend(&issuer, &Node::new(2), 2).bytes()).unwrap(), Answer::Accepted, "who is in goes on");

    let invitation = Node::new(10);
    let first = Grant { kind: GrantKind::Invitation, ..grant(None, &invitation, 1) };
    let invited = |node: &Node| {
        let last = sign_grant(&grant(Some(&invitation), node, 0), Some(&invitation));
        with(node, 1, vec![sign_grant(&first, None), last])
    };
    assert_eq!(wire.publish(invited(&Node::new(11)).bytes()).unwrap(), Answer::Accepted);
    assert_eq!(wire.publish(invited(&Node::new(12)).bytes()).unwrap(), refused(RefusalCode::InvitationUsed));
}

#[test]
fn an_operator_lists_nodes_and_takes_them_off_by_a_reload() {
    let mut introducer = Introducer::prepared("[admission]\npolicy = \"listed\"\nlist = \"members.list\"");
    let list = introducer.directory.path().join("members.list");
    let (alice, bob) = (Node::new(1), Node::new(2));
    let lines = |lines: &[String]| std::fs::write(&list, lines.join("\n")).unwrap();
    lines(&["# friends".into(), format!("{} any  # Alice", alice.id()), format!("{} relay", bob.id())]);
    introducer.launch();
    let mut wire = introducer.wire(1);
    // Grants are for other introducers, and not looked at.
    let of_alice = with(&alice, 1, vec![vec![1]]);
    assert_eq!(wire.publish(of_alice.bytes()).unwrap(), Answer::Accepted);
    assert_eq!(wire.publish(bob.record(1).bytes()).unwrap(), refused(RefusalCode::Rights));
    assert_eq!(wire.publish(Node::new(3).record(1).bytes()).unwrap(), refused(RefusalCode::NotListed));

    lines(&[format!("{} storage", bob.id())]);
    introducer.signal("-HUP");
    until("Alice is taken off", || wire.lookup(hash(&alice)).unwrap().is_none());
    assert_eq!(wire.publish(of_alice.bytes()).unwrap(), refused(RefusalCode::NotListed));
    assert_eq!(wire.publish(bob.record(1).bytes()).unwrap(), Answer::Accepted);

    lines(&[format!("{} everything there is!", bob.id())]);
    introducer.signal("-HUP");
    until("the broken list is told", || introducer.log().contains("line 1"));
    assert!(wire.lookup(hash(&bob)).unwrap().is_some(), "the old rules stay");
    drop(wire);

    lines(&[format!("{} any", alice.id())]);
    assert!(introducer.terminate().success());
    introducer.launch();
    assert_eq!(introducer.wire(2).list(None, None).unwrap(), [of_alice.bytes()], "a restart asks the list, too");
}

#[test]
fn an_operator_brings_the_list_of_revoked_keys_by_hand() {
    let mut introducer = Introducer::prepared(&format!("{GRANTED}\nrevocations = \"revoked\""));
    let file = introducer.directory.path().join("revoked");
    let (alice, bob) = (Node::new(1), Node::new(2));
    let bring = |list: &[u8]| armor::save(&file, armor::REVOCATIONS, "who is out", list).unwrap();
    bring(revocations(1, &[&alice]).bytes());
    introducer.launch();
    let mut wire = introducer.wire(1);
    until("the file is read", || wire.revocations().unwrap().is_some());
    assert_eq!(wire.publish(member(&alice, 1).bytes()).unwrap(), refused(RefusalCode::Revoked));
    assert_eq!(wire.publish(member(&bob, 1).bytes()).unwrap(), Answer::Accepted);
    let second = revocations(2, &[&bob]);
    bring(second.bytes());
    introducer.signal("-HUP");
    until("Bob is out", || wire.lookup(hash(&bob)).unwrap().is_none());
    std::fs::write(&file, "nonsense").unwrap();
    introducer.signal("-HUP");
    until("the broken file is told", || introducer.log().contains("was not taken"));
    assert_eq!(wire.revocations().unwrap().as_deref(), Some(second.bytes()));
}

#[test]
fn a_change_of_policy_hides_who_has_no_grant_until_one_comes() {
    let introducer = Introducer::start();
    let (stranger, mut wire) = (Node::new(1), introducer.wire(1));
    assert_eq!(wire.publish(stranger.record(1).bytes()).unwrap(), Answer::Accepted);
    assert_eq!(wire.publish(member(&Node::new(2), 1).bytes()).unwrap(), refused(RefusalCode::Grants));
    assert_eq!(wire.put_revocations(revocations(1, &[&stranger]).bytes()).unwrap(), Answer::Accepted);
    assert!(wire.lookup(hash(&stranger)).unwrap().is_some(), "an open grid is open to whoever signs");
    introducer.configure(GRANTED);
    introducer.signal("-HUP");
    until("the stranger is out", || wire.lookup(hash(&stranger)).unwrap().is_none());
    assert_eq!(wire.publish(stranger.record(1).bytes()).unwrap(), refused(RefusalCode::NoGrant));
    assert_eq!(wire.publish(member(&stranger, 2).bytes()).unwrap(), refused(RefusalCode::Revoked));
    assert_eq!(wire.put_revocations(revocations(2, &[]).bytes()).unwrap(), Answer::Accepted);
    assert!(wire.lookup(hash(&stranger)).unwrap().is_none(), "still without a grant");
    assert_eq!(wire.publish(member(&stranger, 2).bytes()).unwrap(), Answer::Accepted);
    assert!(wire.lookup(hash(&stranger)).unwrap().is_some());
}
