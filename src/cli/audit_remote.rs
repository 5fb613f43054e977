//! What a live service shows to strangers: asked through Tor, as a stranger would, and judged by `audit`.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use data_encoding::HEXLOWER;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    failure::{Exit, Failure, system},
    introducers::block_on,
    lockdown::{self, SandboxOption},
    output,
};
use crate::{
    ambient,
    audit::{self, Report, Seen},
    client::{Client, ClientError, ClientSettings, Introducer},
    config::SOCKS_DEFAULT,
    net::{self, DialError, Isolation, ReadError, Stream},
    protocol::{
        About, Bucket, FrameError, Hello, LENGTH_BYTES, LookupMode, Request, Response, WatchMode, Welcomed,
        frame_length,
    },
    record::{AddressKinds, GridId, HashedNodeId, NodeId},
};

/// How long a service is given to speak first, or to answer what is no request.
const SILENCE: Duration = Duration::from_secs(5);
/// What Tor may take for a stream, and a service for an answer.
const DEADLINE: Duration = Duration::from_secs(60);
/// Keys that nobody has, asked for in comparison: one could meet a fault by chance.
const UNKNOWN_KEYS: usize = 3;
/// Records looked at: enough to see what kind of service this is, little to carry over Tor (4 MiB).
const RECORDS_MAX: usize = 2_000;
/// What answers to scanners elsewhere: ssh, mail, names, the web, I2P, Tor.
const OTHER_PORTS: [u16; 10] = [22, 25, 53, 80, 443, 3000, 7657, 8080, 9050, 9051];
/// Streams that no introducer answers: of the web, and a frame of the right length without the magic.
const STRANGERS: [&[u8]; 2] = [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", &[0, 0, 4, 0]];

#[derive(Args)]
pub(super) struct Remote {
    /// Look at a live introducer from outside, `….onion:80`. It learns that somebody looks, and sees one listed node named
    #[arg(long, value_name = "ADDRESS", requires = "grid", conflicts_with = "attack")]
    remote: Option<Introducer>,
    /// Id of the grid that --remote serves
    #[arg(long, value_name = "ID", requires = "remote")]
    grid: Option<GridId>,
    /// AF_UNIX socket of tor's SOCKS port, for --remote
    #[arg(long, value_name = "PATH", default_value = SOCKS_DEFAULT)]
    socks: PathBuf,
    /// Ports that --remote must not answer on
    #[arg(long, value_name = "PORT", value_delimiter = ',', default_values_t = OTHER_PORTS)]
    ports: Vec<u16>,
    #[command(flatten)]
    sandbox: SandboxOption,
}

impl Remote {
    /// Whether there was something to look at.
    ///
    /// # Errors
    /// When it could not be looked at.
    pub(super) fn run(&self, report: &mut Report) -> Result<bool, Failure> {
        let (Some(introducer), Some(grid)) = (self.remote, self.grid) else { return Ok(false) };
        lockdown::reader(&self.sandbox, None)?;
        let (seen, records) = block_on(self.look(introducer, grid))?;
        if seen.known.is_none() {
            output::say("no record is listed: answers to known and unknown keys could not be compared");
        }
        output::say(format_args!("looked at {records} records; what time an answer took is not judged over Tor"));
        report.append(audit::judge_remote(&introducer.to_string(), &seen));
        Ok(true)
    }

    async fn look(&self, introducer: Introducer, grid: GridId) -> Result<(Seen, usize), Failure> {
        let mut settings = ClientSettings::new(&self.socks, grid);
        // Whatever is served shall be seen.
        settings.addresses = AddressKinds { onion: true, i2p: true, clearnet: true };
        let client = Client::new(settings).map_err(system("no client can be made"))?;
        let about = client.about(&introducer).await?;
        let mut seen = Seen {
            admits_clearnet: about.clearnet,
            exact: matches!(about.lookup, LookupMode::Exact),
            immediate: matches!(about.watch, WatchMode::Immediate),
            ..Seen::default()
        };
        let (listed, records) = list(&client, &introducer, &about, &mut seen).await?;
        let probe = Probe::new(&introducer, &self.socks)?;
        seen.spoke_first = probe.answers(&[]).await?;
        for stranger in STRANGERS {
            // A whole frame, so that nobody waits for the rest of it.
            let bytes = [stranger, &[0; 1024]].concat();
            seen.answered_strangers |= probe.answers(&bytes).await?;
        }
        if let Some(node) = listed {
            let hash = HashedNodeId::new(&grid, &node);
            seen.known = Some(probe.shape(*hash.as_bytes(), *node.as_bytes(), &mut seen.odd_length).await?);
        }
        for _ in 0..UNKNOWN_KEYS {
            let drawn = || ambient::random::<32>().map_err(system("no randomness"));
            let shape = probe.shape(drawn()?, drawn()?, &mut seen.odd_length).await?;
            seen.unknown.push(shape);
        }
        for port in self.ports.iter().copied().filter(|port| *port != probe.port) {
            if probe.opens(port).await? {
                seen.other_ports.insert(port);
            }
        }
        Ok((seen, records))
    }
}

/// Looks at what is listed: one of the nodes, and how many records were seen.
async fn list(
    client: &Client,
    introducer: &Introducer,
    about: &About,
    seen: &mut Seen,
) -> Result<(Option<NodeId>, usize), Failure> {
    let admitted = AddressKinds { onion: about.onion, i2p: about.i2p, clearnet: about.clearnet };
    let (mut listing, mut first, mut records) = (client.list(introducer, None, None).await?, None, 0);
    while records < RECORDS_MAX {
        let Some(record) = listing.next().await? else { break };
        let claims = record.claims();
        seen.wrong_kind += u64::from(claims.addresses().any(|address| !admitted.admits(address.kind())));
        first.get_or_insert(claims.node);
        records += 1;
    }
    let dropped = client.dropped();
    seen.unverifiable = dropped.malformed + dropped.wrong_grid + dropped.signature;
    Ok((first, records))
}

/// Streams to one service, each on a circuit of its own.
struct Probe<'a> {
    socks: &'a std::path::Path,
    host: String,
    port: u16,
}

