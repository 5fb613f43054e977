//! The line a carrier writes in front of each stream (PROXY protocol version 1, as C tor's
//! `HiddenServiceExportCircuitID haproxy` writes it). Mandatory: without it all strangers would be one.

use std::{net::Ipv6Addr, time::Duration};

use tokio::io::{AsyncRead, AsyncReadExt};

/// The PROXY protocol's own limit.
pub const PROXY_LINE_BYTES_MAX: usize = 107;
/// The address block in which C tor puts circuit ids (`fc00:dead:beef:4dad::/64`).
const CIRCUIT_BLOCK: [u16; 4] = [0xfc00, 0xdead, 0xbeef, 0x4dad];

/// Number of a rendezvous circuit within one run of the carrier. Says nothing of who is behind it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CircuitId(u32);

impl CircuitId {
    /// From the carrier's number.
    pub const fn new(id: u32) -> Self {
        Self(id)
    }
}

// Not even at debug level: a circuit id ties log lines to one visit of one person.
impl std::fmt::Debug for CircuitId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CircuitId(…)")
    }
}

/// Why there is no circuit id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyLineError {
    /// It did not come in time, or the stream ended.
    #[error("no PROXY line came: set `HiddenServiceExportCircuitID haproxy` in torrc")]
    Missing,
    /// Something else came.
    #[error("what came first is no PROXY line with a circuit id: set `HiddenServiceExportCircuitID haproxy` in torrc")]
    Malformed,
}

/// Reads the line, up to its CRLF and not a byte further.
///
/// # Errors
/// See [`ProxyLineError`].
pub async fn read_proxy_line<R: AsyncRead + Unpin>(
    stream: &mut R,
    deadline: Duration,
) -> Result<CircuitId, ProxyLineError> {
    let mut line = [0; PROXY_LINE_BYTES_MAX];
    let read = async {
        // The shortest line that can carry an id comes in one piece; the rest byte by byte, since what follows the line
        // belongs to somebody else.
        let mut length = 0;
        while !line.get(..length).unwrap_or_default().ends_with(b"\r\n") {
            let missing = LINE_BYTES_MIN.saturating_sub(length).max(1);
            let space = line.get_mut(length..length + missing).ok_or(ProxyLineError::Malformed)?;
            let got = stream.read(space).await.map_err(|_| ProxyLineError::Missing)?;
            if got == 0 {
                return Err(ProxyLineError::Missing);
            }
            length += got;
        }
        Ok(length)
    };
    let length = tokio::time::timeout(deadline, read).await.map_err(|_| ProxyLineError::Missing)??;
    parse_proxy_line(line.get(..length).unwrap_or_default())
}

/// `PROXY TCP6 fc00:dead:beef:4dad::0:1 ::1 1 1\r\n` with the shortest spelling of every part.
const LINE_BYTES_MIN: usize = b"PROXY TCP6 fc00:dead:beef:4dad:: :: 0 0\r\n".len();

/// The line of a circuit, as C tor writes it: the id is the low half of the source address, and its low half the port.
pub fn proxy_line(CircuitId(id): CircuitId) -> Vec<u8> {
    let [a, b, c, d] = CIRCUIT_BLOCK;
    let source = Ipv6Addr::new(a, b, c, d, 0, 0, (id >> 16) as u16, id as u16);
    format!("PROXY TCP6 {source} ::1 {} 80\r\n", id as u16).into_bytes()
}

/// The id in a whole line, CRLF included; pure, so that it can be tried on any bytes.
///
/// # Errors
/// `Malformed`.
pub fn parse_proxy_line(line: &[u8]) -> Result<CircuitId, ProxyLineError> {
    let line = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok());
    let line = line.ok_or(ProxyLineError::Malformed)?;
    let mut words = line.split(' ');
    if (words.next(), words.next()) != (Some("PROXY"), Some("TCP6")) {
        return Err(ProxyLineError::Malformed);
    }
    let source: Ipv6Addr = words.next().and_then(|word| word.parse().ok()).ok_or(ProxyLineError::Malformed)?;
    let rest = [words.next(), words.next(), words.next()];
    if rest.contains(&None) || words.next().is_some() {
        return Err(ProxyLineError::Malformed);
    }
    match source.segments() {
        [a, b, c, d, 0, 0, high, low] if [a, b, c, d] == CIRCUIT_BLOCK => {
            Ok(CircuitId((u32::from(high) << 16) | u32::from(low)))
        }
        _ => Err(ProxyLineError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_c_tor_gives_its_circuit_id() {
        let line = b"PROXY TCP6 fc00:dead:beef:4dad::0:1b ::1 27 80\r\n";
        assert_eq!(parse_proxy_line(line), Ok(CircuitId(27)));
        let line = b"PROXY TCP6 fc00:dead:beef:4dad::ffff:ffff ::1 65535 80\r\n";
        assert_eq!(parse_proxy_line(line), Ok(CircuitId(u32::MAX)));
    }

    #[test]
    fn what_is_no_circuit_id_is_refused() {
        for line in [
            b"PROXY TCP4 127.0.0.1 127.0.0.1 1 1\r\n".as_slice(),
            b"PROXY TCP6 2001:db8::1 ::1 1 1\r\n",
            b"PROXY TCP6 fc00:dead:beef:4dad:1::1 ::1 1 1\r\n",
            b"PROXY TCP6 fc00:dead:beef:4dad::1 ::1 1\r\n",
            b"PROXY TCP6 fc00:dead:beef:4dad::1 ::1 1 1 1\r\n",
            b"PROXY UNKNOWN\r\n",
            b"\xff\r\n",
            b"",
        ] {
            assert_eq!(parse_proxy_line(line), Err(ProxyLineError::Malformed));
        }
    }

    #[test]
    fn a_line_that_is_written_is_read() {
        for id in [0, 1, 27, 0xffff, 0x1_0000, u32::MAX] {
            let line = proxy_line(CircuitId(id));
            assert!(line.len() <= PROXY_LINE_BYTES_MAX);
            assert_eq!(parse_proxy_line(&line), Ok(CircuitId(id)));
        }
    }

    #[tokio::test]
    async fn not_a_byte_behind_the_line_is_taken() {
        let mut stream = b"PROXY TCP6 fc00:dead:beef:4dad::0:1b ::1 27 80\r\nrest".as_slice();
        let id = read_proxy_line(&mut stream, Duration::from_secs(60)).await;
        assert_eq!((id, stream), (Ok(CircuitId(27)), b"rest".as_slice()));
    }
}
