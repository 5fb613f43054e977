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
    let mut rows = rows(profile, architecture);
    if level == Level::Kill {
        rows.extend(calls::LOCK_AGAIN.iter().map(row));
    }
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
    let mut rows = rows(profile, architecture);
    // The first list goes on refusing these.
    rows.extend(calls::QUIETLY_REFUSED.iter().map(row));
    install(&compile(&json!("kill_process"), rows, architecture)?)
}

fn install(program: &BpfProgram) -> Result<(), SandboxError> {
    apply_filter_all_threads(program)
        .map_err(|error| SandboxError::Layer { layer: Layer::Calls, error: io::Error::other(error.to_string()) })
}

fn architecture() -> Result<TargetArch, SandboxError> {
    TargetArch::try_from(std::env::consts::ARCH).map_err(|error| SandboxError::List(error.to_string()))
}

fn rows(profile: Profile, architecture: TargetArch) -> Vec<Value> {
    calls::of(profile, architecture == TargetArch::x86_64).iter().map(row).collect()
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