impl<'a> Probe<'a> {
    fn new(introducer: &Introducer, socks: &'a std::path::Path) -> Result<Self, Failure> {
        let text = introducer.to_string();
        let (host, port) = text.rsplit_once(':').unwrap_or_default();
        let port = port.parse().map_err(|_| Failure::new(Exit::Usage, "the address has no port"))?;
        Ok(Self { socks, host: host.to_owned(), port })
    }

    async fn dial(&self, port: u16) -> Result<Result<Stream, DialError>, Failure> {
        let drawn: [u8; 16] = ambient::random().map_err(system("no randomness"))?;
        let isolation = Isolation { username: "anteroom".into(), password: HEXLOWER.encode(&drawn) };
        Ok(net::dial(self.socks, &self.host, port, &isolation, DEADLINE).await)
    }

    async fn stream(&self) -> Result<Stream, Failure> {
        Ok(self.dial(self.port).await?.map_err(ClientError::from)?)
    }

    /// Does this port let a stream in?
    async fn opens(&self, port: u16) -> Result<bool, Failure> {
        match self.dial(port).await? {
            Ok(_) => Ok(true),
            // The proxy says no; what else goes wrong tells nothing of the port.
            Err(DialError::Refused(_)) => Ok(false),
            Err(error) => Err(ClientError::from(error).into()),
        }
    }

    /// Does a single byte come back for `bytes`, or for nothing?
    async fn answers(&self, bytes: &[u8]) -> Result<bool, Failure> {
        let mut stream = self.stream().await?;
        // A service that closes at once breaks the writing; that is as good as any other silence.
        let _ = stream.write_all(bytes).await;
        let mut byte = [0];
        match tokio::time::timeout(SILENCE, stream.read(&mut byte)).await {
            Ok(Ok(got)) => Ok(got > 0),
            Ok(Err(_)) | Err(_) => Ok(false),
        }
    }

    /// Kind and length of the answers about one key.
    async fn shape(
        &self,
        hash: [u8; 32],
        node: [u8; 32],
        odd_length: &mut bool,
    ) -> Result<Vec<(String, usize)>, Failure> {
        let prefix = *HashedNodeId::from_bytes(hash).with_tail(LOOKUP_BITS, false).as_bytes();
        let requests = [
            Request::Lookup { prefix: hash, bits: LOOKUP_BITS_WHOLE, after: None },
            Request::Lookup { prefix, bits: LOOKUP_BITS, after: None },
            Request::Evidence { node },
        ];
        let mut shape = Vec::new();
        for request in &requests {
            match self.ask(request).await? {
                Some(frame) => shape.push(frame),
                None => *odd_length = true,
            }
        }
        Ok(shape)
    }

    /// Kind and length of one answer. `None`: it has a length that no frame has.
    async fn ask(&self, request: &Request<'_>) -> Result<Option<(String, usize)>, Failure> {
        let mut stream = self.stream().await?;
        let frame = request.encode(Some(Hello::OURS)).map_err(ClientError::Frame)?;
        stream.write_all(&frame).await.map_err(ClientError::Broken)?;
        let mut payload = Vec::new();
        let judge = |header: [u8; LENGTH_BYTES]| frame_length(header, Bucket::SixtyFourKib);
        match net::read_frame(&mut stream, &mut payload, DEADLINE, DEADLINE, judge).await {
            Ok(()) => {}
            Err(ReadError::Refused(FrameError::Length)) => return Ok(None),
            Err(error) => return Err(ClientError::from(error).into()),
        }
        let answer = Welcomed::decode(&payload).map_err(ClientError::Frame)?;
        if let Response::Busy { retry_after_seconds } = answer.response {
            // A budget that is used up has nothing to do with the key.
            return Err(ClientError::Busy { retry_after: Duration::from_secs(retry_after_seconds.into()) }.into());
        }
        Ok(Some((kind(&answer.response).to_owned(), payload.len())))
    }
}

/// Bits of a prefix that every service with at least one record answers with a shelf.
const LOOKUP_BITS: u16 = 8;
/// The whole hash.
const LOOKUP_BITS_WHOLE: u16 = 256;

/// The kind of an answer, without what it says.
const fn kind(response: &Response<'_>) -> &'static str {
    match response {
        Response::Shelf { .. } => "Shelf",
        Response::ShelfExact { .. } => "ShelfExact",
        Response::Evidence { .. } => "Evidence",
        _ => "another",
    }
}
