//! What in a trace a process of this program has no business with. Traces are of runs without the sandbox, so that a mere
//! attempt counts.

use std::{collections::BTreeMap, path::Path};

use super::trace::Call;

/// What a process could learn an address or a name with, for strace's `-e trace=`.
pub const TRACED: &str = "%network,%process,uname,sysinfo,ioctl,openat,openat2,open,readlink,readlinkat,io_uring_setup,\
                          io_uring_enter,setns,pidfd_getfd,inotify_init1,sethostname,bpf,perf_event_open";
/// Calls that have no place in any process.
const FORBIDDEN: [&str; 11] = [
    "uname",
    "sysinfo",
    "getsockname",
    "io_uring_setup",
    "io_uring_enter",
    "setns",
    "pidfd_getfd",
    "sethostname",
    "bpf",
    "perf_event_open",
    "fork",
];
/// Folders of programs and libraries, and what the C library and Rust read of the process itself.
const SYSTEM: [&str; 9] = [
    "/lib/",
    "/lib64/",
    "/usr/lib/",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/proc/self/",
    "/sys/fs/cgroup/",
    "/dev/null",
    "/sys/devices/system/cpu/",
];
/// arti's default configuration, once, before the first connection: who am I, by number, and how much memory is there.
const ARTI: [&str; 6] =
    ["/dev/urandom", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/proc/stat", "/proc/meminfo"];

/// Of introducer, supervisor and client. `own` are their directories and files.
pub fn unix_only_findings(calls: &[Call], own: &[&Path]) -> Vec<String> {
    let opened = Opened::new(calls, own);
    let suspicious = calls.iter().filter(|call| match call.name.as_str() {
        "socket" | "socketpair" => !call.arguments.starts_with("AF_UNIX"),
        "bind" | "connect" | "sendto" | "sendmsg" | "sendmmsg" => {
            call.arguments.contains("sa_family=AF_") && !call.arguments.contains("sa_family=AF_UNIX")
        }
        "ioctl" => call.arguments.contains("SIOCG"),
        name if OPEN.contains(&name) => opened.is_foreign(call, &[]),
        // Connections of AF_UNIX have no other end that could be asked for, and SOCKS needs none.
        name => name == "getpeername" || FORBIDDEN.contains(&name),
    });
    suspicious.map(Call::to_string).collect()
}

/// Of the embedded Tor, which starts no program: TCP to relays, all of them on 127.0.0.0/8, and AF_UNIX.
pub fn carrier_findings(calls: &[Call], own: &[&Path]) -> Vec<String> {
    let opened = Opened::new(calls, own);
    // Where the trace begins with it, the first is its own.
    let started = calls.iter().position(|call| call.name == "execve").map_or(0, |first| first + 1);
    let is_unix = |before: &Call| {
        let file = before.file().split('<').next().and_then(|number| number.parse().ok());
        // What it was handed down listens already.
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
        "bind" | "listen" => !is_unix(call),
        "sendto" | "sendmsg" | "sendmmsg" => call.arguments.contains("sa_family=AF_"),
        "ioctl" => call.arguments.contains("SIOCG"),
        // The directories above its own are looked at: nobody else may be able to replace them.
        name if OPEN.contains(&name) => opened.is_foreign(call, &ARTI) && !opened.is_above(call),
        name => ["execve", "execveat"].contains(&name) || FORBIDDEN.contains(&name),
    });
    suspicious.map(Call::to_string).collect()
}

const OPEN: [&str; 5] = ["open", "openat", "openat2", "readlink", "readlinkat"];

/// Which files calls name.
struct Opened {
    own: Vec<String>,
    /// Where the process is, as strace tells with the first call that says so.
    current: String,
}

impl Opened {
    fn new(calls: &[Call], own: &[&Path]) -> Self {
        let current = calls.iter().find_map(|call| call.file().strip_prefix("AT_FDCWD<")?.strip_suffix('>'));
        Self {
            own: own.iter().map(|path| path.display().to_string()).collect(),
            current: current.unwrap_or_default().to_owned(),
        }
    }

    /// Neither below what is its own, nor the system's, nor in `besides`.
    fn is_foreign(&self, call: &Call, besides: &[&str]) -> bool {
        let path = call.text().unwrap_or_default();
        // Below a directory that was opened before, or the current one.
        let directory = call.file().split_once('<').map_or(self.current.as_str(), |(_, directory)| directory);
        let from = if path.starts_with('/') { path } else { directory };
        let is_own = self.own.iter().any(|own| from.starts_with(own)) && !path.contains("..");
        !is_own && !SYSTEM.iter().chain(besides).any(|allowed| path.starts_with(allowed))
    }

    fn is_above(&self, call: &Call) -> bool {
        call.text().is_some_and(|path| path.starts_with('/') && self.own.iter().any(|own| own.starts_with(path)))
    }
}

/// The calls of each process in the trace of a tree of them, by the first of `roles` in its arguments. Who is started as
/// something else counts to whom started it.
pub fn by_role<'a>(calls: &[Call], roles: &[&'a str]) -> BTreeMap<&'a str, Vec<Call>> {
    // For each task what it was started as, from which line on, and by whom.
    let (mut programs, mut parents) = (BTreeMap::new(), BTreeMap::new());
    for call in calls.iter().filter(|call| call.result >= 0) {
        match call.name.as_str() {
            "execve" => {
                let role = roles.iter().find(|role| call.arguments.contains(&format!("\"{role}\"")));
                programs.insert(call.task, (call.begun, *role.expect("every program of the tree has a role")));
            }
            "clone" | "clone3" | "fork" | "vfork" => {
                parents.insert(u32::try_from(call.result).expect("a number of a task"), (call.task, call.begun));
            }
            _ => {}
        }
    }
    let role = |mut task: u32, mut line: usize| loop {
        match (programs.get(&task), parents.get(&task)) {
            (Some((since, role)), _) if *since < line => break *role,
            // Whoever starts a program answers for that.
            (_, Some((parent, begun))) => (task, line) = (*parent, *begun),
            (Some((_, role)), None) => break *role,
            _ => panic!("task {task} of line {line} was started by nobody"),
        }
    };
    let mut found = BTreeMap::<_, Vec<Call>>::new();
    for call in calls {
        found.entry(role(call.task, call.begun)).or_default().push(call.clone());
    }
    found
}
