//! Landlock: the paths of [`Needs`] and no other, no TCP, nothing of other processes.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use super::{Needs, Profile, State};

/// The version that has all that is asked for here (Linux 6.12); an older kernel gives what it has.
const LANDLOCK: ABI = ABI::V6;

/// Restricts this thread and all it starts.
pub(super) fn restrict(profile: Profile, needs: &Needs) -> State {
    if profile == Profile::Supervisor {
        return State::NotApplied("each process that it starts has its own".into());
    }
    match try_restrict(profile, needs) {
        Ok(RulesetStatus::FullyEnforced) => State::Applied,
        Ok(RulesetStatus::PartiallyEnforced) => {
            State::Partly("this kernel's Landlock is older than 6.12's and knows less".into())
        }
        Ok(RulesetStatus::NotEnforced) => {
            State::NotApplied("this kernel has no Landlock, or it is not switched on".into())
        }
        Err(error) => State::NotApplied(error.to_string()),
    }
}

fn try_restrict(profile: Profile, needs: &Needs) -> Result<RulesetStatus, RulesetError> {
    let network = match profile {
        // To any relay, whatever its port.
        Profile::EgressTcp => AccessNet::BindTcp.into(),
        _ => AccessNet::from_all(LANDLOCK),
    };
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(network)?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?;
    for (paths, access) in [
        (&needs.read, AccessFs::ReadFile | AccessFs::ReadDir),
        (&needs.read_write, read_write()),
        (&needs.remove, AccessFs::RemoveFile.into()),
    ] {
        for path in paths {
            if let Some(rule) = rule(path, access) {
                rules = rules.add_rule(rule)?;
            }
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// Regular files and directories; no devices, pipes, sockets or links, and nothing to be executed.
fn read_write() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

/// A path that does not exist can't be allowed, and there is nothing behind it.
fn rule(path: &Path, access: BitFlags<AccessFs>) -> Option<PathBeneath<PathFd>> {
    // The directory of a file without one.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(LANDLOCK) };
    (!access.is_empty()).then_some(PathBeneath::new(PathFd::new(path).ok()?, access))
}
