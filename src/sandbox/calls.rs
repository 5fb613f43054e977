//! The system calls that each profile may make: all of them, by name. What is not here is answered `ENOSYS`.
//!
//! A call may stand in several rows of one list, one for each way in which it is allowed. Rows without conditions allow a
//! call whatever its arguments are, so a call has either one such row or only rows with conditions.

use Condition::{Bits, Is, Null, OwnProcess};

use super::Profile;

/// What an argument must be; arguments count from 0.
#[derive(Clone, Copy, Debug)]
pub(super) enum Condition {
    /// Its lower 32 bits are this.
    Is(u8, u32),
    /// Those of its lower 32 bits that the first number has are those of the second.
    Bits(u8, u32, u32),
    /// No address.
    Null(u8),
    /// This process.
    OwnProcess(u8),
}

/// A call and what all of its arguments must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call(pub(super) &'static str, pub(super) &'static [Condition]);

const fn any(name: &'static str) -> Call {
    Call(name, &[])
}

// Numbers of the kernel's interface that are the same on both architectures (`include/uapi/`).
const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const SOCK_STREAM: u32 = 1;
/// The type without `SOCK_NONBLOCK` and `SOCK_CLOEXEC`.
const SOCK_TYPE: u32 = 0xf;
const IPPROTO_TCP: u32 = 6;
const SOL_SOCKET: u32 = 1;
const SO_TYPE: u32 = 3;
const SO_ERROR: u32 = 4;
const SO_PEERCRED: u32 = 17;
const SO_ACCEPTCONN: u32 = 30;
const SO_DOMAIN: u32 = 39;
const TCP_NODELAY: u32 = 1;
const TCP_INFO: u32 = 11;
const TCP_NOTSENT_LOWAT: u32 = 25;
/// With it `sendto` connects, past whoever watches `connect`.
const MSG_FASTOPEN: u32 = 0x2000_0000;
const CLONE_THREAD: u32 = 0x1_0000;
const PROT_WRITE: u32 = 2;
const PROT_EXEC: u32 = 4;
const PR_SET_NAME: u32 = 15;
const PR_SET_NO_NEW_PRIVS: u32 = 38;
/// Is this a terminal? The second is what newer C libraries ask (glibc 2.42).
const TCGETS: u32 = 0x5401;
const TCGETS2: u32 = 0x802c_542a;
/// How many columns has this terminal?
const TIOCGWINSZ: u32 = 0x5413;
/// Not to be waited for.
const FIONBIO: u32 = 0x5421;
// `fcntl`: what belongs to descriptors, flags and locks of a file; not `F_SETOWN`, which sends signals to others.
const F_GETFD: u32 = 1;
const F_SETFD: u32 = 2;
const F_GETFL: u32 = 3;
const F_SETFL: u32 = 4;
const F_GETLK: u32 = 5;
const F_SETLK: u32 = 6;
const F_SETLKW: u32 = 7;
const F_OFD_GETLK: u32 = 36;
const F_OFD_SETLK: u32 = 37;
const F_OFD_SETLKW: u32 = 38;
const F_DUPFD_CLOEXEC: u32 = 1030;
/// Names for anonymous memory, which the C library gives.
const PR_SET_VMA: u32 = 0x5356_4d41;

const ONLY_UNIX_STREAMS: &[Condition] = &[Is(0, AF_UNIX), Bits(1, SOCK_TYPE, SOCK_STREAM)];
const NO_NEW_CODE: &[Condition] = &[Bits(2, PROT_EXEC, 0)];

