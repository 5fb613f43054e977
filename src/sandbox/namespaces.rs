//! Namespaces of its own: a network without interfaces, a host without a name.

use std::{fs, io};

use rustix::{
    process::{getegid, geteuid},
    system::{setdomainname, sethostname},
    thread::{CapabilitySet, UnshareFlags, capabilities},
};

use super::{Layer, Needs, Profile, SandboxError, State, syscall};

/// What every machine may be called (RFC 6761).
const HOST_NAME: &[u8] = b"localhost";
/// What the kernel calls a domain that was never set.
const DOMAIN_NAME: &[u8] = b"(none)";

/// Leaves the host's namespaces, as far as this kernel and this user may.
///
/// # Errors
/// Only half-way: a user namespace that knows no users.
pub(super) fn leave(profile: Profile, needs: &Needs) -> Result<State, SandboxError> {
    let Some(wanted) = wanted(profile) else {
        return Ok(State::NotApplied("each process that it starts has its own".into()));
    };
    // With the right to do it (root, or within a user namespace already) users stay who they are.
    let refused = match syscall::unshare(wanted) {
        Ok(()) => return Ok(rename_host()),
        Err(error) => error,
    };
    if needs.tells_users_apart {
        return Ok(State::NotApplied(format!(
            "{refused}, and in a user namespace the users of other processes can't be told apart"
        )));
    }
    // Asked before, since there is no way back. Root that gave its capabilities away may not be mapped (Linux 5.12).
    if geteuid().is_root() && !capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SETFCAP)) {
        return Ok(State::NotApplied(format!("{refused}, and root without capabilities gets no user namespace")));
    }
    if let Err(error) = fs::File::options().write(true).open("/proc/self/uid_map") {
        return Ok(State::NotApplied(format!("/proc/self/uid_map: {error}")));
    }
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    if let Err(error) = syscall::unshare(wanted | UnshareFlags::NEWUSER) {
        return Ok(State::NotApplied(format!("this system gives no user namespace: {error}")));
    }
    map_to_itself(user, group).map_err(|error| SandboxError::Layer { layer: Layer::Namespaces, error })?;
    Ok(rename_host())
}

const fn wanted(profile: Profile) -> Option<UnshareFlags> {
    let names = UnshareFlags::NEWUTS.union(UnshareFlags::NEWIPC);
    match profile {
        Profile::UnixAccept | Profile::UnixConnect => Some(names.union(UnshareFlags::NEWNET)),
        Profile::EgressTcp => Some(names),
        Profile::Supervisor => None,
    }
}

/// A new namespace starts with a copy of the host's name (`uts_namespaces(7)`).
fn rename_host() -> State {
    match sethostname(HOST_NAME).and_then(|()| setdomainname(DOMAIN_NAME)) {
        Ok(()) => State::Applied,
        Err(error) => State::Partly(format!("the host's name stays: {}", io::Error::from(error))),
    }
}

/// Who this process was before is who it is (`user_namespaces(7)`): files keep their owner.
fn map_to_itself(user: u32, group: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}
