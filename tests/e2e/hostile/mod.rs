//! Hostile peers: whatever they do, others are served meanwhile, memory stays bounded, and the log stays quiet.

mod deadlines;
mod floods;
mod frames;
mod log;
mod places;
mod siege;
mod streams;

/// Limits that concern no test here, generous; those of streams and bandwidth as shipped, unless `changes` has them.
fn limits(changes: &str) -> String {
    format!(
        "[limits]\nupdates_per_key_per_hour_max = 65535\n{}{changes}",
        if changes.contains("new_keys_per_hour_max") { "" } else { "new_keys_per_hour_max = 10000000\n" }
    )
}

/// For tests that count an introducer's open files: under the sandbox an ordinary user may not look at them.
const COUNTABLE: &str = "sandbox = \"off\"\n";

/// What takes bandwidth out of the picture.
const WIDE: &str = "bandwidth_per_circuit_kib_per_second_max = 1000000\nbandwidth_kib_per_second_max = 1000000\n";
