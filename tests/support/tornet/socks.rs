//! A SOCKS5 client on an AF_UNIX socket: enough to ask a tor for an onion service.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::poll;

/// For one answer of tor, which tries several circuits, and waits up to two minutes, before it gives up.
const REPLY_TIMEOUT: Duration = Duration::from_secs(130);

/// From the upload of a descriptor to the first connection: under a second as a rule, but a client that asked too early
/// waits before it asks the same directory again.
const REACHABLE_SECONDS_MAX: u64 = 300;

/// Tor's extended reply: the service exists, but this client is not authorized (socks-extensions).
pub const MISSING_CLIENT_AUTH: u8 = 0xf4;

/// Why there is no connection.
#[derive(Debug)]
pub enum SocksError {
    /// The proxy could not be talked to.
    Io(io::Error),
    /// The proxy's reply code (RFC 1928, section 6; tor's `ExtendedErrors` from 0xF0).
    Refused(u8),
}

impl fmt::Display for SocksError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(out, "the SOCKS proxy failed: {error}"),
            Self::Refused(code) => write!(out, "the SOCKS proxy answered {code:#04x}"),
        }
    }
}

impl std::error::Error for SocksError {}

impl From<io::Error> for SocksError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Connects to `host:port` through the proxy. With `IsolateSOCKSAuth`, connections of different users share no circuit.
///
/// # Errors
/// When the proxy refuses, with its reason.
pub fn connect(proxy: &Path, host: &str, port: u16, user: Option<&str>) -> Result<UnixStream, SocksError> {
    let mut stream = UnixStream::connect(proxy)?;
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
    authenticate(&mut stream, user)?;

    let mut request = vec![5, 1, 0, 3]; // version, CONNECT, reserved, domain name
    push_counted(&mut request, host.as_bytes());
    request.extend(port.to_be_bytes());
    stream.write_all(&request)?;

    let [version, reply, reserved, address_kind] = read_array(&mut stream)?;
    if reply != 0 {
        return Err(SocksError::Refused(reply));
    }
    match (version, address_kind) {
        (5, 1) => read_array::<6>(&mut stream).map(drop)?, // an unspecified IPv4 address, and a port
        (5, 4) => read_array::<18>(&mut stream).map(drop)?, // the same of IPv6
        _ => {
            let start = [version, reply, reserved, address_kind];
            return Err(io::Error::other(format!("not a SOCKS5 reply: {start:?}")).into());
        }
    }
    Ok(stream)
}

/// Connects to a service that has just been published, again until it succeeds.
///
/// # Panics
/// When the service stays out of reach.
#[must_use]
#[track_caller]
pub fn connect_eventually(proxy: &Path, host: &str, port: u16, user: Option<&str>) -> UnixStream {
    let mut last = None;
    let connected =
        poll(REACHABLE_SECONDS_MAX, || connect(proxy, host, port, user).map_err(|error| last = Some(error)).ok());
    connected.unwrap_or_else(|| panic!("{host}:{port} was not reached in {REACHABLE_SECONDS_MAX} s: {last:?}"))
}

/// Negotiates "no authentication", or user name and password (RFC 1929) for the sake of isolation.
fn authenticate(stream: &mut UnixStream, user: Option<&str>) -> io::Result<()> {
    let method = if user.is_some() { 2 } else { 0 };
    stream.write_all(&[5, 1, method])?;
    let mut accepted = read_array(stream)? == [5, method];
    if let (true, Some(user)) = (accepted, user) {
        let mut request = vec![1];
        push_counted(&mut request, user.as_bytes());
        push_counted(&mut request, b"x");
        stream.write_all(&request)?;
        accepted = read_array(stream)? == [1, 0];
    }
    if accepted { Ok(()) } else { Err(io::Error::other("the SOCKS proxy refused the authentication")) }
}

fn push_counted(request: &mut Vec<u8>, text: &[u8]) {
    request.push(u8::try_from(text.len()).expect("SOCKS names have at most 255 bytes"));
    request.extend(text);
}

fn read_array<const N: usize>(stream: &mut UnixStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
