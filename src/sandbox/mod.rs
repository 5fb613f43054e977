//! What the kernel holds this process to, and the attack on itself that shows it.
//!
//! A promise that this program makes can be broken by a mistake in it, or in a library. So the kernel is asked to hold it:
//! [`lock`] takes away what the process does not need, then tries to get it back, and refuses to go on where that succeeds.
//! The list of allowed system calls carries the guarantee by itself; the other layers stand behind it.
//!
//! | layer | takes away |
//! |---|---|
//! | inherited descriptors | sockets of other families, devices and nameless kernel objects are refused, not closed |
//! | namespaces | every network interface, the host's name |
//! | files (Landlock) | every path that is not named in [`Needs`]; TCP; abstract sockets and processes outside |
//! | privileges | capabilities, and the way to new ones |
//! | core dumps | memory on a disk; other processes of the user that look into this one |
//! | executable memory | code that was not in the program when it started |
//! | system calls (seccomp) | everything that is not in the profile's list: `calls.rs` is the whole of it |
//!
//! What no layer can take: the time since boot and the processor's features are read without asking the kernel, and whether
//! a path exists can be asked. None of it is ever printed or sent.
//!
//! # Order
//!
//! Before any other thread is started and before the first byte from outside. What needs more than the profile allows (a
//! listening socket, the directory of the database) is made before.

mod attack;
mod calls;
mod descriptors;
mod files;
mod filter;
mod namespaces;
mod privileges;
mod profile;
mod report;
mod syscall;

use std::{io, path::PathBuf};

pub use attack::{Attempt, attack};
pub use profile::{Level, Profile, UnknownWord};
pub use report::{Layer, LayerReport, Report, State};

/// What of the machine a process goes on to need. A path that is a directory stands for all below it; a path that does not
/// exist gives nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// To be read.
    pub read: Vec<PathBuf>,
    /// To be read, written, made, renamed and removed.
    pub read_write: Vec<PathBuf>,
    /// Directories whose entries are removed: a listener's socket, when it ends.
    pub remove: Vec<PathBuf>,
    /// The process asks the kernel which user is at the other end of a stream, and more than its own can be. A user namespace
    /// of its own would make all others look alike.
    pub tells_users_apart: bool,
}

/// Why a process must not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// Something that outlives every layer was inherited.
    #[error("descriptor {number}, inherited from whoever started this, is {what}")]
    Inherited {
        /// Its number.
        number: i32,
        /// What it is.
        what: &'static str,
    },
    /// Other threads would stay outside of the sandbox.
    #[error("the sandbox must be made before threads are started, and there are {0}")]
    Threads(usize),
    /// The kernel refused a layer that is required.
    #[error("this kernel does not give a sandbox: {layer}: {error}")]
    Layer {
        /// Which.
        layer: Layer,
        /// What it said.
        error: io::Error,
    },
    /// The list of system calls could not be compiled.
    #[error("there is no list of system calls for this processor: {0}")]
    List(String),
    /// The attack on itself succeeded.
    #[error("the sandbox does not hold: {layer} should deny {name}, and did not")]
    Leaks {
        /// What was tried.
        name: &'static str,
        /// What should have denied it.
        layer: Layer,
    },
}

impl SandboxError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Inherited { .. } => {
                "start anteroom without it: only AF_UNIX sockets, files, pipes and terminals may be handed down"
            }
            Self::Threads(_) => "this is a mistake in anteroom: please report it",
            Self::Layer { .. } | Self::List(_) => {
                "use a kernel with seccomp on x86-64 or aarch64; `sandbox = \"off\"` in the configuration goes on without \
                 any protection by the kernel"
            }
            Self::Leaks { .. } => {
                "do not use anteroom on this machine before this is understood: `anteroom sandbox-check` shows every line; \
                 please report it"
            }
        }
    }
}

/// Locks the process down for the rest of its life, then attacks it.
///
/// # Errors
/// See [`SandboxError`]; the process may be locked in part, and must end.
///
/// # Security
/// To be called in the main thread, while it is the only one, before a byte from outside is read.
pub fn lock(profile: Profile, level: Level, needs: &Needs) -> Result<Report, SandboxError> {
    dangerously_lock_but(profile, level, needs, None)
}

/// [`lock`] with a hole: `open`, a system call, is allowed whatever the profile says. It shows that the attack finds it.
pub(crate) fn dangerously_lock_but(
    profile: Profile,
    level: Level,
    needs: &Needs,
    open: Option<&str>,
) -> Result<Report, SandboxError> {
    let mut report = Report::new(profile, level);
    if level == Level::Off {
        report.skip_rest("switched off in the configuration");
        return Ok(report);
    }
    // The first question of this kind reads what will be out of reach; without the answer each look at a clock would be a
    // system call.
    rustix::param::page_size();
    refuse_threads()?;
    descriptors::refuse_foreign()?;
    report.add(Layer::Descriptors, State::Applied);
    if level.all_layers() {
        report.add(Layer::Namespaces, namespaces::leave(profile, needs)?);
        report.add(Layer::Files, files::restrict(profile, needs));
    } else {
        for layer in [Layer::Namespaces, Layer::Files] {
            report.add(layer, State::NotApplied("not asked for at the level `seccomp`".into()));
        }
    }
    report.add(Layer::Privileges, privileges::drop_all()?);
    report.add(Layer::Dumps, privileges::forbid_dumps()?);
    report.add(Layer::Memory, privileges::forbid_new_code(profile));
    filter::apply(profile, level, open)?;
    report.add(Layer::Calls, State::Applied);
    report.attempts = attack(profile);
    if let Some((name, layer)) = report.leak() {
        return Err(SandboxError::Leaks { name, layer });
    }
    if level == Level::Kill {
        filter::apply_killing(profile)?;
    }
    Ok(report)
}

fn refuse_threads() -> Result<(), SandboxError> {
    let counted = std::fs::read_dir("/proc/self/task").map(Iterator::count);
    match counted.map_err(|error| SandboxError::Layer { layer: Layer::Descriptors, error })? {
        1 => Ok(()),
        more => Err(SandboxError::Threads(more)),
    }
}