/// Every process: memory, threads, clocks, its own files, streams that are open.
const ALWAYS: &[Call] = &[
    // Memory.
    any("brk"),
    any("madvise"),
    any("mremap"),
    any("munmap"),
    // Threads, and the end.
    any("exit"),
    any("exit_group"),
    any("futex"),
    any("getpid"),
    any("gettid"),
    any("restart_syscall"),
    any("rseq"),
    any("rt_sigaction"),
    any("rt_sigprocmask"),
    any("rt_sigreturn"),
    any("sched_getaffinity"),
    any("sched_yield"),
    any("set_robust_list"),
    any("sigaltstack"),
    Call("prctl", &[Is(0, PR_SET_NAME)]),
    Call("prctl", &[Is(0, PR_SET_VMA)]),
    // How a program aborts.
    Call("tgkill", &[OwnProcess(0)]),
    // The limit of open files; the one of core dumps can only sink.
    Call("prlimit64", &[Is(0, 0)]),
    // Clocks and randomness.
    any("clock_getres"),
    any("clock_gettime"),
    any("clock_nanosleep"),
    any("getrandom"),
    any("gettimeofday"),
    any("nanosleep"),
    // Files, where Landlock allows.
    any("close"),
    any("fallocate"),
    Call("fcntl", &[Is(1, F_DUPFD_CLOEXEC)]),
    Call("fcntl", &[Is(1, F_GETFD)]),
    Call("fcntl", &[Is(1, F_GETFL)]),
    Call("fcntl", &[Is(1, F_GETLK)]),
    Call("fcntl", &[Is(1, F_OFD_GETLK)]),
    Call("fcntl", &[Is(1, F_OFD_SETLK)]),
    Call("fcntl", &[Is(1, F_OFD_SETLKW)]),
    Call("fcntl", &[Is(1, F_SETFD)]),
    Call("fcntl", &[Is(1, F_SETFL)]),
    Call("fcntl", &[Is(1, F_SETLK)]),
    Call("fcntl", &[Is(1, F_SETLKW)]),
    any("fdatasync"),
    any("flock"),
    any("fstat"),
    any("fsync"),
    any("ftruncate"),
    any("getdents64"),
    any("lseek"),
    any("mkdirat"),
    any("newfstatat"),
    any("openat"),
    any("pread64"),
    any("pwrite64"),
    any("read"),
    any("readv"),
    any("renameat"),
    any("renameat2"),
    any("statx"),
    any("unlinkat"),
    any("write"),
    any("writev"),
    // Whose file it is.
    any("geteuid"),
    // Waiting.
    any("epoll_create1"),
    any("epoll_ctl"),
    any("epoll_pwait"),
    any("eventfd2"),
    any("pipe2"),
    any("ppoll"),
    // Nothing about interfaces.
    Call("ioctl", &[Is(1, TCGETS)]),
    Call("ioctl", &[Is(1, TCGETS2)]),
    Call("ioctl", &[Is(1, FIONBIO)]),
    // Streams that are open. No `recvmsg`: with it a descriptor could arrive from another process, and be a TCP socket.
    any("recvfrom"),
    any("shutdown"),
    Call("socketpair", ONLY_UNIX_STREAMS),
    Call("getsockopt", &[Is(1, SOL_SOCKET), Is(2, SO_ERROR)]),
    Call("getsockopt", &[Is(1, SOL_SOCKET), Is(2, SO_PEERCRED)]),
    Call("getsockopt", &[Is(1, SOL_SOCKET), Is(2, SO_TYPE)]),
];

/// What only x86-64 has, and the C library still uses there.
const ALWAYS_X86_64: &[Call] =
    &[any("epoll_wait"), any("lstat"), any("mkdir"), any("poll"), any("rename"), any("stat"), any("unlink")];

/// No new code, threads but no processes: all but the supervisor.
const NO_PROGRAMS: &[Call] =
    &[Call("mmap", NO_NEW_CODE), Call("mprotect", NO_NEW_CODE), Call("clone", &[Bits(0, CLONE_THREAD, CLONE_THREAD)])];

/// Whatever `sendto` is given, on a connected AF_UNIX stream it reaches who is connected, and there are no other sockets. The
/// kernel remembers what is allowed without a look at arguments, and this call is made for every answer.
const UNIX_STREAMS: &[Call] = &[any("sendto")];

const UNIX_ACCEPT: &[Call] = &[any("accept4")];

const UNIX_CONNECT: &[Call] = &[any("connect"), Call("socket", ONLY_UNIX_STREAMS), any("getcwd"), any("readlinkat")];

const UNIX_CONNECT_X86_64: &[Call] = &[any("readlink")];

/// TCP outwards. Where to, no list can see; so who has this profile is given no record and no node's key.
const EGRESS_TCP: &[Call] = &[
    any("accept4"),
    any("connect"),
    // Whom it connected to; `getsockname` would tell who connected.
    any("getpeername"),
    // To who is connected, and nobody named in the call.
    Call("sendto", &[Null(4), Bits(3, MSG_FASTOPEN, 0)]),
    Call("socket", ONLY_UNIX_STREAMS),
    Call("socket", &[Is(0, AF_INET), Bits(1, SOCK_TYPE, SOCK_STREAM), Is(2, 0)]),
    Call("socket", &[Is(0, AF_INET), Bits(1, SOCK_TYPE, SOCK_STREAM), Is(2, IPPROTO_TCP)]),
    Call("socket", &[Is(0, AF_INET6), Bits(1, SOCK_TYPE, SOCK_STREAM), Is(2, 0)]),
    Call("socket", &[Is(0, AF_INET6), Bits(1, SOCK_TYPE, SOCK_STREAM), Is(2, IPPROTO_TCP)]),
    Call("getsockopt", &[Is(1, IPPROTO_TCP), Is(2, TCP_INFO)]),
    Call("setsockopt", &[Is(1, IPPROTO_TCP), Is(2, TCP_NODELAY)]),
    Call("setsockopt", &[Is(1, IPPROTO_TCP), Is(2, TCP_NOTSENT_LOWAT)]),
    // What a Tor implementation and its database ask of their own files.
    any("faccessat"),
    any("fchmod"),
    any("fchmodat"),
    any("fchown"),
    any("getcwd"),
    any("getegid"),
    any("getgid"),
    any("getgroups"),
    any("getresgid"),
    any("getresuid"),
    any("getuid"),
    any("readlinkat"),
    any("utimensat"),
];

