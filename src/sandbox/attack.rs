//! What a process tries after it was locked, to see that it is refused.
//!
//! Nothing here can leak when the lock failed: sockets are made and closed and never used; every other call is made with
//! arguments that lead nowhere (no descriptor, no process, no address, no name), so that it fails in the kernel where it is
//! let through. Being let through is what is looked for: the list answers `ENOSYS`, a call itself another error.

use std::{fmt, fs, io};

use libc::{c_int, c_long};

use super::{Layer, Profile, syscall};

/// One attempt and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Attempt {
    /// What was tried.
    pub name: &'static str,
    /// What has to deny it where it is applied; `None` for what no layer can deny.
    pub layer: Option<Layer>,
    /// Whether it was denied.
    pub denied: bool,
    /// What the kernel answered, in words.
    pub answer: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match (self.denied, self.layer) {
            (true, _) => "denied",
            (false, Some(_)) => "NOT DENIED",
            (false, None) => "can't be denied",
        };
        write!(f, "{end:<15} {:<48} {}", self.name, self.answer)
    }
}

/// Attacks this process as `profile` must withstand it.
pub fn attack(profile: Profile) -> Vec<Attempt> {
    ATTACKS.iter().filter(|attack| attack.of.contains(&profile)).map(Attack::attempt).collect()
}

const ALL: &[Profile] = &Profile::ALL;
const LOCKED: &[Profile] = &[Profile::UnixAccept, Profile::UnixConnect, Profile::EgressTcp];
const UNIX: &[Profile] = &[Profile::UnixAccept, Profile::UnixConnect];
const TCP: &[Profile] = &[Profile::EgressTcp, Profile::Supervisor];
const ACCEPT: &[Profile] = &[Profile::UnixAccept];
const CONNECT: &[Profile] = &[Profile::UnixConnect];

struct Attack {
    name: &'static str,
    of: &'static [Profile],
    attempt: Try,
}

