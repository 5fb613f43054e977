//! SOCKS5 on an AF_UNIX socket: to onion services and nowhere else.

use std::{fmt, sync::Arc, time::Duration};

use arti_client::{ErrorKind, HasKind, StreamPrefs, isolation::IsolationHelper};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinSet,
};
use tor_hscrypto::pk::HsId;
use tor_socksproto::{
    Buffer, Handshake as _, NextStep, PreciseReads, SocksAddr, SocksAuth, SocksCmd, SocksProxyHandshake, SocksRequest,
    SocksStatus, SocksVersion,
};

use super::{TorClient, onion_stream::Onion};
use crate::{
    carrier::forward::forward,
    net::{Listener, Stream},
};

/// Streams at once. A client opens one a role and introducer; the rest waits in the socket's backlog.
const STREAMS_MAX: usize = 256;
/// A local client says at once what it wants.
const HANDSHAKE_SECONDS_MAX: u64 = 10;
/// From the request to the answer: longer than a client waits, so that it is the client who gives up.
const CONNECT_SECONDS_MAX: u64 = 180;
/// After a failed accept (too many open files): what is in the way may be gone by then.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves for ever.
pub(super) async fn serve(listener: Listener, client: &Arc<TorClient>) {
    let mut streams = JoinSet::new();
    let own = rustix::process::geteuid().as_raw();
    loop {
        tokio::select! {
            Some(_) = streams.join_next() => {}
            accepted = listener.accept(), if streams.len() < STREAMS_MAX => match accepted {
                // The socket's mode says the same; this is so when its directory was copied, too.
                Ok((stream, uid)) if uid == own || uid == 0 => {
                    let client = Arc::clone(client);
                    streams.spawn(async move { serve_stream(stream, &client).await });
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

/// One stream, to its end. What went wrong is told by the code of the SOCKS answer.
async fn serve_stream(mut stream: Stream, client: &TorClient) {
    let handshake = tokio::time::timeout(Duration::from_secs(HANDSHAKE_SECONDS_MAX), handshake(&mut stream));
    let Ok(Some(request)) = handshake.await else { return };
    let connected = match target(&request) {
        Ok(target) => {
            let connecting = tokio::time::timeout(Duration::from_secs(CONNECT_SECONDS_MAX), connect(client, target));
            connecting.await.unwrap_or(Err(SocksStatus::TTL_EXPIRED))
        }
        Err(status) => Err(status),
    };
    let status = connected.as_ref().map_or_else(|status| *status, |_| SocksStatus::SUCCEEDED);
    let Ok(reply) = request.reply(status, None) else { return };
    if stream.write_all(&reply).await.is_err() {
        return;
    }
    if let Ok(onion) = connected {
        let _ = forward(stream, onion).await;
    }
}

async fn handshake(stream: &mut Stream) -> Option<SocksRequest> {
    let mut socks = SocksProxyHandshake::new();
    let mut buffer = Buffer::<PreciseReads>::new_precise();
    loop {
        match socks.step(&mut buffer).ok()? {
            NextStep::Send(bytes) => stream.write_all(&bytes).await.ok()?,
            NextStep::Recv(mut wanted) => {
                let got = stream.read(wanted.buf()).await.ok()?;
                wanted.note_received(got).ok()?;
            }
            NextStep::Finished(finished) => return finished.into_output().ok(),
        }
    }
}

struct Target {
    host: String,
    port: u16,
    isolation: Isolation,
}

fn target(request: &SocksRequest) -> Result<Target, SocksStatus> {
    if request.command() != SocksCmd::CONNECT {
        return Err(SocksStatus::COMMAND_NOT_SUPPORTED);
    }
    // Whoever does not say what may share a circuit would share one with everybody.
    let (SocksVersion::V5, SocksAuth::Username(name, password)) = (request.version(), request.auth()) else {
        return Err(SocksStatus::GENERAL_FAILURE);
    };
    let SocksAddr::Hostname(host) = request.addr() else { return Err(SocksStatus::NOT_ALLOWED) };
    let host = host.as_ref();
    if !host.ends_with(".onion") {
        return Err(SocksStatus::NOT_ALLOWED);
    }
    host.parse::<HsId>().map_err(|_| SocksStatus::HS_BAD_ADDRESS)?;
    let isolation = Isolation { name: name.clone(), password: password.clone() };
    Ok(Target { host: host.to_owned(), port: request.port(), isolation })
}

async fn connect(client: &TorClient, target: Target) -> Result<Onion, SocksStatus> {
    let mut prefs = StreamPrefs::new();
    prefs.set_isolation(target.isolation);
    let connecting = client.connect_with_prefs((target.host.as_str(), target.port), &prefs);
    connecting.await.map(Onion).map_err(|error| status(error.kind()))
}

/// As C tor says it (proposal 304), so that what a client tells its user fits both.
fn status(kind: ErrorKind) -> SocksStatus {
    match kind {
        ErrorKind::OnionServiceNotFound => SocksStatus::HS_DESC_NOT_FOUND,
        ErrorKind::OnionServiceProtocolViolation => SocksStatus::HS_DESC_INVALID,
        ErrorKind::OnionServiceNotRunning => SocksStatus::HS_INTRO_FAILED,
        ErrorKind::OnionServiceConnectionFailed => SocksStatus::HS_REND_FAILED,
        ErrorKind::OnionServiceMissingClientAuth => SocksStatus::HS_MISSING_CLIENT_AUTH,
        ErrorKind::OnionServiceWrongClientAuth => SocksStatus::HS_WRONG_CLIENT_AUTH,
        ErrorKind::OnionServiceAddressInvalid | ErrorKind::InvalidStreamTarget => SocksStatus::HS_BAD_ADDRESS,
        ErrorKind::RemoteConnectionRefused | ErrorKind::RemoteStreamClosed | ErrorKind::RemoteStreamError => {
            SocksStatus::CONNECTION_REFUSED
        }
        ErrorKind::LocalNetworkError | ErrorKind::TorAccessFailed | ErrorKind::BootstrapRequired => {
            SocksStatus::NETWORK_UNREACHABLE
        }
        ErrorKind::TorNetworkTimeout | ErrorKind::RemoteNetworkTimeout => SocksStatus::TTL_EXPIRED,
        _ => SocksStatus::GENERAL_FAILURE,
    }
}

/// Streams may share a circuit when both parts are equal.
#[derive(Clone, PartialEq, Eq)]
struct Isolation {
    name: Vec<u8>,
    password: Vec<u8>,
}

// arti logs isolations at trace level.
impl fmt::Debug for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Isolation(…)")
    }
}

impl IsolationHelper for Isolation {
    fn compatible_same_type(&self, other: &Self) -> bool {
        self == other
    }

    fn join_same_type(&self, other: &Self) -> Option<Self> {
        (self == other).then(|| self.clone())
    }
}
