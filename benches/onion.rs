//! What an introducer adds to Tor: publish and lookup through an onion service against a bare echo through another one of
//! the same kind, in turn, for both carriers, in a private Tor network of this machine.
//!
//! `cargo bench --bench onion` takes a few minutes and needs the installed `tor`; `-- --quick` does a tenth and is for
//! development, `-- --json` prints numbers for a program, `-- --only embedded` (or c-tor) measures one carrier. Requests and
//! answers are the introducer's, byte for byte as long at the echo; every stream has a circuit of its own, as the client's
//! roles do, and is warm before anything counts. A median is of many circuits: one can be longer than the next.
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
    /// One after the other, each with four new circuits.
    circuits: usize,
    /// Operations of each kind on each.
    turns: usize,
}

const FULL: Scale = Scale { circuits: 50, turns: 5 };
const QUICK: Scale = Scale { circuits: 5, turns: 5 };

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
    let mut report =
        Report::new(serde_json::json!({"circuits": scale.circuits, "turns": scale.turns, "stored": STORED}));
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
    let mut asked = Asked::new(STORED);

    let direct = [Place::Socket(sockets.introducer.clone()), Place::Socket(sockets.echo.clone())];
    describe("no Tor", &turns::measure(&direct, scale, &mut asked), None, report);
    report.add(row("no Tor", "append of 4 KiB + fdatasync", flush_micros() / 1e3, "ms"));

    let socks = client.socks_path();
    if wanted("c-tor") {
        let hosts = Hosts::c_tor(&network, &sockets, &socks);
        compare("C tor", &hosts, scale, &mut asked, report);
    }
    if wanted("embedded") {
        let hosts = Hosts::embedded([introducer.config(), echo.config()], &socks);
        compare("embedded", &hosts, scale, &mut asked, report);
    }
}

fn compare(part: &'static str, hosts: &Hosts, scale: Scale, asked: &mut Asked, report: &mut Report) {
    report.add(row(part, "start to a client's first stream, nothing cached", hosts.reachable_seconds, "s"));
    describe(part, &turns::measure(&hosts.places, scale, asked), Some(SHARE_MAX), report);
}

fn describe(part: &'static str, compared: &[Compared], share_max: Option<f64>, report: &mut Report) {
    for Compared { name, operations, introducer, echo, ratio_error } in compared {
        let title = format!("{name}, median of {operations}");
        let row_of_both = row(part, title, *introducer, "ms").against("echo of as many bytes", *echo);
        report.add(match share_max {
            Some(share) => row_of_both.goal(Goal::AtMost(echo * share)),
            None => row_of_both,
        });
        report.add(row(part, "… standard error of the ratio", *ratio_error, "x"));
    }
}
