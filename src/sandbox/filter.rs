//! A profile's list of system calls, compiled into a program for the kernel.

use std::io;

use seccompiler::{BpfProgram, TargetArch, apply_filter_all_threads, compile_from_json};
use serde_json::{Value, json};

use super::{
    Layer, Level, Profile, SandboxError,
    calls::{self, Call, Condition},
};

/// What a call that is not in the list is answered. Libraries take it for an old kernel and do without; and the attack can
/// tell it from every answer that a call itself gives.
const REFUSAL: i32 = libc::ENOSYS;
/// The name of the one program in the compiler's input.
const PROGRAM: &str = "list";

/// Allows `profile`'s list to all threads, and refuses the rest. With [`Level::Kill`] [`apply_killing`] must follow.
///
/// # Errors
/// When there is no list for this processor, or the kernel takes none.
pub(super) fn apply(profile: Profile, level: Level, open: Option<&str>) -> Result<(), SandboxError> {
    let architecture = architecture()?;
    let more = if level == Level::Kill { calls::LOCK_AGAIN } else { &[] };
    let mut rows = rows(profile, architecture, more);
    if let Some(name) = open {
        rows.retain(|row| row.get("syscall").and_then(Value::as_str) != Some(name));
        rows.push(json!({ "syscall": name }));
    }
    install(&compile(&json!({ "errno": REFUSAL }), rows, architecture)?)
}

/// Puts the list over itself with another end: what it does not allow ends the process.
///
/// # Errors
/// See [`apply`].
pub(super) fn apply_killing(profile: Profile) -> Result<(), SandboxError> {
    let architecture = architecture()?;
    // The first list goes on refusing those that are added here.
    let rows = rows(profile, architecture, calls::QUIETLY_REFUSED);
    install(&compile(&json!("kill_process"), rows, architecture)?)
}

fn install(program: &BpfProgram) -> Result<(), SandboxError> {
    apply_filter_all_threads(program)
        .map_err(|error| SandboxError::Layer { layer: Layer::Calls, error: io::Error::other(error.to_string()) })
}

fn architecture() -> Result<TargetArch, SandboxError> {
    TargetArch::try_from(std::env::consts::ARCH).map_err(|error| SandboxError::List(error.to_string()))
}

fn rows(profile: Profile, architecture: TargetArch, more: &[Call]) -> Vec<Value> {
    calls::of(profile, architecture == TargetArch::x86_64, more).iter().map(row).collect()
}

/// What is no match of any row gets `otherwise`; a call of another architecture ends the process (seccompiler's own rule).
fn compile(otherwise: &Value, rows: Vec<Value>, architecture: TargetArch) -> Result<BpfProgram, SandboxError> {
    let list = json!({ PROGRAM: { "mismatch_action": otherwise, "match_action": "allow", "filter": rows } });
    let mut programs = compile_from_json(list.to_string().as_bytes(), architecture)
        .map_err(|error| SandboxError::List(error.to_string()))?;
    programs.remove(PROGRAM).ok_or_else(|| SandboxError::List("the compiler gave no program".into()))
}

fn row(Call(name, conditions): &Call) -> Value {
    if conditions.is_empty() {
        return json!({ "syscall": name });
    }
    let arguments: Vec<Value> = conditions.iter().map(condition).collect();
    json!({ "syscall": name, "args": arguments })
}

