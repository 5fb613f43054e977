//! SOCKS5 (RFC 1928, RFC 1929) as Tor speaks it, over an AF_UNIX socket, with Tor's extended errors (proposal 304).

use std::{fmt, io, path::Path, time::Duration};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Stream;

const VERSION: u8 = 5;
const METHOD_PASSWORD: u8 = 2;
const PASSWORD_VERSION: u8 = 1;
const COMMAND_CONNECT: u8 = 1;
const ADDRESS_V4: u8 = 1;
const ADDRESS_NAME: u8 = 3;
const ADDRESS_V6: u8 = 4;

/// Streams with equal isolation may share a circuit; with different ones they never do (`IsolateSOCKSAuth`, on by default).
///
/// # Security
/// Both parts must say nothing of the user: a keyed hash, or random.
#[derive(Clone, PartialEq, Eq)]
pub struct Isolation {
    /// 1 to 255 bytes.
    pub username: String,
    /// 1 to 255 bytes.
    pub password: String,
}

impl fmt::Debug for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Isolation(…)")
    }
}

/// What a SOCKS proxy answers when it does not connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SocksError {
    /// F0.
    #[error("the onion service's descriptor can't be found: the introducer is down, or the address is wrong")]
    DescriptorNotFound,
    /// F1.
    #[error("the onion service's descriptor is not valid")]
    DescriptorInvalid,
    /// F2.
    #[error("the introducer is down: its onion service does not answer at its introduction points")]
    IntroductionFailed,
    /// F3.
    #[error("the onion service did not come to the rendezvous: the introducer is overloaded or going down")]
    RendezvousFailed,
    /// F4.
    #[error("this onion service needs a client key: ask its operator for one and add it to ClientOnionAuthDir")]
    ClientAuthMissing,
    /// F5.
    #[error("this onion service does not accept your client key: ask its operator whether it was removed")]
    ClientAuthWrong,
    /// F6.
    #[error("the onion address is not valid: it has a typing error")]
    BadAddress,
    /// F7.
    #[error("the introduction to the onion service timed out: try again")]
    IntroductionTimedOut,
    /// 01.
    #[error("the SOCKS proxy can't connect (set `ExtendedErrors` on its SocksPort to learn why)")]
    General,
    /// 02.
    #[error("the SOCKS proxy's rules forbid this address")]
    Forbidden,
    /// 03.
    #[error("the network can't be reached: is the anonymizing network up?")]
    NetworkUnreachable,
    /// 04.
    #[error("the host can't be reached: the introducer is down, or the address is wrong")]
    HostUnreachable,
    /// 05.
    #[error("the onion service does not listen on this port: check the port, and whether the introducer is running")]
    ConnectionRefused,
    /// 06.
    #[error("the connection timed out within the anonymizing network: try again")]
    TtlExpired,
    /// 07, 08 and all others.
    #[error("the SOCKS proxy answered with a code that is not known here ({0:#04x})")]
    Other(u8),
}

impl SocksError {
    const fn from_code(code: u8) -> Self {
        match code {
            0xf0 => Self::DescriptorNotFound,
            0xf1 => Self::DescriptorInvalid,
            0xf2 => Self::IntroductionFailed,
            0xf3 => Self::RendezvousFailed,
            0xf4 => Self::ClientAuthMissing,
            0xf5 => Self::ClientAuthWrong,
            0xf6 => Self::BadAddress,
            0xf7 => Self::IntroductionTimedOut,
            0x01 => Self::General,
            0x02 => Self::Forbidden,
            0x03 => Self::NetworkUnreachable,
            0x04 => Self::HostUnreachable,
            0x05 => Self::ConnectionRefused,
            0x06 => Self::TtlExpired,
            other => Self::Other(other),
        }
    }
}

/// Why there is no stream to an introducer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The proxy's socket.
    #[error("no SOCKS proxy answers on its socket ({0}): is tor running, and may you open the socket?")]
    Proxy(#[source] io::Error),
    /// It broke off.
    #[error("the SOCKS proxy broke off: {0}")]
    Broken(#[source] io::Error),
    /// It speaks something else.
    #[error("what answers on the SOCKS socket is no SOCKS5 proxy with isolation by password")]
    NotSocks,
    /// The host name does not fit a SOCKS request.
    #[error("the address is too long")]
    AddressTooLong,
    /// It did not answer in time.
    #[error("the anonymizing network did not connect in time: try again, or check that it is up")]
    Deadline,
    /// It refused.
    #[error(transparent)]
    Refused(#[from] SocksError),
}

/// A stream to `host:port`, through the proxy behind `socket`. The name goes to the proxy as it is; nobody resolves it here.
///
/// # Errors
/// See [`DialError`].
pub async fn dial(
    socket: &Path,
    host: &str,
    port: u16,
    isolation: &Isolation,
    deadline: Duration,
) -> Result<Stream, DialError> {
    let connect = async {
        let mut stream = Stream::connect(socket).await.map_err(DialError::Proxy)?;
        handshake(&mut stream, host, port, isolation).await?;
        Ok(stream)
    };
    tokio::time::timeout(deadline, connect).await.map_err(|_| DialError::Deadline)?
}

/// Asks the proxy at the other end of `stream` for a connection. [`dial`] does this, with a deadline.
///
/// # Errors
/// See [`DialError`]; the stream is of no use then.
pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    host: &str,
    port: u16,
    isolation: &Isolation,
) -> Result<(), DialError> {
    stream.write_all(&[VERSION, 1, METHOD_PASSWORD]).await.map_err(DialError::Broken)?;
    if read::<2, _>(stream).await? != [VERSION, METHOD_PASSWORD] {
        return Err(DialError::NotSocks);
    }
    let mut login = vec![PASSWORD_VERSION];
    push_short(&mut login, &isolation.username)?;
    push_short(&mut login, &isolation.password)?;
    stream.write_all(&login).await.map_err(DialError::Broken)?;
    if read::<2, _>(stream).await? != [PASSWORD_VERSION, 0] {
        return Err(DialError::NotSocks);
    }
    let mut request = vec![VERSION, COMMAND_CONNECT, 0, ADDRESS_NAME];
    push_short(&mut request, host)?;
    request.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&request).await.map_err(DialError::Broken)?;
    let [version, code, _, kind] = read::<4, _>(stream).await?;
    if version != VERSION {
        return Err(DialError::NotSocks);
    }
    if code != 0 {
        return Err(SocksError::from_code(code).into());
    }
    skip_bound_address(stream, kind).await
}

async fn skip_bound_address<S: AsyncRead + Unpin>(stream: &mut S, kind: u8) -> Result<(), DialError> {
    let address_bytes = match kind {
        ADDRESS_V4 => 4,
        ADDRESS_V6 => 16,
        ADDRESS_NAME => usize::from(read::<1, _>(stream).await?[0]),
        _ => return Err(DialError::NotSocks),
    };
    let mut ignored = vec![0; address_bytes + 2];
    stream.read_exact(&mut ignored).await.map_err(DialError::Broken)?;
    Ok(())
}

fn push_short(bytes: &mut Vec<u8>, text: &str) -> Result<(), DialError> {
    bytes.push(u8::try_from(text.len()).map_err(|_| DialError::AddressTooLong)?);
    bytes.extend_from_slice(text.as_bytes());
    Ok(())
}

async fn read<const N: usize, S: AsyncRead + Unpin>(stream: &mut S) -> Result<[u8; N], DialError> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(DialError::Broken)?;
    Ok(bytes)
}
