//! The embedded Tor under the sandbox: what the kernel says of each process, and that nothing is missing.

use std::{collections::BTreeSet, fs};

use crate::{
    carrier::Carrier,
    grid::{Grid, in_network, text},
    network,
};

/// The state of a socket that listens (`include/net/tcp_states.h`), as `/proc/net/tcp` spells it.
const LISTENS: &str = "0A";

/// Holds a process to what `anteroom serve` promises of it; `connects` are the TCP connections that it may have.
pub fn assert_held(pid: i64, connects: bool) {
    // Every thread: a filter that was put around one alone would hold nothing.
    for thread in fs::read_dir(format!("/proc/{pid}/task")).expect("the process runs") {
        // A helper thread may have ended meanwhile.
        let Ok(status) = fs::read_to_string(thread.expect("a thread").path().join("status")) else { continue };
        for line in ["Seccomp:\t2", "NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000"] {
            assert!(status.lines().any(|told| told == line), "{line} is not in {status}");
        }
    }
    let files = fs::read_dir(format!("/proc/{pid}/fd")).expect("this test is root, or the process can be looked at");
    let own: BTreeSet<String> = files
        .filter_map(|file| fs::read_link(file.ok()?.path()).ok()?.to_str().map(str::to_owned))
        .filter_map(|target| Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    assert!(!own.is_empty(), "process {pid} has its lifeline at the least");
    for (table, allowed) in [("tcp", connects), ("tcp6", connects), ("udp", false), ("udp6", false), ("raw", false)] {
        // A kernel without IPv6 has fewer tables.
        let Ok(lines) = fs::read_to_string(format!("/proc/{pid}/net/{table}")) else { continue };
        for line in lines.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            assert!(!own.contains(fields[9]) || (allowed && fields[3] != LISTENS), "{table} of {pid}: {line}");
        }
    }
}

/// `kill` ends a process at the first call that is not in its list, so that what arti quietly does without is seen, too.
#[test]
fn a_carrier_does_its_whole_job_without_a_call_that_is_not_in_the_list() {
    let network = network();
    let grid = Grid::start(&[("[tor]\n", &in_network(network))]);
    let own = grid.directory.path().to_path_buf();
    let config = grid.path("introducer.toml");
    let mut service = Carrier::start(&own.join("service.log"), &["--config", text(&config), "--sandbox", "kill"]);
    let address = service.wait_reachable();
    let socks = own.join("socks");
    let node = grid.node("node", &address, &socks);
    node.offers_storage("alice");
    node.enter(network);
    let mut client = Carrier::start(
        &own.join("client.log"),
        &["--client", "--config", text(&node.config), "--socks", text(&socks), "--sandbox", "kill"],
    );
    client.wait_online();
    node.run_when_reachable(&["about"]);
    node.run(&["node", "publish"]);
    assert_eq!(node.objects(&["list", "--json"]).len(), 1);
    for carrier in [&service, &client] {
        assert_held(i64::from(carrier.pid()), true);
    }
    service.signal("-HUP");
    node.run_when_reachable(&["about"]);
    assert!(client.terminate().success());
    assert!(service.terminate().success());
    assert!(!socks.exists(), "the socket goes with its carrier");
}
