//! No capabilities and no way to new ones; no memory on a disk; no new code.

use std::io;

use rustix::{
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
        set_capabilities, set_no_new_privs,
    },
};

use super::{Layer, Profile, SandboxError, State, syscall};

/// Capabilities have numbers below this (`capability.h`: two words of 32 bits).
const CAPABILITIES: u32 = 64;

/// Drops every capability and forbids to gain privileges, also by starting a program.
///
/// # Errors
/// When the kernel keeps one.
pub(super) fn drop_all() -> Result<State, SandboxError> {
    let failed = |error: rustix::io::Errno| SandboxError::Layer { layer: Layer::Privileges, error: error.into() };
    set_no_new_privs(true).map_err(failed)?;
    // Refused to who may not, and of no use without privileges to come: the two that count are the others.
    for number in 0..CAPABILITIES {
        let _ = remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number));
    }
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    // A unit that leaves nothing to give up may refuse the call.
    if capabilities(None).map_err(failed)? != none {
        set_capabilities(None, none).map_err(failed)?;
    }
    Ok(State::Applied)
}

/// No core dump, and no process of the same user that reads this one's memory.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn forbid_dumps() -> Result<State, SandboxError> {
    let failed = |error: rustix::io::Errno| SandboxError::Layer { layer: Layer::Dumps, error: error.into() };
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(failed)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed)?;
    Ok(State::Applied)
}

/// Memory that could be written never becomes executable. The list of system calls says the same to older kernels.
pub(super) fn forbid_new_code(profile: Profile) -> State {
    if profile == Profile::Supervisor {
        return State::NotApplied("it starts programs; their own lists forbid it".into());
    }
    match syscall::refuse_executable_gain() {
        Ok(()) => State::Applied,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            State::NotApplied("this kernel is older than 6.3; the list of system calls forbids it all the same".into())
        }
        Err(error) => State::NotApplied(error.to_string()),
    }
}
