//! Tor inside this program for the time of one command: the parent starts a carrier, waits until it is up, and then starts the
//! command itself as a second child, which can so do without any IP socket.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    failure::{Exit, Failure, system},
    introducers::block_on,
    lockdown::{self, SandboxOption},
    output,
    progress::Progress,
    proxy::Reaches,
};
use crate::{
    ambient,
    carrier::Report,
    config::NodeConfig,
    net::BoundSocket,
    sandbox::Level,
    supervisor::{Child, Event, OWN_PROGRAM, Role, Supervisor},
};

/// A first bootstrap over a slow line takes a minute or two; who is blocked does not get through by waiting longer.
const ONLINE_WAIT_MAX: Duration = Duration::from_secs(300);
/// As in a node.toml, and so in the same place when the current directory has one: Tor's guards are chosen once, and a
/// state that is new each time would choose new ones each time.
const STATE_DEFAULT: &str = "tor";
/// Owner only.
const DIRECTORY_MODE: u32 = 0o700;
const SOCKS_MODE: u32 = 0o600;
/// Length of `sun_path` without its NUL (unix(7)).
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Where the directory of the state has too long a name for a socket in it.
const SHORT_PLACE: &str = "/tmp";

/// A carrier that a command has to bring.
pub(super) struct OwnCarrier<'a> {
    /// What the carrier is told of its configuration.
    arguments: [OsString; 2],
    state: PathBuf,
    sandbox: &'a SandboxOption,
    sandbox_configured: Option<Level>,
}

impl<'a> OwnCarrier<'a> {
    /// `None` where a SOCKS socket is given.
    pub(super) fn needed(command: &'a dyn Reaches) -> Result<Option<Self>, Failure> {
        if command.proxy().socks.is_some() {
            return Ok(None);
        }
        let sandbox = command.sandbox();
        let Some(file) = command.config() else {
            command.refuse_unready()?;
            let state = command.tor_state().unwrap_or(Path::new(STATE_DEFAULT)).to_owned();
            if !state.exists() {
                output::say(format_args!(
                    "Tor keeps its guards and its cache in {}, for the next time; --tor-state names another place.",
                    state.display()
                ));
            }
            let arguments = ["--tor-state".into(), state.clone().into()];
            return Ok(Some(Self { arguments, state, sandbox, sandbox_configured: None }));
        };
        let config = NodeConfig::load(file)?;
        if config.socks.is_some() {
            return Ok(None);
        }
        command.refuse_unready()?;
        let arguments = ["--config".into(), file.into()];
        Ok(Some(Self { arguments, state: config.tor.state, sandbox, sandbox_configured: Some(config.sandbox) }))
    }

    /// Runs the command of this very process behind a carrier, and ends as it ends.
    pub(super) fn run(self, verbose: u8) -> Result<(), Failure> {
        let place = SocketPlace::make(&self.state).map_err(|error| {
            system(format_args!("no place for a socket can be made below {}", self.state.display()))(error)
                .hint("name another directory with `state` in [tor], or with --tor-state")
        })?;
        let socket =
            BoundSocket::bind(&place.socket(), SOCKS_MODE).map_err(|error| Failure::new(Exit::Failed, error))?;
        let handle = socket.handle().map_err(system("a socket can't be handed to a child"))?;
        let mut arguments: Vec<OsString> = ["carrier", "tor", "--client"].map(OsString::from).into();
        arguments.extend(self.arguments);
        arguments.push("--supervised".into());
        arguments.extend(self.sandbox.arguments());
        arguments.extend((0..verbose).map(|_| "-v".into()));
        let carrier = Child {
            name: "carrier",
            program: OWN_PROGRAM.into(),
            arguments,
            role: Role::Service { socket: Some(handle) },
        };
        let command = Child {
            name: "command",
            program: OWN_PROGRAM.into(),
            arguments: with_socks(std::env::args_os().skip(1), &place.socket()),
            role: Role::Command,
        };
        lockdown::supervisor(self.sandbox, self.sandbox_configured)?;
        block_on(behind(carrier, command, ONLINE_WAIT_MAX))
    }
}

/// The arguments of this process, and where the carrier listens. What follows `--` is not for flags.
fn with_socks(own: impl Iterator<Item = OsString>, socks: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = own.collect();
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let parent = std::process::id().to_string();
    arguments.splice(end..end, ["--socks".into(), socks.into(), "--ends-with".into(), parent.into()]);
    arguments
}

async fn behind(carrier: Child, command: Child, online_wait_max: Duration) -> Result<(), Failure> {
    let mut supervisor = Supervisor::new().map_err(system("signals can't be listened to"))?;
    let mut progress = Progress::new();
    supervisor.start(carrier);
    let online = tokio::time::timeout(online_wait_max, online(&mut supervisor, &mut progress)).await;
    progress.finish();
    let ended = match online {
        Ok(Ok(())) => {
            supervisor.start(command);
            follow(&mut supervisor, &mut progress).await
        }
        Ok(Err(failure)) => Err(failure),
        Err(_) => {
            let minutes = online_wait_max.as_secs() / 60;
            Err(Failure::new(Exit::Unreachable, format_args!("Tor did not get through within {minutes} minutes"))
                .hint("check the network and `date -u`; where Tor is blocked, set `bridges` in [tor] of node.toml"))
        }
    };
    match (supervisor.stop().await, ended) {
        // Stopped while it ran: then it says how that ended.
        (Some(status), Ok(())) if !status.success() => Err(Failure::of_child(status)),
        (_, ended) => ended,
    }
}

