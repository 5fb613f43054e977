//! The one command of an operator: an introducer and its carrier, each in a process of its own.

use std::{ffi::OsString, path::Path, path::PathBuf};

use clap::Args;

use super::{
    failure::{Exit, Failure, system},
    first_run,
    lockdown::{self, SandboxOption},
    output,
    progress::Progress,
    torrc,
};
use crate::{
    carrier::Report,
    config::{CarrierKind, IntroducerConfig},
    net::{BoundSocket, ListenError},
    record::{Address, GridId},
    supervisor::{Child, Event, OWN_PROGRAM, Role, Supervisor},
};

/// Whoever opens the SOCKS socket uses the network in the name of this user.
const SOCKS_MODE: u32 = 0o600;

#[derive(Args)]
#[command(after_long_help = JSON_HELP)]
pub(super) struct Serve {
    /// The introducer's configuration, `introducer.toml` when not given; SIGHUP reads it again
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON, an event a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sandbox: SandboxOption,
}

const JSON_HELP: &str = "JSON events: started {child, pid}, ended {child, how, again_in_seconds (null: not again)}, torrc \
    {lines}, and from the carrier: bootstrap {percent, doing}, blocked {why, hint}, online, onion {address}, published, \
    reachable {seconds}, not_reachable {why, hint}. Events and fields may be added, none will change.";

impl Serve {
    pub(super) fn run(self, verbose: u8) -> Result<(), Failure> {
        let path = self.config.map_or_else(first_run::configuration, Ok)?;
        let config = IntroducerConfig::load(&path)?;
        refuse_unfit(&config)?;
        let teller = Teller { json: self.json, progress: Progress::new(), grid: config.grid(), address: None };
        let common: Vec<OsString> = (0..verbose).map(|_| "-v".into()).chain(self.sandbox.arguments()).collect();
        // They outlive all children, so that nobody who connects meanwhile is turned away.
        let socket = bind(&config.socket, config.socket_mode)?;
        let mut children = vec![service("introducer", &["introducer"], &path, &common, Some(&socket))?];
        let socks = match config.carrier {
            CarrierKind::Tor => {
                let socks = config.onion.socks.as_deref().map(|socks| bind(socks, SOCKS_MODE)).transpose()?;
                children.push(service("carrier", &["carrier", "tor"], &path, &common, socks.as_ref())?);
                socks
            }
            CarrierKind::External => {
                teller.torrc(&config);
                None
            }
        };
        lockdown::supervisor(&self.sandbox, Some(config.sandbox))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let ended = runtime.map_err(system("the event loop does not start"))?.block_on(supervise(children, teller));
        drop((socket, socks));
        ended
    }
}

/// What could only fail, or fail late.
fn refuse_unfit(config: &IntroducerConfig) -> Result<(), Failure> {
    if config.carrier == CarrierKind::External {
        return Ok(());
    }
    if !cfg!(feature = "carrier-tor") {
        return Err(Failure::new(Exit::Usage, "this build has no Tor inside")
            .hint("set `carrier = \"external\"` and run C tor, or take a build with the feature `carrier-tor`"));
    }
    let own = rustix::process::geteuid().as_raw();
    if !config.carrier_uids.contains(&own) {
        let message = format_args!("`carrier_uids` turns away the Tor inside this program, which runs as user {own}");
        return Err(Failure::new(Exit::Usage, message)
            .hint("take the line `carrier_uids` out, or set `carrier = \"external\"` if C tor is meant"));
    }
    Ok(())
}

fn bind(path: &Path, mode: u32) -> Result<BoundSocket, Failure> {
    BoundSocket::bind(path, mode).map_err(|error: ListenError| Failure::new(Exit::Failed, error))
}

fn service(
    name: &'static str,
    command: &[&str],
    config: &Path,
    common: &[OsString],
    socket: Option<&BoundSocket>,
) -> Result<Child, Failure> {
    let mut arguments: Vec<OsString> = command.iter().map(OsString::from).collect();
    arguments.extend(["--config".into(), config.into(), "--supervised".into()]);
    arguments.extend_from_slice(common);
    let socket = socket.map(BoundSocket::handle).transpose().map_err(system("a socket can't be handed to a child"))?;
    Ok(Child { name, program: OWN_PROGRAM.into(), arguments, role: Role::Service { socket } })
}

async fn supervise(children: Vec<Child>, mut teller: Teller) -> Result<(), Failure> {
    let mut supervisor = Supervisor::new().map_err(system("signals can't be listened to"))?;
    for child in children {
        supervisor.start(child);
    }
    let ended = loop {
        let event = supervisor.next().await;
        teller.tell(&event);
        match event {
            Event::Stop => break Ok(()),
            Event::Ended { child, status, again_in: None } => {
                break Err(status.map_or_else(system(format_args!("the {child} does not start")), Failure::of_child));
            }
            _ => {}
        }
    };
    teller.progress.finish();
    supervisor.stop().await;
    ended
}

/// The reports of all children in one place. That nobody reads them any more is no reason to stop serving.
struct Teller {
    json: bool,
    progress: Progress,
    grid: GridId,
    address: Option<Address>,
}

impl Teller {
    fn torrc(&self, config: &IntroducerConfig) {
        let lines = torrc::lines(config);
        if self.json {
            self.data(serde_json::json!({ "event": "torrc", "lines": lines }));
            return;
        }
        output::say("The carrier is external: these lines belong in torrc (more in torrc-examples/).");
        self.data(lines.join("\n"));
        let uids = config.carrier_uids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        output::say(format_args!("Who may connect (`carrier_uids`): user {uids}. Debian's tor is `id -u debian-tor`."));
    }

    fn tell(&mut self, event: &Event) {
        match event {
            Event::Started { child, pid } if self.json => {
                self.data(serde_json::json!({ "event": "started", "child": child, "pid": pid }));
            }
            Event::Ended { child, status, again_in } => {
                let how = match status {
                    Ok(status) => status.to_string(),
                    Err(error) => error.to_string(),
                };
                let again_in = again_in.map(|pause| pause.as_secs());
                if self.json {
                    self.data(serde_json::json!({
                        "event": "ended", "child": child, "how": how, "again_in_seconds": again_in,
                    }));
                } else if let Some(seconds) = again_in {
                    self.progress.finish();
                    output::say(format_args!("The {child} has ended ({how}). It is started again in {seconds} s."));
                }
            }
            // Whatever else a child writes is no report, and is nobody's business.
            Event::Line { line, .. } => match Report::from_line(line) {
                Some(report) if self.json => self.data(report.to_line()),
                Some(Report::Onion { address }) => self.onion(&address),
                Some(report) => self.progress.show(&report),
                None => {}
            },
            Event::Started { .. } | Event::Stop => {}
        }
    }

    /// Once, however often the carrier is started again.
    fn onion(&mut self, address: &str) {
        let Ok(address) = address.parse::<Address>() else { return };
        if self.address.as_ref() != Some(&address) {
            self.progress.aside(|| {
                self.data(&address);
                output::say(format_args!(
                    "That is this introducer's address. With it and the grid's id, a member reads and publishes:\n\
                     \x20 anteroom list --grid {grid} --introducer {address}\n\
                     \x20 anteroom init node --grid {grid}   (the address belongs in `introducers`)",
                    grid = self.grid,
                ));
            });
            self.address = Some(address);
        }
    }

    fn data(&self, data: impl std::fmt::Display) {
        let _ = output::data(data);
    }
}
