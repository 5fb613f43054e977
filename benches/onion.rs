//! What an introducer adds to Tor: publish and lookup through an onion service against a bare echo through another one of
//! the same kind, in turn, for both carriers, in a private Tor network of this machine.
//!
//! `cargo bench --bench onion` takes five minutes and needs the installed `tor`; `-- --quick` does a fifteenth and is for
//! development, `-- --json` prints numbers for a program, `-- --only embedded` (or c-tor) measures one carrier. Requests and
//! answers are the introducer's, byte for byte as long at the echo; every stream has a circuit of its own, as the client's
//! roles do, and is warm before anything counts. A median is of many circuits: one can be longer than the next.
//!
//! Nearly all of what is measured is waiting in the relays, for 10 ms (`KISTSchedRunInterval`) or 40 ms (late
//! acknowledgements of TCP) at a time, and it is less than between machines. A slow disk shows in the rows without Tor first. Fails
//! when a goal is missed.
#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench talks to its user, starts processes, reads clocks, and a failure of any part ends it"
)]

#[path = "onion/echo.rs"]
mod echo;
#[path = "onion/hosts.rs"]
mod hosts;
#[expect(dead_code, reason = "of the other bench, which uses all of it")]
#[path = "limits/machine.rs"]
mod machine;
#[path = "limits/records.rs"]
mod records;
#[expect(dead_code, reason = "of the other bench, which uses all of it")]
#[path = "limits/report.rs"]
mod report;
#[expect(dead_code, reason = "shared with the end-to-end tests, which use all of it")]
#[path = "../tests/support/mod.rs"]
mod support;
#[path = "onion/turns.rs"]
mod turns;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anteroom::rehearsal::tornet::{CLIENT_TORRC, Settings, TorNetwork};
use echo::Echo;
use hosts::{Hosts, Sockets};
use machine::flush_micros;
use report::{Goal, Report, row};
use support::introducer::Introducer;
use turns::{Asked, Compared, Place};

/// How much of everything.
#[derive(Clone, Copy)]
pub struct Scale {
    /// Everything so often at once. In a network that carries nothing else an operation takes one of a few round numbers
    /// of milliseconds, as acknowledgements come early or late, and a median jumps from one to the other.
    lanes: usize,
    /// In a lane, one after the other, each with four new circuits.
    circuits: usize,
    /// Operations of each kind on each.
    turns: usize,
}

const FULL: Scale = Scale { lanes: 6, circuits: 15, turns: 8 };
const QUICK: Scale = Scale { lanes: 6, circuits: 2, turns: 4 };
/// Without Tor there are no circuits to tell apart, and nothing to wait for.
const NO_TOR: Scale = Scale { lanes: 1, circuits: 5, turns: 40 };

/// Records in the store beforehand.
const STORED: usize = 10_000;
/// An operation of the introducer may take so much more than the echo's.
const SHARE_MAX: f64 = 1.1;
/// No limit of policy is what is measured.
const LIMITS: &str = "[limits]\nrecords_max = 4000000\nverifications_per_second_max = 1000000\n\
    new_keys_per_hour_max = 10000000\nbandwidth_per_circuit_kib_per_second_max = 10000000\n\
    bandwidth_kib_per_second_max = 10000000\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == echo::ARGUMENT) {
        echo::serve(Path::new(&arguments[at + 1]));
        return ExitCode::SUCCESS;
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if !has("--bench") {
        // `cargo test --all-targets` builds without optimising and starts benches too.
        println!("measures nothing outside of `cargo bench --bench onion`");
        return ExitCode::SUCCESS;
    }
    let only = arguments.iter().position(|argument| argument == "--only").map(|at| arguments[at + 1].as_str());
    let scale = if has("--quick") { QUICK } else { FULL };
    let mut report = Report::new(
        serde_json::json!({"lanes": scale.lanes, "circuits": scale.circuits, "turns": scale.turns, "stored": STORED}),
    );
    measure(scale, |part| only.is_none_or(|only| only == part), &mut report);
    report.conclude(has("--json"))
}

fn measure(scale: Scale, wanted: impl Fn(&str) -> bool, report: &mut Report) {
    let settings = Settings {
        key_cache: option_env!("CARGO_TARGET_TMPDIR").map(PathBuf::from),
        progress: Arc::new(|line: &str| eprintln!("{line}")),
        ..Settings::default()
    };
    let network = TorNetwork::start(settings).unwrap_or_else(|error| panic!("{error}"));
    let client = network.daemon("client", CLIENT_TORRC).unwrap_or_else(|error| panic!("{error}"));

    let extra = format!("[tor]\nnetwork = \"{}\"\n{LIMITS}", network.network_file().display());
    let mut introducer = Introducer::prepared(&extra);
    records::fill(&introducer.state(), STORED, 0);
    introducer.launch();
    let echo = Echo::start(&extra);
    let sockets = Sockets { introducer: introducer.socket(), echo: echo.socket() };
    let asked = Asked::new(STORED);

    let direct = [Place::Socket(sockets.introducer.clone()), Place::Socket(sockets.echo.clone())];
    describe("no Tor", &turns::measure(&direct, NO_TOR, &asked), None, report);
    report.add(row("no Tor", "append of 4 KiB + fdatasync", flush_micros() / 1e3, "ms"));

    let socks = client.socks_path();
    if wanted("c-tor") {
        let hosts = Hosts::c_tor(&network, &sockets, &socks);
        compare("C tor", &hosts, scale, &asked, report);
    }
    if wanted("embedded") {
        let hosts = Hosts::embedded([introducer.config(), echo.config()], &socks);
        compare("embedded", &hosts, scale, &asked, report);
    }
}

fn compare(part: &'static str, hosts: &Hosts, scale: Scale, asked: &Asked, report: &mut Report) {
    report.add(row(part, "start to a client's first stream, nothing cached", hosts.reachable_seconds, "s"));
    describe(part, &turns::measure(&hosts.places, scale, asked), Some(SHARE_MAX), report);
}

fn describe(part: &'static str, compared: &[Compared], share_max: Option<f64>, report: &mut Report) {
    for Compared { name, operations, introducer, echo, ratio_error } in compared {
        let title = format!("{name}, median of {operations}");
        let row_of_both = row(part, title, *introducer, "ms").against("echo of as many bytes", *echo);
        let Some(share) = share_max else {
            report.add(row_of_both);
            continue;
        };
        report.add(row_of_both.goal(Goal::AtMost(echo * share)));
        report.add(row(part, "… standard error of the ratio", *ratio_error, "x"));
    }
}
