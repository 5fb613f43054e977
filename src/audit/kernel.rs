//! What this kernel gives of the sandbox, and whether it holds: judged from an attack that was made.

use std::path::Path;

use super::{
    finding::{Place, Report},
    rule::rules,
};
use crate::sandbox::{self, SandboxError, State};

/// In the place of a file.
const KERNEL: &str = "this kernel";

rules! {
    ATTACK = "kernel-attack", Leak:
        "something that a locked process must be denied was given to it"
        => "run nothing on this machine before this is understood: `anteroom sandbox-check` shows every line; please report it";
    REQUIRED = "kernel-required", Leak:
        "the list of system calls, which carries the promise, is not to be had"
        => "use a kernel with seccomp, on x86-64 or aarch64";
    LAYER = "kernel-layer", Weak:
        "a layer behind the list of system calls is missing: a fault in the list would not be made up for"
        => "use a newer kernel, or allow what it names; under systemd the units make up for namespaces and files";
}

/// Judges what came of locking a process down at the level `strict` and attacking it.
pub fn judge_kernel(locked: &Result<sandbox::Report, SandboxError>) -> Report {
    let mut report = Report::default();
    let kernel = Place::whole(Path::new(KERNEL));
    match locked {
        Ok(locked) => {
            for line in &locked.layers {
                if let State::Partly(_) | State::NotApplied(_) = line.state {
                    report.find(&LAYER, kernel.clone(), line.to_string());
                }
            }
        }
        Err(error @ SandboxError::Leaks { .. }) => report.find(&ATTACK, kernel, error.to_string()),
        Err(error @ (SandboxError::Layer { .. } | SandboxError::List(_))) => {
            report.find(&REQUIRED, kernel, error.to_string());
        }
        // What whoever started the audit handed down says nothing about the kernel.
        Err(error @ (SandboxError::Inherited { .. } | SandboxError::Threads(_))) => {
            report.cannot(kernel, error, error.hint());
        }
    }
    report.sort();
    report
}
