//! What grants cost: the same nodes renew their records with and without a chain of two grants.

use std::rc::Rc;

use anteroom::{
    protocol::{Blob, LENGTH_BYTES, Request, Response},
    record::ContactRecord,
};

use crate::{
    ROUNDS, Scale,
    drive::{self, Round, Target, of},
    publish::LIMITS,
    records::RECORD_BYTES,
    report::{Goal, Report, row},
    support::{
        introducer::Introducer,
        records::{Node, grant, sign_grant},
    },
};

const IN_FLIGHT: usize = 64;
const ANSWER_BYTES: usize = LENGTH_BYTES + 4096;
/// A renewal with grants may cost so many times one without.
const SHARE_MAX: f64 = 1.3;
/// Of all records of a round of the plain publishes.
const NODES_DIVISOR: usize = 10;
/// Whoever let everybody in; no node of the bench has this number.
const ISSUER: u64 = u64::MAX;

pub fn measure(scale: Scale, report: &mut Report) {
    let nodes = scale.published / NODES_DIVISOR;
    let open = Introducer::with_config(LIMITS);
    let granted = "[admission]\npolicy = \"granted\"\n";
    let granted = Introducer::with_config(&format!("{granted}{LIMITS}records_per_issuer_max = 4000000\n"));
    let chains: Vec<_> = (0..nodes).map(|number| chain(&Node::new(number as u64))).collect();
    let none = vec![Vec::new(); nodes];
    let first = [publish(&open, 1, &none), publish(&granted, 1, &chains)];
    let (mut plain, mut with_grants) = (Vec::new(), Vec::new());
    // Alternating, so that what else goes on here meets both.
    for seq in (2..).take(ROUNDS) {
        plain.push(publish(&open, seq, &none));
        with_grants.push(publish(&granted, seq, &chains));
    }
    let cpu = |what: &str, with: f64, without: f64| {
        row("granted", format!("server CPU of one {what} with two grants"), with, "us").against("without", without)
    };
    report.add(cpu("first publish", first[1].cpu_micros(), first[0].cpu_micros()));
    let (with, without) = (of(&with_grants, Round::cpu_micros), of(&plain, Round::cpu_micros));
    report.add(cpu("renewal", with, without).goal(Goal::AtMost(SHARE_MAX * without)));
}

/// From the grid through one issuer, whom all share.
fn chain(node: &Node) -> Vec<Vec<u8>> {
    let issuer = Node::new(ISSUER);
    let first = sign_grant(&grant(None, &issuer, 1), None);
    vec![first, sign_grant(&grant(Some(&issuer), node, 0), Some(&issuer))]
}

fn publish(introducer: &Introducer, seq: u64, grants: &[Vec<Vec<u8>>]) -> Round {
    let sign = |(number, grants): (usize, &Vec<Vec<u8>>)| {
        let node = Node::new(number as u64);
        let claims = node.record_of_size(seq, RECORD_BYTES).claims().clone();
        Box::from(node.sign(&ContactRecord { grants: grants.clone(), ..claims }).bytes())
    };
    let records: Rc<Vec<_>> = Rc::new(grants.iter().enumerate().map(sign).collect());
    let count = records.len();
    let request = move |index: usize| {
        Request::Publish { record: Blob(&records[index]) }.encode(None).expect("a record fits a frame")
    };
    let check = |answer: &[u8]| assert_eq!(Response::decode(&answer[LENGTH_BYTES..]), Ok(Response::Accepted));
    let target = Target { socket: introducer.socket(), pid: introducer.pid(), introducer: true };
    drive::round(&target, IN_FLIGHT, ANSWER_BYTES, count, request, check)
}
