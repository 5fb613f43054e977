//! A full store: restart, memory, and what a listing of the latest costs beside one of all.

use std::time::{Duration, Instant};

use anteroom::protocol::{Request, Response};

use crate::{
    Scale,
    drive::Target,
    listing, lookup,
    machine::{Machine, process_cpu_seconds, verify_seconds_on_all_cores},
    publish::LIMITS,
    records::{RECORD_BYTES, fill},
    report::{Goal, Report, row},
    support::{introducer::Introducer, records::this_hour, wire::Wire},
};

/// Accepted in the hour that is asked for.
const FRESH: usize = 100;
const BYTES_PER_RECORD_MAX: f64 = 1024.0;
/// Between two questions to an introducer that starts.
const POLL: Duration = Duration::from_millis(10);
/// A restart may cost so much more than its signatures.
const RESTART_SHARE_MAX: f64 = 1.25;

pub fn measure(scale: Scale, machine: &Machine, report: &mut Report) {
    let empty_kib = Introducer::with_config(LIMITS).memory().resident_kib;
    let mut introducer = Introducer::prepared(LIMITS);
    let start = Instant::now();
    fill(&introducer.directory.path().join("state"), scale.stored, FRESH);
    let title = format!("filling {} records through the library", scale.stored);
    report.add(row("large", title, start.elapsed().as_secs_f64(), "s"));

    let before = verify_seconds_on_all_cores(scale.signatures, scale.stored);
    let restart = restart(&mut introducer);
    let after = verify_seconds_on_all_cores(scale.signatures, scale.stored);
    let verifying = f64::midpoint(before, after);
    let scaled = format!("{} verify_strict on all cores, from {}", scale.stored, scale.signatures);
    let seconds = row("large", "restart", restart.seconds, "s").against(scaled, verifying);
    report.add(seconds.goal(Goal::AtMost(verifying * RESTART_SHARE_MAX)));
    let verifying = machine.verification_micros * scale.stored as f64 / 1e6;
    report.add(row("large", "CPU of the restart", restart.cpu_seconds, "s").against("verify_strict", verifying));
    report.add(row("large", "Busy answers meanwhile", restart.busy as f64, ""));
    report.add(row("large", "… the slowest of them", restart.slowest.as_secs_f64() * 1e3, "ms"));

    let grown = (introducer.memory().resident_kib - empty_kib) as f64 * 1024.0 / scale.stored as f64;
    let memory = row("large", format!("memory for each of {} restored", scale.stored), grown, "B");
    report.add(
        memory
            .against("the record's bytes", RECORD_BYTES as f64)
            .goal_at_scale(scale.stored, Goal::AtMost(BYTES_PER_RECORD_MAX)),
    );

    let target = Target { socket: introducer.socket(), pid: introducer.pid(), introducer: true };
    lookup::measure(scale, &target, scale.stored, report);
    let all = listing::compare(&target, "large", None, report);
    assert_eq!(all.records, scale.stored);
    // One hour of slack: the clock may have moved on since the store was filled.
    let since = listing::compare(&target, "large", Some(this_hour().minus_hours(1).hours()), report);
    assert_eq!(since.records, FRESH);
}

struct Restart {
    seconds: f64,
    cpu_seconds: f64,
    busy: usize,
    slowest: Duration,
}

fn restart(introducer: &mut Introducer) -> Restart {
    let start = Instant::now();
    introducer.spawn();
    let mut wire = loop {
        match Wire::connect(&introducer.socket(), 1) {
            Ok(wire) => break wire,
            Err(_) => std::thread::sleep(POLL),
        }
    };
    let (mut busy, mut slowest) = (0, Duration::ZERO);
    loop {
        let asked = Instant::now();
        let ready = wire.ask(&Request::About, |response| match response {
            Response::About(_) => true,
            Response::Busy { .. } => false,
            other => panic!("a question was answered {other:?}"),
        });
        if ready.expect("an introducer that starts answers") {
            break;
        }
        busy += 1;
        slowest = slowest.max(asked.elapsed());
        std::thread::sleep(POLL);
    }
    Restart {
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: process_cpu_seconds(introducer.pid()),
        busy,
        slowest,
    }
}
