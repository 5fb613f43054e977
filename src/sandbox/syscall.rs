//! The one file with raw system calls: those of the attack, and three questions that no safe library asks.
#![expect(unsafe_code, reason = "system calls that libraries rightly do not offer; each is harmless as it stands here")]

use std::io;

use libc::{c_int, c_long};
use rustix::thread::UnshareFlags;

/// Since Linux 6.3; not yet in the C library's headers everywhere.
const PR_SET_MDWE: c_int = 65;
const PR_MDWE_REFUSE_EXEC_GAIN: c_long = 1;

fn checked(result: c_long) -> io::Result<c_long> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Makes a system call with arguments that can do no harm if it is let through.
///
/// # Security
/// For the rows of the attack alone: they name no descriptor, no process and no address of this process.
pub(super) fn attempt(number: c_long, arguments: [i32; 6]) -> io::Result<c_long> {
    let [a, b, c, d, e, f] = arguments.map(c_long::from);
    // SAFETY: every pointer among the arguments is null, or so small or large that nothing of a process lies there, and every
    // descriptor is -1: the kernel neither reads nor writes memory of this process and closes nothing of it.
    checked(unsafe { libc::syscall(number, a, b, c, d, e, f) })
}

/// Makes a socket and closes it.
pub(super) fn attempt_socket(domain: c_int, kind: c_int, protocol: c_int) -> io::Result<()> {
    // SAFETY: three numbers.
    let descriptor = checked(unsafe { libc::syscall(libc::SYS_socket, domain, kind, protocol) })?;
    // SAFETY: the descriptor was made by the line above and nobody else knows it.
    unsafe { libc::close(descriptor as c_int) };
    Ok(())
}

/// A number that the kernel tells of an inherited socket, which nothing here owns: its family, its type.
pub(super) fn socket_option(descriptor: c_int, name: c_int) -> io::Result<c_int> {
    let (mut value, mut length): (c_int, libc::socklen_t) = (0, size_of::<c_int>() as libc::socklen_t);
    // SAFETY: the kernel writes one integer into `value` and its length into `length`.
    let result =
        unsafe { libc::getsockopt(descriptor, libc::SOL_SOCKET, name, (&raw mut value).cast(), &raw mut length) };
    checked(c_long::from(result))?;
    Ok(value)
}

/// Forbids memory to become executable.
pub(super) fn refuse_executable_gain() -> io::Result<()> {
    // SAFETY: numbers alone; the kernel changes what it allows later.
    checked(c_long::from(unsafe { libc::prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0_i64, 0_i64, 0_i64) })).map(drop)
}

/// Moves this process into new namespaces.
pub(super) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: `flags` never holds FILES, so that the table of descriptors stays the one of every thread.
    unsafe { rustix::thread::unshare_unsafe(flags - UnshareFlags::FILES) }.map_err(Into::into)
}
