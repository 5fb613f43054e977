//! A SOCKS5 proxy on an AF_UNIX socket, in the place of Tor: it notes who asked for what and brings each stream to an
//! AF_UNIX socket with the PROXY line that C tor writes. Streams share a circuit when their credentials are equal.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anteroom::net::{Listener, Stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::{AbortHandle, JoinSet},
};

/// One request that reached the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Number of the circuit, as in the PROXY line; 1 is the first.
    pub(crate) circuit: u32,
}

/// Not every test reads every field.
const _: fn(&Dial) -> (&str, &str, &str, u16, u32) =
    |dial| (&dial.username, &dial.password, &dial.host, dial.port, dial.circuit);

/// A running proxy; ends when dropped.
pub(crate) struct SocksProxy {
    /// The socket to give to a client.
    pub(crate) path: PathBuf,
    /// Every request so far, refused ones too.
    pub(crate) log: Arc<Mutex<Vec<Dial>>>,
    task: AbortHandle,
}

impl Drop for SocksProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SocksProxy {
    /// Listens on `dir/socks`. `route` tells which AF_UNIX socket a host is, or the SOCKS code to refuse it with.
    pub(crate) fn start(
        dir: &Path,
        route: impl Fn(&str) -> Result<PathBuf, u8> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start_by_port(dir, move |host, _port| route(host))
    }

    /// The same for a network whose hosts have several ports.
    pub(crate) fn start_by_port(
        dir: &Path,
        route: impl Fn(&str, u16) -> Result<PathBuf, u8> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let path = dir.join("socks");
        let listener = Listener::bind(&path, 0o600).map_err(io::Error::other)?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let serving = serve(listener, Arc::new(route), Arc::clone(&log));
        Ok(Self { path, log, task: tokio::spawn(serving).abort_handle() })
    }
}

async fn serve<R>(listener: Listener, route: Arc<R>, log: Arc<Mutex<Vec<Dial>>>)
where
    R: Fn(&str, u16) -> Result<PathBuf, u8> + Send + Sync + 'static,
{
    let circuits = Arc::new(Mutex::new(BTreeMap::new()));
    // Dropped with the proxy, and all streams with it.
    let mut streams = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (route, log, circuits) = (Arc::clone(&route), Arc::clone(&log), Arc::clone(&circuits));
        streams.spawn(async move {
            // A client that breaks off ends its own stream; a test sees that at the client.
            let _ = connect(client, &*route, &log, &circuits).await;
        });
        while streams.try_join_next().is_some() {}
    }
}

async fn connect(
    mut client: Stream,
    route: &(impl Fn(&str, u16) -> Result<PathBuf, u8> + Send + Sync),
    log: &Mutex<Vec<Dial>>,
    circuits: &Mutex<BTreeMap<(String, String), u32>>,
) -> io::Result<()> {
    let [_, methods] = read::<2>(&mut client).await?;
    client.read_exact(&mut vec![0; methods.into()]).await?;
    client.write_all(&[5, 2]).await?;
    let [_version] = read::<1>(&mut client).await?;
    let (username, password) = (read_text(&mut client).await?, read_text(&mut client).await?);
    client.write_all(&[1, 0]).await?;
    let [_version, _command, _reserved, _kind_name] = read::<4>(&mut client).await?;
    let host = read_text(&mut client).await?;
    let port = u16::from_be_bytes(read::<2>(&mut client).await?);
    let circuit = {
        let mut circuits = circuits.lock().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(circuits.len()).unwrap_or(u32::MAX) + 1;
        *circuits.entry((username.clone(), password.clone())).or_insert(next)
    };
    let dial = Dial { username, password, host, port, circuit };
    let target = route(&dial.host, dial.port);
    log.lock().unwrap_or_else(PoisonError::into_inner).push(dial);
    let refusal = |code: u8| [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
    let mut server = match target {
        Err(code) => return client.write_all(&refusal(code)).await,
        // 05: connection refused.
        Ok(path) => match Stream::connect(path).await {
            Err(_) => return client.write_all(&refusal(5)).await,
            Ok(server) => server,
        },
    };
    let (high, low) = (circuit >> 16, circuit & 0xffff);
    let line = format!("PROXY TCP6 fc00:dead:beef:4dad::{high:x}:{low:x} ::1 {low} 80\r\n");
    server.write_all(line.as_bytes()).await?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

async fn read_text(stream: &mut Stream) -> io::Result<String> {
    let [length] = read::<1>(stream).await?;
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

async fn read<const N: usize>(stream: &mut Stream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
