//! What came with the process. A descriptor outlives every later layer: who hands down a TCP socket hands down the network.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
};

use super::{Layer, SandboxError, syscall};

/// Standard input, output and error: a file, a pipe, a terminal, whatever the caller uses; no network.
const STANDARD_MAX: i32 = 2;
/// Character devices that hold nothing of anybody: null, zero, full, random, urandom (`Documentation/admin-guide/devices.txt`).
const MEMORY_DEVICES: [(u32, u32); 5] = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9)];
/// Major numbers of terminals: consoles, `/dev/tty`, pseudo-terminals.
const TERMINALS: [u32; 10] = [4, 5, 136, 137, 138, 139, 140, 141, 142, 143];

/// Looks at every open descriptor.
///
/// # Errors
/// The first that must not be there. Nothing is closed: who handed it down should know.
pub(super) fn refuse_foreign() -> Result<(), SandboxError> {
    let failed = |error| SandboxError::Layer { layer: Layer::Descriptors, error };
    for entry in fs::read_dir("/proc/self/fd").map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        match fs::metadata(entry.path()) {
            Ok(metadata) => refuse(number, &metadata)?,
            // The listing's own descriptor, or one that closed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

fn refuse(number: i32, metadata: &Metadata) -> Result<(), SandboxError> {
    let kind = metadata.file_type();
    let refused = |what| Err(SandboxError::Inherited { number, what });
    if kind.is_socket() {
        let option = |name| syscall::socket_option(number, name).unwrap_or_default();
        return match (option(libc::SO_DOMAIN), option(libc::SO_TYPE)) {
            (libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_SEQPACKET) => Ok(()),
            // Connected or not, it sends to any name it is given.
            (libc::AF_UNIX, _) => refused("an AF_UNIX socket for datagrams"),
            (libc::AF_INET | libc::AF_INET6, _) => refused("a network socket"),
            _ => refused("a socket of another family than AF_UNIX"),
        };
    }
    if number <= STANDARD_MAX || kind.is_file() || kind.is_dir() || kind.is_fifo() {
        return Ok(());
    }
    if kind.is_char_device() {
        let device = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
        let harmless = MEMORY_DEVICES.contains(&device) || TERMINALS.contains(&device.0);
        return if harmless { Ok(()) } else { refused("a device") };
    }
    if kind.is_block_device() {
        return refused("a disk");
    }
    // Such as io_uring, a pidfd, an eBPF program: each a way around the list of system calls.
    refused("a kernel object without a name")
}
