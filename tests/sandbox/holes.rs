//! A sandbox with a hole is noticed by the process itself, which then ends. A test of the test.

use crate::check::{Checked, PROFILES, Program, User};

/// Calls that no profile but the supervisor's allows as a whole.
const CALLS: [&str; 51] = [
    "socket",
    "bind",
    "listen",
    "getsockname",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "sendmmsg",
    "recvmsg",
    "recvmmsg",
    "ioctl",
    "fcntl",
    "io_uring_setup",
    "io_uring_enter",
    "pidfd_getfd",
    "setns",
    "unshare",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "keyctl",
    "execve",
    "execveat",
    "clone",
    "clone3",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_open",
    "kill",
    "tgkill",
    "tkill",
    "memfd_create",
    "mmap",
    "mprotect",
    "pkey_mprotect",
    "uname",
    "sysinfo",
    "syslog",
    "mount",
    "chroot",
    "pivot_root",
    "open_by_handle_at",
    "fanotify_init",
    "inotify_init1",
    "mknodat",
    "symlinkat",
    "setuid",
    "setgid",
    "capset",
    "sethostname",
];

fn refuses_to_go_on(checked: &Checked, what: &str) {
    assert!(!checked.success, "{what}");
    assert!(
        checked.said.contains("the sandbox does not hold: system calls (seccomp) should deny"),
        "{what}: {}",
        checked.said
    );
    assert!(checked.said.contains("do not use anteroom on this machine"), "{what}: {}", checked.said);
}

#[test]
fn each_hole_in_the_list_of_calls_is_found() {
    let program = Program::new();
    for profile in PROFILES.iter().filter(|profile| **profile != "supervisor") {
        for call in CALLS {
            let checked = program.check(User::Root, &["--profile", profile, "--leave-open", call]);
            refuses_to_go_on(&checked, &format!("{profile} with {call}"));
        }
    }
}

#[test]
fn a_hole_is_found_without_the_other_layers_too() {
    let program = Program::new();
    for profile in PROFILES {
        let arguments = ["--profile", profile, "--level", "seccomp", "--leave-open", "socket"];
        refuses_to_go_on(&program.check(User::Ordinary, &arguments), profile);
    }
}

#[test]
fn what_one_of_the_unix_profiles_may_the_other_may_not() {
    let program = Program::new();
    for (profile, call) in [
        ("unix-accept", "connect"),
        ("unix-connect", "accept4"),
        ("unix-accept", "getpeername"),
        ("egress-tcp", "sendto"),
    ] {
        let checked = program.check(User::Root, &["--profile", profile, "--leave-open", call]);
        refuses_to_go_on(&checked, &format!("{profile} with {call}"));
    }
}
