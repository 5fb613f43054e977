//! Durable publishes: distinct keys, signed beforehand, over the streams of several circuits.

use std::rc::Rc;

use anteroom::protocol::{Blob, LENGTH_BYTES, Request, Response};

use crate::{
    ROUNDS, Scale,
    drive::{self, Round, Target, of},
    machine::{Machine, flush_micros},
    records::{RECORD_BYTES, signed},
    report::{Goal, Report, row},
    support::introducer::Introducer,
};

/// No limit of policy is what is measured.
pub const LIMITS: &str = "[limits]\nrecords_max = 4000000\nverifications_per_second_max = 1000000\n\
    new_keys_per_hour_max = 10000000\nbandwidth_per_circuit_kib_per_second_max = 10000000\n\
    bandwidth_kib_per_second_max = 10000000\nstreams_per_circuit_max = 4096\nstore_bytes_max = 17179869184\n\
    watchers_max = 2000\n";
const IN_FLIGHT: [usize; 2] = [64, 256];
const ANSWER_BYTES: usize = LENGTH_BYTES + 4096;
const CPU_MICROS_MAX: f64 = 100.0;
const BYTES_PER_RECORD_MAX: f64 = 1024.0;

/// An introducer that holds records `0..records`.
pub struct Filled {
    pub introducer: Introducer,
    pub records: usize,
}

impl Filled {
    pub fn target(&self) -> Target {
        Target { socket: self.introducer.socket(), pid: self.introducer.pid(), introducer: true }
    }
}

pub fn measure(scale: Scale, machine: &Machine, report: &mut Report) -> Filled {
    let mut filled = Filled { introducer: Introducer::with_config(LIMITS), records: 0 };
    let empty_kib = filled.introducer.memory().resident_kib;
    let per_round = scale.published / IN_FLIGHT.len() / ROUNDS;
    for in_flight in IN_FLIGHT {
        let rounds: Vec<Round> = (0..ROUNDS).map(|_| publish(&mut filled, in_flight, per_round)).collect();
        let title = |what: &str| format!("{what}, {in_flight} in flight");
        let rate = of(&rounds, Round::per_second);
        let verifying = machine.verifications_per_second;
        report
            .add(row("publish", title("durable publishes"), rate, "/s").against("verify_strict, one core", verifying));
        let cpu = row("publish", title("server CPU of one"), of(&rounds, Round::cpu_micros), "us");
        report.add(cpu.against("verify_strict", machine.verification_micros).goal(Goal::AtMost(CPU_MICROS_MAX)));
        report.add(row("publish", title("… of which the store's thread"), of(&rounds, Round::store_cpu_micros), "us"));
        let latency = row("publish", title("latency, median"), of(&rounds, Round::latency_micros), "us");
        report.add(latency.against("append + fdatasync", flush_micros()));
    }
    let grown = (filled.introducer.memory().resident_kib - empty_kib) as f64 * 1024.0 / filled.records as f64;
    let memory = row("publish", format!("memory for each of {} published", filled.records), grown, "B");
    report.add(
        memory
            .against("the record's bytes", RECORD_BYTES as f64)
            .goal_at_scale(filled.records, Goal::AtMost(BYTES_PER_RECORD_MAX)),
    );
    filled
}

/// Publishes `count` more.
pub fn publish(filled: &mut Filled, in_flight: usize, count: usize) -> Round {
    let records = Rc::new(signed(filled.records, count));
    let request = move |index: usize| {
        Request::Publish { record: Blob(&records[index]) }.encode(None).expect("a record fits a frame")
    };
    let check = |answer: &[u8]| assert_eq!(Response::decode(&answer[LENGTH_BYTES..]), Ok(Response::Accepted));
    let round = drive::round(&filled.target(), in_flight, ANSWER_BYTES, count, request, check);
    filled.records += count;
    round
}
