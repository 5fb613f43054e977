//! What each command goes on to need, and the sandbox around it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::Args;

use super::failure::Failure;
#[cfg(feature = "server")]
use crate::config::IntroducerConfig;
#[cfg(feature = "client")]
use crate::config::NodeConfig;
use crate::sandbox::{self, Level, Needs, Profile, State};

/// What the kernel calls users that a namespace does not know (`/proc/sys/kernel/overflowuid`).
#[cfg(feature = "server")]
const OVERFLOW_UID: u32 = 65_534;

/// The option of every command that locks itself down.
#[derive(Args)]
pub(super) struct SandboxOption {
    /// What the kernel holds this process to, in place of the configuration's: strict, kill, seccomp or off
    #[arg(long, value_name = "LEVEL")]
    sandbox: Option<Level>,
}

impl SandboxOption {
    fn level(&self, configured: Option<Level>) -> Level {
        self.sandbox.or(configured).unwrap_or_default()
    }

    /// The same for a child, which reads the same configuration.
    pub(super) fn arguments(&self) -> impl Iterator<Item = OsString> {
        let given = self.sandbox.map(|level| ["--sandbox".into(), level.to_string().into()]);
        given.into_iter().flatten()
    }
}

/// Around a process that starts others, which lock themselves further, and reads nothing from outside.
pub(super) fn supervisor(option: &SandboxOption, configured: Option<Level>) -> Result<(), Failure> {
    let level = match option.level(configured) {
        // Children inherit the list, and could not attack themselves without being ended.
        Level::Kill => Level::Strict,
        level => level,
    };
    lock(Profile::Supervisor, level, Needs::default)
}

/// Around a carrier, whose sockets and directories are made. `state` is its own; `files` were named by the operator.
#[cfg(feature = "carrier-tor")]
pub(super) fn carrier(
    option: &SandboxOption,
    configured: Option<Level>,
    state: &Path,
    files: &[&Path],
    socket: Option<&Path>,
) -> Result<(), Failure> {
    lock(Profile::EgressTcp, option.level(configured), || Needs {
        // SIGHUP reads the configuration again, and an editor may have put another file in its place.
        read: files.iter().copied().flat_map(folders).collect(),
        read_write: vec![state.to_owned()],
        remove: socket.map(folders).unwrap_or_default(),
        tells_users_apart: false,
    })
}

/// Around an introducer, whose socket is made.
#[cfg(feature = "server")]
pub(super) fn introducer(option: &SandboxOption, file: &Path, config: &IntroducerConfig) -> Result<(), Failure> {
    let own = rustix::process::geteuid().as_raw();
    lock(Profile::UnixAccept, option.level(Some(config.sandbox)), || Needs {
        // SIGHUP reads them again, and an editor may have put another file in the place of one.
        read: [Some(file), config.list.as_deref(), config.revocations.as_deref()]
            .into_iter()
            .flatten()
            .flat_map(folders)
            .collect(),
        read_write: vec![config.state.clone()],
        remove: folders(&config.socket),
        // Where all others look alike, they must not look like a carrier.
        tells_users_apart: own == OVERFLOW_UID || config.carrier_uids.iter().any(|uid| *uid != own),
    })
}

/// Around a command that asks and prints.
#[cfg(feature = "client")]
pub(super) fn reader(option: &SandboxOption, config: Option<&NodeConfig>) -> Result<(), Failure> {
    writer(option, config, None)
}

/// Around a command that asks, and writes what it got to a file.
#[cfg(feature = "client")]
pub(super) fn writer(option: &SandboxOption, config: Option<&NodeConfig>, out: Option<&Path>) -> Result<(), Failure> {
    lock(Profile::UnixConnect, option.level(config.map(|config| config.sandbox)), || Needs {
        read_write: out.map(folders).unwrap_or_default(),
        ..Needs::default()
    })
}

/// Around a command that publishes: the counter beside the key goes on, the configuration is read again.
#[cfg(feature = "client")]
pub(super) fn publisher(
    option: &SandboxOption,
    file: &Path,
    config: &NodeConfig,
    record: Option<&Path>,
) -> Result<(), Failure> {
    lock(Profile::UnixConnect, option.level(Some(config.sandbox)), || Needs {
        read: folders(file).into_iter().chain(record.map(Path::to_owned)).collect(),
        read_write: config.key.as_deref().map(folders).unwrap_or_default(),
        ..Needs::default()
    })
}

/// The directory of a file, and that of the file it is a link to.
fn folders(file: &Path) -> Vec<PathBuf> {
    let linked = std::fs::canonicalize(file).ok();
    let parent = |path: &Path| {
        let parent = path.parent()?;
        Some(if parent.as_os_str().is_empty() { ".".into() } else { parent.to_owned() })
    };
    [parent(file), linked.as_deref().and_then(parent)].into_iter().flatten().collect()
}

/// Tells what could not be applied to whoever asks for more words.
fn lock(profile: Profile, level: Level, needs: impl FnOnce() -> Needs) -> Result<(), Failure> {
    if level == Level::Off {
        tracing::warn!("the sandbox is off: nothing but this program's own care keeps it from the network");
        return Ok(());
    }
    let report = sandbox::lock(profile, level, &needs())?;
    for line in report.layers.iter().filter(|line| line.state != State::Applied) {
        tracing::info!("sandbox: {line}");
    }
    let denied = report.attempts.iter().filter(|attempt| attempt.denied).count();
    tracing::info!("sandbox: {} of profile {} holds, {denied} attacks were denied", level, profile.name());
    Ok(())
}
