//! The introducer's socket: a path, a mode, and who may connect.

use std::{fs, io, os::unix::fs::FileTypeExt as _, os::unix::fs::PermissionsExt as _, path::Path, path::PathBuf};

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

/// A socket that takes streams already, which wait until a [`Listener`] accepts them. It needs no event loop, so that it can
/// be made before the process gives up the right to make sockets.
#[derive(Debug)]
pub struct BoundSocket {
    #[expect(clippy::disallowed_types, reason = "net is where AF_UNIX streams are accepted")]
    listener: std::os::unix::net::UnixListener,
    file: SocketFile,
}

impl BoundSocket {
    /// Makes the socket with `mode`, in place of one that a dead process left behind.
    ///
    /// # Errors
    /// See [`ListenError`]; nothing was removed but a dead socket.
    #[expect(clippy::disallowed_types, reason = "net is where AF_UNIX streams are accepted")]
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
        let file = SocketFile(path.to_owned());
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self { listener, file })
    }

    /// Hands it to the event loop this is called on.
    ///
    /// # Errors
    /// Of the system.
    #[expect(clippy::disallowed_types, reason = "net is where AF_UNIX streams are accepted")]
    pub fn listen(self) -> io::Result<Listener> {
        Ok(Listener { listener: tokio::net::UnixListener::from_std(self.listener)?, _file: self.file })
    }
}

/// Accepts streams of a carrier.
#[derive(Debug)]
pub struct Listener {
    #[expect(clippy::disallowed_types, reason = "net is where AF_UNIX streams are accepted")]
    listener: tokio::net::UnixListener,
    _file: SocketFile,
}

impl Listener {
    /// [`BoundSocket::bind`] and [`BoundSocket::listen`] at once.
    ///
    /// # Errors
    /// See [`ListenError`]; nothing was removed but a dead socket.
    pub fn bind(path: &Path, mode: u32) -> Result<Self, ListenError> {
        let listening = BoundSocket::bind(path, mode)?.listen();
        listening.map_err(|error| ListenError::Io { path: path.to_owned(), error })
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

/// Removed when dropped.
#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Best effort: a socket left behind is replaced at the next start.
        let _ = fs::remove_file(&self.0);
    }
}
