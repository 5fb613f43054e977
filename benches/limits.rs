//! How near the introducer comes to what this machine can do: both measured in one run, side by side.
//!
//! `cargo bench --bench limits` fills a million records (two to four minutes on two cores); `-- --quick` takes less than
//! one and is for development. `-- --json` prints numbers for a program, `-- --only publish` (or lookup, listing,
//! granted, sandbox, watch, large) does one part, `-- --stored 200000` takes another size of the full store. Everything goes
//! over AF_UNIX to a real introducer process; CPU time is the kernel's account of that process. It fails when a goal is
//! missed.
#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench talks to its user, starts processes, reads clocks, and a failure of any part ends it"
)]

#[path = "limits/drive.rs"]
mod drive;
#[path = "limits/granted.rs"]
mod granted;
#[path = "limits/large.rs"]
mod large;
#[path = "limits/listing.rs"]
mod listing;
#[path = "limits/lookup.rs"]
mod lookup;
#[path = "limits/machine.rs"]
mod machine;
#[path = "limits/peer.rs"]
mod peer;
#[path = "limits/publish.rs"]
mod publish;
#[path = "limits/records.rs"]
mod records;
#[path = "limits/report.rs"]
mod report;
#[path = "limits/sandbox.rs"]
mod sandbox;
#[expect(dead_code, reason = "shared with the end-to-end tests, which use all of it")]
#[path = "../tests/support/mod.rs"]
mod support;
#[path = "limits/watching.rs"]
mod watching;

use std::process::ExitCode;

use report::Report;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Records published over the socket, half of them with 64 in flight, half with 256.
    pub published: usize,
    /// Lookups of each kind.
    pub lookups: usize,
    /// Records written to the store directly, for restart and memory.
    pub stored: usize,
    /// Signatures for the machine's own rate.
    pub signatures: usize,
    /// Changes that watchers wait for.
    pub watched_changes: usize,
}

impl Scale {
    fn json(self) -> serde_json::Value {
        serde_json::json!({
            "published": self.published, "lookups": self.lookups, "stored": self.stored,
            "signatures": self.signatures, "watched_changes": self.watched_changes,
        })
    }
}

const FULL: Scale =
    Scale { published: 100_000, lookups: 200_000, stored: 1_000_000, signatures: 100_000, watched_changes: 100 };
const QUICK: Scale =
    Scale { published: 10_000, lookups: 20_000, stored: 30_000, signatures: 10_000, watched_changes: 20 };

/// A measured number is the median of so many rounds.
pub const ROUNDS: usize = 5;
/// Streams of the watchers' part, in this process and in the introducer's, and some to spare.
const FILES_MIN: u64 = 4096;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--peer") {
        peer::serve(&arguments[at + 1..]);
        return ExitCode::SUCCESS;
    }
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    if !has("--bench") {
        // `cargo test --all-targets` builds without optimising and starts benches too.
        println!("measures nothing outside of `cargo bench --bench limits`");
        return ExitCode::SUCCESS;
    }
    let value =
        |name: &str| arguments.iter().position(|argument| argument == name).map(|at| arguments[at + 1].as_str());
    let mut scale = if has("--quick") { QUICK } else { FULL };
    if let Some(stored) = value("--stored") {
        scale.stored = stored.parse().expect("--stored takes a number");
    }
    let only = value("--only");
    let wanted = |part: &str| only.is_none_or(|only| only == part);
    raise_file_limit();

    let mut report = Report::new(scale.json());
    let machine = machine::Machine::measure(scale.signatures);
    machine.describe(&mut report);
    if wanted("publish") || wanted("lookup") || wanted("listing") {
        let filled = publish::measure(scale, &machine, &mut report);
        if wanted("lookup") {
            lookup::measure(scale, &filled.target(), filled.records, &mut report);
        }
        if wanted("listing") {
            listing::measure(&filled, &mut report);
        }
    }
    if wanted("granted") {
        granted::measure(scale, &mut report);
    }
    if wanted("sandbox") {
        sandbox::measure(scale, &mut report);
    }
    if wanted("watch") {
        watching::measure(scale, &mut report);
    }
    if wanted("large") {
        large::measure(scale, &machine, &mut report);
    }
    report.conclude(has("--json"))
}

fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < FILES_MIN) {
        let raised = Rlimit { current: Some(FILES_MIN), ..limit };
        setrlimit(Resource::Nofile, raised).expect("4,096 open files are within the hard limit");
    }
}
