//! What a process asks the kernel for, as strace writes it down.

use std::{collections::BTreeMap, fs, path::Path};

/// What a process could learn an address or a name with.
pub const AF_UNIX_TRACED: &str = "%network,%process,uname,sysinfo,ioctl,openat,openat2,open,readlink,readlinkat,io_uring_setup,\
                      io_uring_enter,setns,pidfd_getfd,sethostname,bpf,perf_event_open";
/// Calls that have no place in a process that knows AF_UNIX alone.
const FORBIDDEN: [&str; 12] = [
    "uname",
    "sysinfo",
    "getsockname",
    "getpeername",
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

/// A system call. Positions are lines: another thread's call may lie between its beginning and its end.
#[derive(Clone, Debug)]
pub struct Call {
    pub begun: usize,
    pub done: usize,
    pub name: String,
    pub arguments: String,
    pub result: i64,
}

impl Call {
    /// The first argument, an open file with what it stands for: `7<socket:[1234]>`.
    pub fn file(&self) -> &str {
        let end = self.arguments.find('>').map_or(self.arguments.len(), |end| end + 1);
        &self.arguments[..end]
    }

    /// The first text argument, such as a path.
    pub fn text(&self) -> Option<&str> {
        self.arguments.split('"').nth(1)
    }
}

/// Everything in a trace that introducer, supervisor and client have no business with. `own` are the directories of theirs.
pub fn unix_only_findings(calls: &[Call], own: &[&Path]) -> Vec<String> {
    let suspicious = calls.iter().filter(|call| match call.name.as_str() {
        "socket" | "socketpair" => !call.arguments.starts_with("AF_UNIX"),
        "bind" | "connect" | "sendto" | "sendmsg" => {
            call.arguments.contains("sa_family=AF_") && !call.arguments.contains("sa_family=AF_UNIX")
        }
        "ioctl" => call.arguments.contains("SIOCG"),
        "open" | "openat" | "openat2" | "readlink" | "readlinkat" => {
            let path = call.text().unwrap_or_default();
            // Below a directory that was opened before, or the current one. Which one that is, some calls do not say.
            let directory = call.file().split_once('<').map_or("", |(_, directory)| directory);
            let is_own = own.iter().any(|own| match path.starts_with('/') {
                true => path.starts_with(&own.display().to_string()),
                false if directory.is_empty() => own.join(path).exists(),
                false => directory.starts_with(&own.display().to_string()),
            });
            let is_own = is_own && !path.contains("..");
            !is_own && !SYSTEM.iter().any(|allowed| path.starts_with(allowed))
        }
        name => FORBIDDEN.contains(&name),
    });
    suspicious.map(|call| format!("{}({}) = {}", call.name, call.arguments, call.result)).collect()
}

/// Words in front of a command. `calls` as of strace's `-e trace=`.
pub fn strace(calls: &str, to: &Path) -> Vec<String> {
    let to = to.display().to_string();
    ["strace", "-f", "-qq", "-y", "-s", "256", "-e", &format!("trace={calls}"), "-e", "signal=none", "-o", &to]
        .map(String::from)
        .to_vec()
}

/// Reads the whole of a trace.
pub fn parse(file: &Path) -> Vec<Call> {
    let text = fs::read_to_string(file).expect("strace wrote a trace");
    let (mut calls, mut unfinished) = (Vec::new(), BTreeMap::new());
    for (line, text) in text.lines().enumerate() {
        let Some((process, rest)) = text.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            unfinished.insert(process, (line, begun.trim_end().to_string()));
        } else if rest.starts_with("<... ") {
            let (Some((begun, head)), Some((_, tail))) = (unfinished.remove(process), rest.split_once("resumed>"))
            else {
                panic!("a call without a beginning: {text}");
            };
            calls.extend(call(begun, line, &format!("{head}{tail}")));
        } else {
            calls.extend(call(line, line, rest));
        }
    }
    // Calls that never came back, such as one that ended the process.
    calls.extend(unfinished.into_values().filter_map(|(begun, head)| call(begun, usize::MAX, &format!("{head}) = ?"))));
    calls.sort_by_key(|call| call.begun);
    calls
}

fn call(begun: usize, done: usize, text: &str) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().trim_end_matches(')').to_string();
    // `-1 ENOENT (…)`, `5<socket:[…]>`, `?`.
    let digits = result.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(result.len());
    Some(Call { begun, done, name: name.into(), arguments, result: result[..digits].parse().unwrap_or(-1) })
}
