//! What an introducer keeps of invitations: who used one, the proof of a second use, and the grants to stay; also when it
//! starts again.

use anteroom::{
    grid::{Grant, GrantBundle, GrantKind, INVITATION_LIFETIME_HOURS_MAX},
    protocol::{Blob, DocumentKind, RefusalCode, Request, Response},
    record::{ContactRecord, VerifiedRecord},
};

use crate::support::{
    introducer::Introducer,
    records::{Node, grant, revocations, sign_grant},
    wire::{Answer, Wire, answer},
};

const GRANTED: &str = "[admission]\npolicy = \"granted\"";

/// The grants of `node` through an invitation by the grid.
fn redeemed(invitation: &Node, node: &Node) -> Vec<Vec<u8>> {
    let lifetime_hours = INVITATION_LIFETIME_HOURS_MAX;
    let first = Grant { kind: GrantKind::Invitation, lifetime_hours, ..grant(None, invitation, 1) };
    let second = Grant { lifetime_hours, ..grant(Some(invitation), node, 0) };
    vec![sign_grant(&first, None), sign_grant(&second, Some(invitation))]
}

fn invited(invitation: &Node, node: &Node, seq: u64) -> VerifiedRecord {
    node.sign(&ContactRecord { grants: redeemed(invitation, node), ..node.claims(seq) })
}

fn put(wire: &mut Wire, grants: &[Vec<u8>]) -> Answer {
    let bytes = GrantBundle::encode(grants);
    let request = Request::PutDocument { kind: DocumentKind::CONFIRMATION, document: Blob(&bytes) };
    wire.ask(&request, |response| answer(&response)).unwrap()
}

fn confirmation(wire: &mut Wire, node: &Node) -> Option<Vec<u8>> {
    let request = Request::Confirmation { node: *node.id().as_bytes() };
    let read = |response: Response<'_>| match response {
        Response::Document { document } => document.map(|Blob(bytes)| bytes.to_vec()),
        other => panic!("{other:?}"),
    };
    wire.ask(&request, read).unwrap()
}

fn proof(wire: &mut Wire, invitation: &Node) -> Option<[Vec<u8>; 2]> {
    let request = Request::Evidence { node: *invitation.id().as_bytes() };
    let read = |response: Response<'_>| match response {
        Response::Evidence { pair } => pair.map(|(a, b)| [a.0.to_vec(), b.0.to_vec()]),
        other => panic!("{other:?}"),
    };
    wire.ask(&request, read).unwrap()
}

fn refused(code: RefusalCode) -> Answer {
    Answer::Refused(code, None)
}

#[test]
fn grants_to_stay_wait_for_their_node_and_a_second_use_is_proven_also_after_a_restart() {
    let mut introducer = Introducer::with_config(GRANTED);
    let (invitation, bob, eve) = (Node::new(1), Node::new(2), Node::new(3));
    let lasting = vec![sign_grant(&grant(None, &bob, 0), None)];
    let mut wire = introducer.wire(1);
    assert_eq!(put(&mut wire, &lasting), refused(RefusalCode::NotListed), "nobody came by an invitation");
    assert_eq!(wire.publish(invited(&invitation, &bob, 1).bytes()).unwrap(), Answer::Accepted);
    assert_eq!(confirmation(&mut wire, &bob), None);
    assert_eq!(put(&mut wire, &lasting), Answer::Accepted);
    assert_eq!(put(&mut wire, &lasting), Answer::Accepted, "the same bytes again");
    assert_eq!(confirmation(&mut wire, &eve), None);

    // Bob stands on his own grant, and the invitation stays used up.
    let stays = bob.sign(&ContactRecord { grants: lasting.clone(), ..bob.claims(2) });
    assert_eq!(wire.publish(stays.bytes()).unwrap(), Answer::Accepted);
    assert_eq!(proof(&mut wire, &invitation), None);
    let second = invited(&invitation, &eve, 1);
    assert_eq!(wire.publish(second.bytes()).unwrap(), refused(RefusalCode::InvitationUsed));
    let pair = [invited(&invitation, &bob, 1).bytes().to_vec(), second.bytes().to_vec()];
    let kept = |introducer: &mut Introducer| {
        let mut wire = introducer.wire(2);
        introducer.wait("the proof is kept", |_| proof(&mut wire, &invitation).is_some());
        assert_eq!(proof(&mut wire, &invitation).as_ref(), Some(&pair));
        assert_eq!(confirmation(&mut wire, &bob), Some(GrantBundle::encode(&lasting)));
        assert_eq!(wire.publish(second.bytes()).unwrap(), refused(RefusalCode::InvitationUsed));
    };
    kept(&mut introducer);
    assert!(introducer.terminate().success());
    introducer.launch();
    kept(&mut introducer);
    introducer.kill();
    introducer.launch();
    kept(&mut introducer);
}

#[test]
fn only_whoever_invited_can_let_a_node_stay() {
    let introducer = Introducer::with_config(GRANTED);
    let (alice, invitation, bob, eve) = (Node::new(1), Node::new(2), Node::new(3), Node::new(4));
    let lifetime_hours = INVITATION_LIFETIME_HOURS_MAX;
    let to_alice = sign_grant(&grant(None, &alice, 2), None);
    let first = Grant { kind: GrantKind::Invitation, lifetime_hours, ..grant(Some(&alice), &invitation, 1) };
    let last = Grant { lifetime_hours, ..grant(Some(&invitation), &bob, 0) };
    let grants = vec![to_alice.clone(), sign_grant(&first, Some(&alice)), sign_grant(&last, Some(&invitation))];
    let record = bob.sign(&ContactRecord { grants, ..bob.claims(1) });
    let mut wire = introducer.wire(1);
    assert_eq!(wire.publish(record.bytes()).unwrap(), Answer::Accepted);

    let by = |issuer: &Node| {
        let above = sign_grant(&grant(None, issuer, 2), None);
        vec![above, sign_grant(&grant(Some(issuer), &bob, 0), Some(issuer))]
    };
    assert_eq!(put(&mut wire, &by(&eve)), refused(RefusalCode::NotListed), "another member");
    assert_eq!(put(&mut wire, &[sign_grant(&grant(None, &bob, 0), None)]), refused(RefusalCode::NotListed));
    let mut forged = by(&alice);
    *forged[1].last_mut().unwrap() ^= 1;
    assert_eq!(put(&mut wire, &forged), refused(RefusalCode::GrantSignature));
    assert_eq!(put(&mut wire, &by(&alice)[1..]), refused(RefusalCode::GrantChain));
    assert_eq!(put(&mut wire, &[vec![1; 20]]), refused(RefusalCode::Malformed));
    assert_eq!(confirmation(&mut wire, &bob), None, "nothing of that is kept");

    assert_eq!(wire.put_revocations(revocations(1, &[&alice]).bytes()).unwrap(), Answer::Accepted);
    assert_eq!(put(&mut wire, &by(&alice)), refused(RefusalCode::Revoked));
    assert_eq!(wire.put_revocations(revocations(2, &[]).bytes()).unwrap(), Answer::Accepted);
    assert_eq!(put(&mut wire, &by(&alice)), Answer::Accepted);
    assert_eq!(confirmation(&mut wire, &bob), Some(GrantBundle::encode(&by(&alice))));
    let open = Introducer::start();
    assert_eq!(put(&mut open.wire(1), &by(&alice)), refused(RefusalCode::Grants), "an open grid");
}
