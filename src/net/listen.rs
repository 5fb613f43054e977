//! The introducer's socket: a path, a mode, and who may connect.

use std::{
    fs, io,
    os::fd::OwnedFd,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::Stream;

/// User id of the process at the other end, as the kernel tells it (`SO_PEERCRED`).
pub type PeerUid = u32;

/// Why there is no listening socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Another process answers there.
    #[error("another process listens on {}: is an introducer running already?", .0.display())]
    InUse(PathBuf),
    /// There is something that is no socket.
    #[error("{} exists and is no socket: move it away, or set another `socket`", .0.display())]
    NotASocket(PathBuf),
    /// Anything else.
    #[error("can't listen on {}: {error}", path.display())]
    Io {
        /// The socket's path.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// A listening socket that nobody accepts on yet: to be used here ([`listen`](Self::listen)) or by children.
#[derive(Debug)]
pub struct BoundSocket {
    #[expect(clippy::disallowed_types, reason = "net is where AF_UNIX sockets are made")]
    listener: std::os::unix::net::UnixListener,
    place: Option<Place>,
}

/// The path of a socket, which goes with it.
#[derive(Debug)]
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        // Best effort: a socket left behind is replaced at the next start.
        let _ = fs::remove_file(&self.0);
    }
}

impl BoundSocket {
    /// Makes the socket with `mode`, in place of one that a dead process left behind. The path is removed when it is dropped.
    ///
    /// # Errors
    /// See [`ListenError`]; nothing was removed but a dead socket.
    #[expect(clippy::disallowed_types, reason = "net is where AF_UNIX sockets are made")]
    pub fn bind(path: &Path, mode: u32) -> Result<Self, ListenError> {
        let failed = |error| ListenError::Io { path: path.to_owned(), error };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(found) if !found.file_type().is_socket() => return Err(ListenError::NotASocket(path.to_owned())),
            Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    fs::remove_file(path).map_err(failed)?;
                }
                _ => return Err(ListenError::InUse(path.to_owned())),
            },
        }
        let listener = std::os::unix::net::UnixListener::bind(path).map_err(failed)?;
        let place = Some(Place(path.to_owned()));
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self { listener, place })
    }

    /// The socket that whoever started this process made; `None` when `handle` is not a listening AF_UNIX socket. Its path
    /// is not this process's to remove.
    ///
    /// # Errors
    /// Of the system.
    pub fn inherited(handle: OwnedFd) -> io::Result<Option<Self>> {
        let listens = match rustix::net::sockopt::socket_acceptconn(&handle) {
            Err(rustix::io::Errno::NOTSOCK) => false,
            answer => answer?,
        };
        if !listens || rustix::net::sockopt::socket_domain(&handle)? != rustix::net::AddressFamily::UNIX {
            return Ok(None);
        }
        #[expect(clippy::disallowed_types, reason = "net is where AF_UNIX sockets are made")]
        let listener = std::os::unix::net::UnixListener::from(handle);
        listener.set_nonblocking(true)?;
        Ok(Some(Self { listener, place: None }))
    }

    /// The same socket for a child: what waits in its backlog waits for whoever accepts next.
    ///
    /// # Errors
    /// Of the system.
    pub fn handle(&self) -> io::Result<OwnedFd> {
        self.listener.try_clone().map(OwnedFd::from)
    }

    /// Accepts from now on. To be called on an event loop.
    ///
    /// # Errors
    /// Of the system.
    #[expect(clippy::disallowed_types, reason = "net is where AF_UNIX streams are accepted")]
    pub fn listen(self) -> io::Result<Listener> {
        let listener = tokio::net::UnixListener::from_std(self.listener)?;
        Ok(Listener { listener, _place: self.place })
    }
}

/// Accepts streams of a carrier.
#[derive(Debug)]
pub struct Listener {
    #[expect(clippy::disallowed_types, reason = "net is where AF_UNIX streams are accepted")]
    listener: tokio::net::UnixListener,
    _place: Option<Place>,
}

impl Listener {
    /// [`BoundSocket::bind`] and [`BoundSocket::listen`] in one.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn bind(path: &Path, mode: u32) -> Result<Self, ListenError> {
        BoundSocket::bind(path, mode)?.listen().map_err(|error| ListenError::Io { path: path.to_owned(), error })
    }

    /// The next stream, and who connected.
    ///
    /// # Errors
    /// Of the system; most pass (too many open files), so the caller waits and goes on.
    pub async fn accept(&self) -> io::Result<(Stream, PeerUid)> {
        let (stream, _) = self.listener.accept().await?;
        let uid = stream.peer_cred()?.uid();
        Ok((stream, uid))
    }
}

/// Two ends of a stream: one for the event loop, one for a child. Neither gets to a child by mistake.
///
/// # Errors
/// Of the system.
#[expect(clippy::disallowed_types, reason = "net is where AF_UNIX streams are made")]
pub fn pair() -> io::Result<(Stream, OwnedFd)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((Stream::from_std(ours)?, theirs.into()))
}