fn condition(condition: &Condition) -> Value {
    let (index, width, operator, value) = match *condition {
        Condition::Is(index, value) => (index, "dword", json!("eq"), u64::from(value)),
        Condition::Bits(index, mask, value) => (index, "dword", json!({ "masked_eq": mask }), u64::from(value)),
        Condition::Null(index) => (index, "qword", json!("eq"), 0),
        Condition::OwnProcess(index) => (index, "dword", json!("eq"), u64::from(std::process::id())),
    };
    json!({ "index": index, "type": width, "op": operator, "val": value })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use seccompiler::sock_filter;

    use super::*;

    // `struct seccomp_data` (linux/seccomp.h): number, architecture, instruction pointer, six arguments.
    const NUMBER: usize = 0;
    const ARCHITECTURE: usize = 4;
    const ARGUMENTS: usize = 16;
    const DATA_BYTES: usize = 64;

    const ALLOWED: u32 = 0x7fff_0000;
    const REFUSED: u32 = 0x0005_0000 | REFUSAL as u32;
    const KILLED: u32 = 0x8000_0000;

    const BOTH: [TargetArch; 2] = [TargetArch::x86_64, TargetArch::aarch64];

    /// `AUDIT_ARCH_*` (linux/audit.h).
    fn audit(architecture: TargetArch) -> u32 {
        if architecture == TargetArch::x86_64 { 0xc000_003e } else { 0xc000_00b7 }
    }

    /// Numbers on x86-64 and aarch64, from the kernel's `syscall_64.tbl` and `asm-generic/unistd.h`: not from the compiler's.
    fn number(name: &str, architecture: TargetArch) -> u32 {
        let (x86_64, aarch64) = match name {
            "read" => (0, 63),
            "write" => (1, 64),
            "openat" => (257, 56),
            "mmap" => (9, 222),
            "mprotect" => (10, 226),
            "socket" => (41, 198),
            "socketpair" => (53, 199),
            "connect" => (42, 203),
            "accept4" => (288, 242),
            "sendto" => (44, 206),
            "recvfrom" => (45, 207),
            "sendmsg" => (46, 211),
            "recvmsg" => (47, 212),
            "bind" => (49, 200),
            "listen" => (50, 201),
            "getsockname" => (51, 204),
            "getsockopt" => (55, 209),
            "setsockopt" => (54, 208),
            "clone" => (56, 220),
            "clone3" => (435, 435),
            "execve" => (59, 221),
            "ioctl" => (16, 29),
            "uname" => (63, 160),
            "ptrace" => (101, 117),
            "tgkill" => (234, 131),
            "io_uring_setup" => (425, 425),
            "unshare" => (272, 97),
            other => panic!("{other} has no number here"),
        };
        if architecture == TargetArch::x86_64 { x86_64 } else { aarch64 }
    }

    fn program(profile: Profile, architecture: TargetArch) -> BpfProgram {
        compile(&json!({ "errno": REFUSAL }), rows(profile, architecture, &[]), architecture).unwrap()
    }

    /// What the kernel would do: the few instructions of classic BPF that such a program has (`bpf_exp.yacc`'s names behind).
    fn verdict(program: &[sock_filter], number: u32, audit: u32, arguments: &[u64]) -> u32 {
        let mut data = [0_u8; DATA_BYTES];
        data[NUMBER..][..4].copy_from_slice(&number.to_le_bytes());
        data[ARCHITECTURE..][..4].copy_from_slice(&audit.to_le_bytes());
        for (index, argument) in arguments.iter().enumerate() {
            data[ARGUMENTS + 8 * index..][..8].copy_from_slice(&argument.to_le_bytes());
        }
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            let jump = |holds: bool| usize::from(if holds { jt } else { jf });
            at += 1 + match code {
                0x20 => {
                    accumulator = u32::from_le_bytes(data[k as usize..][..4].try_into().unwrap());
                    0
                }
                0x54 => {
                    accumulator &= k;
                    0
                }
                0x05 => k as usize,
                0x15 => jump(accumulator == k),
                0x25 => jump(accumulator > k),
                0x35 => jump(accumulator >= k),
                0x06 => return k,
                other => panic!("an instruction that is not known here: {other:#x}"),
            };
        }
    }

    fn answer(profile: Profile, architecture: TargetArch, name: &str, arguments: &[u64]) -> u32 {
        let program = program(profile, architecture);
        verdict(&program, number(name, architecture), audit(architecture), arguments)
    }

    #[test]
    fn both_architectures_allow_and_refuse_the_same() {
        use Profile::{EgressTcp, Supervisor, UnixAccept, UnixConnect};
        const CLOEXEC: u64 = 0o2_000_000;
        let every = Profile::ALL.as_slice();
        // Call, arguments, who may.
        let table: &[(&str, &[u64], &[Profile])] = &[
            ("read", &[], every),
            ("write", &[], every),
            ("openat", &[], every),
            ("socket", &[1, 1 | CLOEXEC, 0], &[UnixConnect, EgressTcp, Supervisor]),
            ("socket", &[1, 2, 0], &[]),
            ("socket", &[2, 1 | CLOEXEC, 0], &[EgressTcp, Supervisor]),
            ("socket", &[10, 1, 6], &[EgressTcp, Supervisor]),
            ("socket", &[2, 1, 262], &[]),
            ("socket", &[2, 2, 0], &[]),
            ("socket", &[2, 3, 1], &[]),
            ("socket", &[10, 2, 17], &[]),
            ("socket", &[16, 3, 0], &[]),
            ("socket", &[17, 3, 0], &[]),
            ("socketpair", &[1, 1, 0], every),
            ("socketpair", &[1, 2, 0], &[]),
            ("connect", &[], &[UnixConnect, EgressTcp, Supervisor]),
            ("accept4", &[], &[UnixAccept, EgressTcp, Supervisor]),
            ("bind", &[], &[]),
            ("listen", &[], &[]),
            ("getsockname", &[], &[]),
            ("sendto", &[3, 0x1000, 1, 0x4000, 0, 0], every),
            ("sendto", &[3, 0x1000, 1, 0, 0x7f00_0000_0000, 16], &[UnixAccept, UnixConnect]),
            ("sendto", &[3, 0x1000, 1, 0x2000_0000, 0, 0], &[UnixAccept, UnixConnect]),
            ("recvfrom", &[], every),
            ("sendmsg", &[], &[]),
            ("recvmsg", &[], &[]),
            ("getsockopt", &[3, 1, 17], every),
            ("getsockopt", &[3, 0, 1], &[]),
            ("setsockopt", &[3, 6, 1], &[EgressTcp, Supervisor]),
            ("setsockopt", &[3, 0, 1], &[]),
            ("ioctl", &[1, 0x5401], every),
            ("ioctl", &[1, 0x8912], &[]),
            ("mmap", &[0, 4096, 3], every),
            ("mmap", &[0, 4096, 5], &[Supervisor]),
            ("mmap", &[0, 4096, 7], &[]),
            ("mprotect", &[0, 4096, 4], &[Supervisor]),
            ("clone", &[0x1_0f00], every),
            ("clone", &[0x1000_0000], &[Supervisor]),
            ("clone3", &[], &[]),
            ("execve", &[], &[Supervisor]),
            ("tgkill", &[u64::from(std::process::id())], every),
            ("tgkill", &[1], &[Supervisor]),
            ("unshare", &[], &[Supervisor]),
            ("uname", &[], &[]),
            ("ptrace", &[], &[]),
            ("io_uring_setup", &[], &[]),
        ];
        for architecture in BOTH {
            for (name, arguments, may) in table {
                for profile in Profile::ALL {
                    let expected = if may.contains(&profile) { ALLOWED } else { REFUSED };
                    let got = answer(profile, architecture, name, arguments);
                    assert_eq!(got, expected, "{name} {arguments:?} by {profile:?} on {architecture:?}");
                }
            }
        }
    }

    #[test]
    fn calls_of_another_architecture_end_the_process() {
        for architecture in BOTH {
            let foreign = if architecture == TargetArch::x86_64 { 0x4000_0003 } else { 0x4000_0028 };
            for profile in Profile::ALL {
                assert_eq!(verdict(&program(profile, architecture), 0, foreign, &[]), KILLED, "{profile:?}");
            }
        }
    }

    #[test]
    fn old_ways_to_start_a_process_and_numbers_of_x32_are_refused_on_x86_64() {
        const FORK: u32 = 57;
        const VFORK: u32 = 58;
        const X32: u32 = 0x4000_0000;
        let architecture = TargetArch::x86_64;
        for profile in [Profile::UnixAccept, Profile::UnixConnect, Profile::EgressTcp] {
            let program = program(profile, architecture);
            for number in [FORK, VFORK, X32, X32 + number("socket", architecture)] {
                assert_eq!(verdict(&program, number, audit(architecture), &[]), REFUSED, "{profile:?} {number}");
            }
        }
    }

    #[test]
    fn the_killing_list_kills_but_for_what_libraries_merely_try() {
        for architecture in BOTH {
            let rows = rows(Profile::UnixAccept, architecture, calls::QUIETLY_REFUSED);
            let program = compile(&json!("kill_process"), rows, architecture).unwrap();
            let answer = |name| verdict(&program, number(name, architecture), audit(architecture), &[]);
            assert_eq!(answer("uname"), KILLED);
            assert_eq!(answer("clone3"), ALLOWED, "by this list; the first one refuses it");
            assert_eq!(answer("read"), ALLOWED);
        }
    }

    /// What aarch64 never had, and the call that does its work there (`asm-generic/unistd.h`); `None` for what only the
    /// other processor needs.
    const SUCCESSORS: [(&str, Option<&str>); 18] = [
        ("access", Some("faccessat")),
        ("arch_prctl", None),
        ("chmod", Some("fchmodat")),
        ("dup2", Some("dup3")),
        ("epoll_wait", Some("epoll_pwait")),
        ("fork", Some("clone")),
        ("link", Some("linkat")),
        ("lstat", Some("newfstatat")),
        ("mkdir", Some("mkdirat")),
        ("open", Some("openat")),
        ("pipe", Some("pipe2")),
        ("poll", Some("ppoll")),
        ("readlink", Some("readlinkat")),
        ("rename", Some("renameat")),
        ("rmdir", Some("unlinkat")),
        ("stat", Some("newfstatat")),
        ("unlink", Some("unlinkat")),
        ("vfork", Some("clone")),
    ];

    #[test]
    fn aarch64_has_the_newer_form_of_each_call_that_it_never_had() {
        let names =
            |profile, x86_64| calls::of(profile, x86_64, &[]).iter().map(|call| call.0).collect::<BTreeSet<_>>();
        for profile in Profile::ALL {
            let (x86_64, aarch64) = (names(profile, true), names(profile, false));
            assert!(aarch64.is_subset(&x86_64), "{profile:?}");
            for old in x86_64.difference(&aarch64) {
                let (_, successor) = SUCCESSORS.iter().find(|(name, _)| name == old).expect("a row of the table above");
                assert!(successor.is_none_or(|successor| aarch64.contains(successor)), "{profile:?}: {old}");
                let alone = vec![json!({ "syscall": old })];
                assert!(compile(&json!("trap"), alone, TargetArch::aarch64).is_err(), "aarch64 has {old}");
            }
        }
    }
}