enum Try {
    Socket(c_int, c_int, c_int),
    Call(c_long, [i32; 6]),
    Read(&'static str),
    /// Whether a path exists: shown for what it is.
    Exists(&'static str),
}

const fn socket(of: &'static [Profile], name: &'static str, domain: c_int, kind: c_int, protocol: c_int) -> Attack {
    Attack { name, of, attempt: Try::Socket(domain, kind, protocol) }
}

const fn call(of: &'static [Profile], name: &'static str, number: c_long, arguments: [i32; 6]) -> Attack {
    Attack { name, of, attempt: Try::Call(number, arguments) }
}

const fn read(name: &'static str, path: &'static str) -> Attack {
    Attack { name, of: LOCKED, attempt: Try::Read(path) }
}

// What the C library's bindings lack on one of the architectures, or altogether.
const IPPROTO_MPTCP: c_int = 262;
const IPPROTO_SCTP: c_int = 132;
const AF_BLUETOOTH: c_int = 31;
const AF_ALG: c_int = 38;
const AF_VSOCK: c_int = 40;
const AF_XDP: c_int = 44;
const SIOCGIFCONF: i32 = 0x8912;
const SIOCGIFHWADDR: i32 = 0x8927;
/// Neither of these exists together, so that a kernel that looks at them starts no process.
const CLONE_NOTHING: i32 = libc::CLONE_NEWUSER | libc::CLONE_FS;
const NONE: [i32; 6] = [0; 6];
/// No descriptor, no addresses.
const NO_FILE: [i32; 6] = [-1, 0, 0, 0, 0, 0];
const PAGE: i32 = 4096;
const PRIVATE_MEMORY: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;

const ATTACKS: &[Attack] = &[
    // The network.
    socket(UNIX, "a TCP socket (IPv4)", libc::AF_INET, libc::SOCK_STREAM, 0),
    socket(UNIX, "a TCP socket (IPv6)", libc::AF_INET6, libc::SOCK_STREAM, 0),
    socket(ALL, "a UDP socket (IPv4): one's own address, DNS", libc::AF_INET, libc::SOCK_DGRAM, 0),
    socket(ALL, "a UDP socket (IPv6)", libc::AF_INET6, libc::SOCK_DGRAM, 0),
    socket(ALL, "a ping socket", libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
    socket(ALL, "a raw socket (IPv4)", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
    socket(ALL, "a raw socket (IPv6)", libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6),
    socket(ALL, "a multipath TCP socket", libc::AF_INET, libc::SOCK_STREAM, IPPROTO_MPTCP),
    socket(ALL, "an SCTP socket", libc::AF_INET, libc::SOCK_STREAM, IPPROTO_SCTP),
    socket(ALL, "a netlink socket: interfaces, addresses, routes", libc::AF_NETLINK, libc::SOCK_RAW, 0),
    socket(ALL, "a packet socket", libc::AF_PACKET, libc::SOCK_RAW, 0),
    socket(ALL, "a socket of the virtual machine's host", AF_VSOCK, libc::SOCK_STREAM, 0),
    socket(ALL, "a Bluetooth socket", AF_BLUETOOTH, libc::SOCK_RAW, 0),
    socket(ALL, "a socket of the kernel's cryptography", AF_ALG, libc::SOCK_SEQPACKET, 0),
    socket(ALL, "an express data path socket", AF_XDP, libc::SOCK_RAW, 0),
    socket(ALL, "an AF_UNIX datagram socket: syslog, journal", libc::AF_UNIX, libc::SOCK_DGRAM, 0),
    socket(ACCEPT, "an AF_UNIX socket: other daemons", libc::AF_UNIX, libc::SOCK_STREAM, 0),
    call(ACCEPT, "connect", libc::SYS_connect, NO_FILE),
    call(CONNECT, "accept", libc::SYS_accept4, NO_FILE),
    call(ALL, "bind", libc::SYS_bind, NO_FILE),
    call(ALL, "listen", libc::SYS_listen, NO_FILE),
    call(ALL, "getsockname: one's own address", libc::SYS_getsockname, NO_FILE),
    call(UNIX, "getpeername", libc::SYS_getpeername, NO_FILE),
    call(UNIX, "setsockopt", libc::SYS_setsockopt, NO_FILE),
    call(ALL, "setsockopt of IP: source routes, interfaces", libc::SYS_setsockopt, [-1, libc::IPPROTO_IP, 1, 0, 0, 0]),
    call(ALL, "getsockopt of IP", libc::SYS_getsockopt, [-1, libc::IPPROTO_IP, 1, 0, 0, 0]),
    call(TCP, "TCP fast open by sendto", libc::SYS_sendto, [-1, 0, 0, libc::MSG_FASTOPEN, 0, 0]),
    call(TCP, "sendto with an address", libc::SYS_sendto, [-1, 0, 0, 0, 1, 0]),
    call(ALL, "sendmsg: descriptors to others", libc::SYS_sendmsg, NO_FILE),
    call(ALL, "sendmmsg", libc::SYS_sendmmsg, NO_FILE),
    call(ALL, "recvmsg: descriptors from others", libc::SYS_recvmsg, NO_FILE),
    call(ALL, "recvmmsg", libc::SYS_recvmmsg, NO_FILE),
    call(ALL, "ioctl: list of interfaces", libc::SYS_ioctl, [-1, SIOCGIFCONF, 0, 0, 0, 0]),
    call(ALL, "ioctl: address of the network card", libc::SYS_ioctl, [-1, SIOCGIFHWADDR, 0, 0, 0, 0]),
    call(ALL, "fcntl: signals to other processes", libc::SYS_fcntl, [-1, libc::F_SETOWN, 0, 0, 0, 0]),
    // Around the list.
    call(ALL, "io_uring: sockets without the call", libc::SYS_io_uring_setup, NONE),
    call(ALL, "io_uring_enter", libc::SYS_io_uring_enter, NO_FILE),
    call(ALL, "pidfd_getfd: descriptors of others", libc::SYS_pidfd_getfd, NO_FILE),
    call(ALL, "setns: namespaces of others", libc::SYS_setns, NO_FILE),
    call(LOCKED, "unshare", libc::SYS_unshare, NONE),
    call(ALL, "bpf", libc::SYS_bpf, NO_FILE),
    call(ALL, "perf_event_open", libc::SYS_perf_event_open, NO_FILE),
    call(ALL, "userfaultfd", libc::SYS_userfaultfd, NO_FILE),
    call(ALL, "keyctl", libc::SYS_keyctl, NO_FILE),
    // Other programs, other processes, new code.
    call(LOCKED, "execve", libc::SYS_execve, NONE),
    call(ALL, "execveat", libc::SYS_execveat, NO_FILE),
    call(LOCKED, "a new process", libc::SYS_clone, [CLONE_NOTHING, 0, 0, 0, 0, 0]),
    call(ALL, "clone3", libc::SYS_clone3, NONE),
    call(ALL, "ptrace", libc::SYS_ptrace, NO_FILE),
    call(ALL, "process_vm_readv", libc::SYS_process_vm_readv, NO_FILE),
    call(ALL, "process_vm_writev", libc::SYS_process_vm_writev, NO_FILE),
    call(LOCKED, "pidfd_open", libc::SYS_pidfd_open, NO_FILE),
    call(LOCKED, "kill", libc::SYS_kill, NONE),
    call(LOCKED, "tgkill of another process", libc::SYS_tgkill, NO_FILE),
    call(ALL, "tkill", libc::SYS_tkill, NO_FILE),
    call(ALL, "memfd_create", libc::SYS_memfd_create, NONE),
    call(
        LOCKED,
        "memory that can be executed",
        libc::SYS_mmap,
        [0, PAGE, libc::PROT_READ | libc::PROT_EXEC, PRIVATE_MEMORY, -1, 0],
    ),
    call(
        ALL,
        "memory that can be written and executed",
        libc::SYS_mmap,
        [0, PAGE, libc::PROT_WRITE | libc::PROT_EXEC, PRIVATE_MEMORY, -1, 0],
    ),
    call(LOCKED, "mprotect to executable", libc::SYS_mprotect, [0, PAGE, libc::PROT_EXEC, 0, 0, 0]),
    call(ALL, "pkey_mprotect", libc::SYS_pkey_mprotect, [0, PAGE, libc::PROT_EXEC, -1, 0, 0]),
    // The machine.
    call(ALL, "uname: host name, kernel", libc::SYS_uname, NONE),
    call(ALL, "sysinfo: uptime, memory, load", libc::SYS_sysinfo, NONE),
    call(ALL, "syslog: the kernel's log", libc::SYS_syslog, NO_FILE),
    call(ALL, "mount", libc::SYS_mount, NONE),
    call(ALL, "chroot", libc::SYS_chroot, NONE),
    call(ALL, "pivot_root", libc::SYS_pivot_root, NONE),
    call(ALL, "open_by_handle_at", libc::SYS_open_by_handle_at, NO_FILE),
    call(ALL, "fanotify_init", libc::SYS_fanotify_init, NO_FILE),
    call(ALL, "inotify_init1", libc::SYS_inotify_init1, NO_FILE),
    call(ALL, "mknodat", libc::SYS_mknodat, NO_FILE),
    call(ALL, "symlinkat", libc::SYS_symlinkat, [0, -1, 0, 0, 0, 0]),
    call(ALL, "setuid", libc::SYS_setuid, NO_FILE),
    call(ALL, "setgid", libc::SYS_setgid, NO_FILE),
    call(LOCKED, "capset", libc::SYS_capset, NONE),
    call(ALL, "init_module", libc::SYS_init_module, NONE),
    call(ALL, "clock_settime", libc::SYS_clock_settime, NO_FILE),
    call(LOCKED, "sethostname", libc::SYS_sethostname, [0, -1, 0, 0, 0, 0]),
    // What lies in files.
    read("the host's name", "/proc/sys/kernel/hostname"),
    read("the host's name, as configured", "/etc/hostname"),
    read("the machine's id", "/etc/machine-id"),
    read("the id of this boot", "/proc/sys/kernel/random/boot_id"),
    read("the machine's maker and model", "/sys/class/dmi/id/product_name"),
    read("the board's model (device tree)", "/sys/firmware/devicetree/base/model"),
    read("the network card's address", "/sys/class/net/eth0/address"),
    read("routes", "/proc/self/net/route"),
    read("addresses (IPv4)", "/proc/self/net/fib_trie"),
    read("addresses (IPv6)", "/proc/self/net/if_inet6"),
    read("the resolver's configuration", "/etc/resolv.conf"),
    read("the time zone", "/etc/localtime"),
    read("the environment", "/proc/self/environ"),
    read("the processor", "/proc/cpuinfo"),
    read("uptime", "/proc/uptime"),
    read("the kernel's version", "/proc/version"),
    Attack { name: "whether a path exists", of: LOCKED, attempt: Try::Exists("/etc/machine-id") },
];

impl Attack {
    fn attempt(&self) -> Attempt {
        let (layer, denied, answer) = match self.attempt {
            Try::Socket(domain, kind, protocol) => of_call(syscall::attempt_socket(domain, kind, protocol)),
            Try::Call(number, arguments) => of_call(syscall::attempt(number, arguments).map(drop)),
            Try::Read(path) => {
                let opened = fs::File::open(path).map(drop);
                let answer = words(&opened);
                (Some(Layer::Files), opened.is_err(), answer)
            }
            Try::Exists(path) => {
                let found = fs::metadata(path).map(drop);
                (None, false, words(&found))
            }
        };
        Attempt { name: self.name, layer, denied, answer }
    }
}

fn of_call(called: io::Result<()>) -> (Option<Layer>, bool, String) {
    // Any other error is the call's own: the kernel looked at the arguments, so the list had let it through.
    let denied = called.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::ENOSYS));
    let answer = if denied { "not in the list".into() } else { words(&called) };
    (Some(Layer::Calls), denied, answer)
}

fn words(result: &io::Result<()>) -> String {
    match result {
        Ok(()) => "it succeeded".into(),
        Err(error) => error.to_string(),
    }
}
