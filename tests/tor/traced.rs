//! What the embedded Tor asks the kernel for: TCP to relays, AF_UNIX, its own files, and nothing that knows a name or an
//! address of this machine.

use std::{collections::BTreeSet, path::Path};

use crate::{
    carrier::Carrier,
    grid::{Grid, in_network, text},
    network,
    trace::{Call, parse, strace},
};

const TRACED: &str = "%network,%process,uname,sysinfo,ioctl,openat,openat2,open,readlink,readlinkat,io_uring_setup,setns,\
                      inotify_init1,sethostname,bpf,perf_event_open";
/// Calls that have no place in a carrier.
const FORBIDDEN: [&str; 10] = [
    "execve",
    "execveat",
    "uname",
    "sysinfo",
    "getsockname",
    "io_uring_setup",
    "setns",
    "sethostname",
    "bpf",
    "perf_event_open",
];
/// Folders of programs and libraries, and what the C library and Rust read of the process itself.
const SYSTEM: [&str; 14] = [
    "/lib/",
    "/lib64/",
    "/usr/lib/",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/proc/self/",
    "/sys/fs/cgroup/",
    "/dev/null",
    "/dev/urandom",
    // arti's default configuration, once, before the first connection: who am I, by number, and how much memory is there.
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/group",
    "/proc/stat",
    "/proc/meminfo",
];

fn findings(calls: &[Call], own: &Path) -> Vec<String> {
    let network = text(network().network_file());
    let own = own.display().to_string();
    // The first execve is strace's, of the carrier itself.
    let started = calls.iter().position(|call| call.name == "execve").map_or(0, |first| first + 1);
    let unix = |before: &Call| {
        let file = before.file().split('<').next().and_then(|number| number.parse().ok());
        let made = calls
            .iter()
            .rev()
            .find(|call| call.begun < before.begun && call.name == "socket" && Some(call.result) == file);
        made.is_some_and(|call| call.arguments.starts_with("AF_UNIX"))
    };
    let suspicious = calls[started..].iter().filter(|call| match call.name.as_str() {
        "socket" | "socketpair" => {
            let tcp = ["AF_INET, SOCK_STREAM", "AF_INET6, SOCK_STREAM"];
            !call.arguments.starts_with("AF_UNIX") && !tcp.iter().any(|start| call.arguments.starts_with(start))
        }
        "connect" => {
            let relay = call.arguments.contains("sin_addr=inet_addr(\"127.");
            !relay && !call.arguments.contains("sa_family=AF_UNIX")
        }
        "bind" | "listen" => !unix(call),
        "sendto" | "sendmsg" | "sendmmsg" => call.arguments.contains("sa_family=AF_"),
        "ioctl" => call.arguments.contains("SIOCG"),
        "open" | "openat" | "openat2" | "readlink" | "readlinkat" => {
            let path = call.text().unwrap_or_default();
            if !path.starts_with('/') {
                // Below a directory that was opened before.
                return !call.file().contains(&format!("<{own}"));
            }
            // The directories above its own are looked at: nobody else may be able to replace them.
            !path.starts_with(&own)
                && !own.starts_with(path)
                && path != network
                && !SYSTEM.iter().any(|allowed| path.starts_with(allowed))
        }
        name => FORBIDDEN.contains(&name),
    });
    suspicious.map(|call| format!("{}({}) = {}", call.name, call.arguments, call.result)).collect()
}

#[test]
fn a_carrier_opens_tcp_to_relays_and_af_unix_and_nothing_else() {
    let network = network();
    let grid = Grid::start(&[("[tor]\n", &in_network(network))]);
    let own = grid.directory.path().to_path_buf();
    let (traced_service, traced_client) = (own.join("service.trace"), own.join("client.trace"));
    let config = grid.path("introducer.toml");
    // Without the sandbox, so that a mere attempt counts, and its own attempts do not.
    let mut service = Carrier::start_within(
        &strace(TRACED, &traced_service),
        &own.join("service.log"),
        &["--config", text(&config), "--sandbox", "off"],
    );
    let address = service.wait_reachable();
    let socks = own.join("socks");
    let node = grid.node("node", &address, &socks);
    node.offers_storage("alice");
    node.enter(network);
    let mut client = Carrier::start_within(
        &strace(TRACED, &traced_client),
        &own.join("client.log"),
        &["--client", "--config", text(&node.config), "--socks", text(&socks), "--sandbox", "off"],
    );
    client.wait_online();
    node.run_when_reachable(&["about"]);
    node.run(&["node", "publish"]);
    assert_eq!(node.objects(&["list", "--json"]).len(), 1);
    assert!(client.terminate().success());
    assert!(service.terminate().success());
    for trace in [traced_service, traced_client] {
        let calls = parse(&trace);
        let names: BTreeSet<_> = calls.iter().map(|call| call.name.as_str()).collect();
        println!("{}: {names:?}", trace.display());
        assert!(calls.iter().any(|call| call.name == "connect" && call.arguments.contains("127.")), "it uses Tor");
        assert_eq!(findings(&calls, &own), Vec::<String>::new());
    }
}