/// Until streams can leave.
async fn online(supervisor: &mut Supervisor, progress: &mut Progress) -> Result<(), Failure> {
    loop {
        match supervisor.next().await {
            Event::Line { line, .. } => match Report::from_line(&line) {
                Some(Report::Online) => return Ok(()),
                Some(report) => progress.show(&report),
                None => {}
            },
            Event::Ended { status, again_in: None, .. } => return ended(status),
            Event::Ended { status, .. } => {
                progress.finish();
                let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                output::say(format_args!("The carrier has ended ({how}) and is started again."));
            }
            Event::Stop => return Err(Failure::new(Exit::Failed, "stopped before Tor was up")),
            Event::Started { .. } => {}
        }
    }
}

/// Until the command ends, or is to end.
async fn follow(supervisor: &mut Supervisor, progress: &mut Progress) -> Result<(), Failure> {
    loop {
        match supervisor.next().await {
            // The command has the terminal now; only what stops it is worth a line.
            Event::Line { line, .. } => {
                if let Some(report @ Report::Blocked { .. }) = Report::from_line(&line) {
                    progress.show(&report);
                }
            }
            Event::Ended { status, again_in: None, .. } => return ended(status),
            Event::Stop => return Ok(()),
            Event::Ended { .. } | Event::Started { .. } => {}
        }
    }
}

fn ended(status: io::Result<std::process::ExitStatus>) -> Result<(), Failure> {
    let status = status.map_err(system("this program can't start itself"))?;
    if status.success() { Ok(()) } else { Err(Failure::of_child(status)) }
}

/// A directory that nobody else can enter, for one socket and one command.
struct SocketPlace(PathBuf);

impl SocketPlace {
    fn make(state: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(state)?;
        let number = u64::from_le_bytes(ambient::random()?);
        let mut place = Self(state.join(format!("run-{number:016x}")));
        if place.socket().as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            place = Self(Path::new(SHORT_PLACE).join(format!("anteroom-{number:016x}")));
        }
        // Fails when somebody was there first.
        DirBuilder::new().mode(DIRECTORY_MODE).create(&place.0)?;
        Ok(place)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("socks")
    }
}

impl Drop for SocketPlace {
    fn drop(&mut self) {
        // Best effort: the socket is gone by then, and what is left is an empty directory.
        let _ = fs::remove_dir(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// `script` gets the ways to a file of its own: `$0`.
    fn shell(name: &'static str, script: &str, file: &Path, role: Role) -> Child {
        let arguments = vec!["-c".into(), script.into(), file.into()];
        Child { name, program: "/bin/sh".into(), arguments, role }
    }

    fn carrier(script: &str, file: &Path) -> Child {
        shell("carrier", script, file, Role::Service { socket: None })
    }

    fn run(carrier: Child, command: Child, wait: Duration) -> Result<(), Failure> {
        block_on(behind(carrier, command, wait))
    }

    const LONG: Duration = Duration::from_secs(120);

    #[test]
    fn a_command_starts_when_the_carrier_is_up_and_its_exit_code_is_passed_on() {
        let directory = tempfile::tempdir().unwrap();
        let (up, gone) = (directory.path().join("up"), directory.path().join("gone"));
        let script = "echo '{\"event\":\"bootstrap\",\"percent\":5,\"doing\":\"x\"}'; echo noise; \
                      : > \"$0\"; echo '{\"event\":\"online\"}'; cat <&1 > /dev/null; : > \"${0%up}gone\"";
        let command = shell("command", "test -e \"$0\" && exit 7", &up, Role::Command);
        let failure = run(carrier(script, &up), command, LONG).unwrap_err();
        assert_eq!(failure.report(), std::process::ExitCode::from(7));
        assert!(gone.exists(), "the carrier saw its lifeline close and ended by itself");
    }

    #[test]
    fn a_carrier_that_never_gets_through_is_not_waited_for_without_end() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ran");
        let command = shell("command", ": > \"$0\"", &file, Role::Command);
        let script = "echo '{\"event\":\"blocked\",\"why\":\"no way\",\"hint\":\"wait\"}'; cat <&1 > /dev/null";
        let start = ambient::steady_millis();
        let failure = run(carrier(script, &file), command, Duration::from_millis(300)).unwrap_err();
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert!(ambient::steady_millis() - start >= 300 && !file.exists());
    }

    #[test]
    fn a_carrier_that_can_not_be_configured_ends_the_command_with_its_code() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ran");
        let command = shell("command", ": > \"$0\"", &file, Role::Command);
        let failure = run(carrier("exit 2", &file), command, LONG).unwrap_err();
        assert_eq!(failure.report(), std::process::ExitCode::from(2));
        assert!(!file.exists());
    }

    #[test]
    fn flags_are_put_where_they_are_flags() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        let end = format!("--socks s --ends-with {}", std::process::id());
        let plain = with_socks(words("list --json").into_iter(), Path::new("s"));
        assert_eq!(plain, words(&format!("list --json {end}")));
        let dashes = with_socks(words("lookup -- node1x").into_iter(), Path::new("s"));
        assert_eq!(dashes, words(&format!("lookup {end} -- node1x")));
    }

    #[test]
    fn a_socket_has_a_place_that_is_the_owners_alone_and_short_enough() {
        let directory = tempfile::tempdir().unwrap();
        for state in [directory.path().join("tor"), directory.path().join("x".repeat(100))] {
            let place = SocketPlace::make(&state).unwrap();
            let path = place.0.clone();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, DIRECTORY_MODE);
            let socket = BoundSocket::bind(&place.socket(), SOCKS_MODE).unwrap();
            drop((socket, place));
            assert!(!path.exists(), "nothing is left behind");
        }
    }
}
