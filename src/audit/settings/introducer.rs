//! introducer.toml.

use std::path::Path;

use super::lines::Lines;
use crate::{
    audit::{file, finding::Report, rule::rules},
    config::{CarrierKind, IntroducerConfig, LookupRule, WatchRule},
};

/// Who may open the socket: not everybody.
const SOCKET_OTHERS: u32 = 0o007;
/// The rest belongs to tor and to the kernel's pages of the database.
const MEMORY_SHARE: u64 = 2;

rules! {
    CLEARNET = "introducer-clearnet", Leak:
        "records may name addresses on the open internet: every reader learns where those nodes are"
        => "remove `clearnet = true` unless every node of this grid is public anyway";
    SANDBOX_OFF = "introducer-sandbox-off", Leak:
        "the kernel holds the process to nothing: whoever breaks into it can open any socket and read any file of its user"
        => "remove `sandbox = \"off\"`";
    SANDBOX_PART = "introducer-sandbox-part", Weak:
        "the kernel does not hold the process to its own files, nor to a network without interfaces"
        => "remove `sandbox = \"seccomp\"`, unless this machine refuses to start with more";
    CARRIER_ROOT = "introducer-carrier-root", Weak:
        "streams of processes of root are taken for Tor's; a tor that runs as root gives the machine to who breaks into it"
        => "run tor as a user of its own, and write that user's id in carrier_uids";
    SOCKET_OTHERS_MAY = "introducer-socket-mode", Weak:
        "every local process can open the introducer's socket; only the kernel's word on its user keeps it out then"
        => "set socket_mode = \"0660\"";
    LOOKUP_EXACT = "introducer-lookup-exact", Weak:
        "clients are asked to name the node they look for: the introducer learns who wants to meet whom"
        => "remove `mode = \"exact\"`";
    WATCH_IMMEDIATE = "introducer-watch-immediate", Weak:
        "changes are sent at once: whoever watches learns to the second when a node publishes, and so when it is up"
        => "remove `delivery = \"immediate\"`";
    STATE_MODE = "introducer-state-mode", Weak:
        "other users of this machine can enter the state directory: they can read every record or take some away"
        => "run: chmod 0700 on it";
    TOR_NETWORK = "introducer-tor-network", Leak:
        "Tor inside this program joins the network of that file, not the Tor network: whoever runs it can see who comes"
        => "remove `network` from [tor]: it is for rehearsals";
    TOR_STATE_MODE = "introducer-tor-state-mode", Weak:
        "other users of this machine can enter the directory with the key of the onion address: whoever has it is the service"
        => "run: chmod 0700 on it";
    MEMORY = "introducer-memory", Weak:
        "with these limits a full directory needs more than half of this machine's memory: strangers can end the process"
        => "lower records_max, evidence_max or streams_max in [limits]";
}

/// `memory_bytes`: how much this machine has, when that is known.
pub(in crate::audit) fn examine(file: &Path, memory_bytes: Option<u64>, report: &mut Report) {
    let Some(text) = file::text(file, report) else { return };
    let config = match IntroducerConfig::parse(&text, file) {
        Ok(config) => config,
        Err(error) => return super::refuse(file, &error, report),
    };
    let Some(lines) = Lines::parse(&text, file) else { return };
    judge_access(&config, &lines, report);
    judge_habits(&config, &lines, report);
    super::judge_sandbox(config.sandbox, &SANDBOX_OFF, &SANDBOX_PART, &lines, report);
    super::judge_directory(&config.state, &STATE_MODE, report);
    super::judge_network(&config.tor, &TOR_NETWORK, &lines, report);
    if config.carrier == CarrierKind::Tor {
        super::judge_directory(&config.tor.state, &TOR_STATE_MODE, report);
    }
    if let Some(memory_bytes) = memory_bytes {
        judge_memory(&config, memory_bytes, &lines, report);
    }
}

fn judge_access(config: &IntroducerConfig, lines: &Lines<'_>, report: &mut Report) {
    if config.policy.addresses.clearnet {
        report.find(&CLEARNET, lines.place(&["addresses", "clearnet"]), "clearnet = true");
    }
    // Without the key it is whoever runs the service, which the audit's own user says nothing about.
    if lines.value(&["carrier_uids"]).is_some() && config.carrier_uids.contains(&0) {
        report.find(&CARRIER_ROOT, lines.place(&["carrier_uids"]), "carrier_uids holds 0");
    }
    if config.socket_mode & SOCKET_OTHERS != 0 {
        let found = format!("socket_mode = \"{:04o}\"", config.socket_mode);
        report.find(&SOCKET_OTHERS_MAY, lines.place(&["socket_mode"]), found);
    }
}

fn judge_habits(config: &IntroducerConfig, lines: &Lines<'_>, report: &mut Report) {
    if config.lookup == LookupRule::Exact {
        report.find(&LOOKUP_EXACT, lines.place(&["lookup", "mode"]), "mode = \"exact\"");
    }
    if config.watch == WatchRule::Immediate {
        report.find(&WATCH_IMMEDIATE, lines.place(&["watch", "delivery"]), "delivery = \"immediate\"");
    }
}

fn judge_memory(config: &IntroducerConfig, memory_bytes: u64, lines: &Lines<'_>, report: &mut Report) {
    let needed_bytes = config.held_bytes_max();
    if needed_bytes > memory_bytes / MEMORY_SHARE {
        let (needed_mib, memory_mib) = (needed_bytes >> 20, memory_bytes >> 20);
        report.find(&MEMORY, lines.place(&["limits"]), format!("up to {needed_mib} MiB of {memory_mib} MiB"));
    }
}
