//! Nothing that leaves this program tells where it runs. Shown on machines that are made for it: network namespaces whose
//! addresses and names occur nowhere else, so that each of them is recognised wherever and however it is written.
//!
//! Whoever runs these tests has to be root: they make namespaces, capture packets and attach a tracer.

mod canary;
mod capture;
mod clean;
mod crashes;
mod job;
mod leaks;
mod machine;
mod planted;
#[expect(dead_code, reason = "other tests look at who asked for what, too")]
#[path = "../support/socks.rs"]
mod socks;
mod stage;
mod tap;
#[cfg(all(feature = "carrier-tor", feature = "rehearse"))]
mod tor;
#[cfg(all(feature = "carrier-tor", feature = "rehearse"))]
#[path = "../support/tornet/mod.rs"]
mod tornet;
#[expect(dead_code, reason = "other tests look at when a call was done, too")]
#[path = "../support/trace.rs"]
mod trace;
mod traced;
#[cfg_attr(
    not(all(feature = "carrier-tor", feature = "rehearse")),
    expect(dead_code, reason = "there is no tree of processes in this build")
)]
#[path = "../support/verdict.rs"]
mod verdict;

// The auditor's own eyes: one list of encodings, one search.
#[path = "../../src/audit/host/needles.rs"]
mod needles;
#[path = "../../src/audit/scan.rs"]
mod scan;