const EGRESS_TCP_X86_64: &[Call] = &[any("access"), any("chmod"), any("open"), any("readlink"), any("rmdir")];

/// What starting a program takes, and what a program needs to lock itself down; with all lists above.
const SUPERVISOR: &[Call] = &[
    // Code comes from files; memory is never writable and executable at once.
    Call("mmap", &[Bits(2, PROT_EXEC | PROT_WRITE, 0)]),
    Call("mmap", &[Bits(2, PROT_EXEC | PROT_WRITE, PROT_EXEC)]),
    Call("mmap", &[Bits(2, PROT_EXEC | PROT_WRITE, PROT_WRITE)]),
    Call("mprotect", &[Bits(2, PROT_EXEC | PROT_WRITE, 0)]),
    Call("mprotect", &[Bits(2, PROT_EXEC | PROT_WRITE, PROT_EXEC)]),
    Call("mprotect", &[Bits(2, PROT_EXEC | PROT_WRITE, PROT_WRITE)]),
    any("clone"),
    any("dup3"),
    any("execve"),
    any("kill"),
    any("pidfd_open"),
    any("pidfd_send_signal"),
    any("set_tid_address"),
    any("setpgid"),
    any("setsid"),
    any("wait4"),
    any("waitid"),
    // Locking down.
    any("capget"),
    any("capset"),
    any("landlock_add_rule"),
    any("landlock_create_ruleset"),
    any("landlock_restrict_self"),
    any("prctl"),
    any("seccomp"),
    any("setdomainname"),
    any("sethostname"),
    any("tgkill"),
    any("unshare"),
    // Before that: is standard input a listening socket, and is the parent still the one that it was?
    Call("getsockopt", &[Is(1, SOL_SOCKET), Is(2, SO_ACCEPTCONN)]),
    Call("getsockopt", &[Is(1, SOL_SOCKET), Is(2, SO_DOMAIN)]),
    any("getppid"),
    // A key file that is new comes whole under its name, and never in place of another.
    any("linkat"),
    // How wide the bar may be that shows a carrier's progress.
    Call("ioctl", &[Is(1, TIOCGWINSZ)]),
];

const SUPERVISOR_X86_64: &[Call] =
    &[any("arch_prctl"), any("dup2"), any("fork"), any("link"), any("pipe"), any("vfork")];

/// Calls that libraries try first and do without: they are refused, and do not end a process at the level `kill`.
pub(super) const QUIETLY_REFUSED: &[Call] = &[any("clone3"), any("faccessat2"), any("openat2")];

/// What the level `kill` needs to put its second list over the first.
pub(super) const LOCK_AGAIN: &[Call] = &[any("seccomp"), Call("prctl", &[Is(0, PR_SET_NO_NEW_PRIVS)])];

/// The rows of a profile and `more`. `x86_64` adds those of calls that aarch64 never had.
pub(super) fn of(profile: Profile, x86_64: bool, more: &[Call]) -> Vec<Call> {
    let (everywhere, old): (&[&[Call]], &[&[Call]]) = match profile {
        Profile::UnixAccept => (&[ALWAYS, NO_PROGRAMS, UNIX_STREAMS, UNIX_ACCEPT], &[ALWAYS_X86_64]),
        Profile::UnixConnect => {
            (&[ALWAYS, NO_PROGRAMS, UNIX_STREAMS, UNIX_CONNECT], &[ALWAYS_X86_64, UNIX_CONNECT_X86_64])
        }
        Profile::EgressTcp => (&[ALWAYS, NO_PROGRAMS, EGRESS_TCP], &[ALWAYS_X86_64, EGRESS_TCP_X86_64]),
        Profile::Supervisor => {
            (&[ALWAYS, EGRESS_TCP, SUPERVISOR], &[ALWAYS_X86_64, EGRESS_TCP_X86_64, SUPERVISOR_X86_64])
        }
    };
    let lists = everywhere.iter().chain(if x86_64 { old } else { &[] }).chain([&more]);
    let mut rows: Vec<Call> = lists.flat_map(|list| list.iter().copied()).collect();
    // The compiler takes a row with conditions for the whole of what is allowed, also beside one without.
    let whole: Vec<&str> = rows.iter().filter(|Call(_, conditions)| conditions.is_empty()).map(|call| call.0).collect();
    rows.retain(|Call(name, conditions)| conditions.is_empty() || !whole.contains(name));
    rows
}
