//! AF_UNIX streams: accepting what a carrier brings, dialling through a carrier's SOCKS socket. No IP here.

mod frame;
mod listen;
mod proxy_line;
mod socks;

pub use frame::{ReadError, read_frame};
pub use listen::{BoundSocket, ListenError, Listener, PeerUid};
pub use proxy_line::{CircuitId, PROXY_LINE_BYTES_MAX, ProxyLineError, parse_proxy_line, read_proxy_line};
pub use socks::{DialError, Isolation, SocksError, dial, handshake};

/// The stream both ends use.
#[expect(clippy::disallowed_types, reason = "net is where AF_UNIX streams are made")]
pub type Stream = tokio::net::UnixStream;
