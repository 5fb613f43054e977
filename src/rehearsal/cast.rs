//! Who plays: the introducer behind its carrier, and nodes with configurations of their own.

use std::{fs, path::Path};

use toml::{Table, Value};

use super::{
    RehearsalError,
    program::{Program, Running},
    tornet::{TorDaemon, TorNetwork},
};
use crate::config::{CarrierKind, IntroducerConfig};

/// The command of an introducer behind a carrier that others run.
const INTRODUCER_COMMAND: &str = "introducer";
/// The command of an introducer that brings its carrier.
const SUPERVISOR_COMMAND: &str = "serve";
/// From the start of an introducer with an empty store to its socket: well under a second on an idle machine.
const SOCKET_SECONDS_MAX: u64 = 60;
/// From the start of the Tor inside this program to a stream that came back through the network: 5 to 30 s.
const EMBEDDED_SECONDS_MAX: u64 = 300;

/// A running introducer that can be reached through the network. Dropping it ends it.
pub(super) struct Service {
    /// `….onion:80`.
    pub(super) address: String,
    /// The command that a person would type.
    pub(super) line: String,
    /// Lines for the torrc of a C tor, where there is one.
    pub(super) torrc: String,
    _tor: Option<TorDaemon>,
    _introducer: Running,
}

impl Service {
    /// `file` is the introducer's configuration, in the directory of the commands.
    pub(super) fn start(
        network: &TorNetwork,
        program: &mut Program,
        file: &str,
        config: &IntroducerConfig,
    ) -> Result<Self, RehearsalError> {
        match config.carrier {
            CarrierKind::Tor => Self::embedded(program, file),
            CarrierKind::External => Self::behind_c_tor(network, program, file, config),
        }
    }

    /// The introducer alone, and a C tor of the network in front of it.
    fn behind_c_tor(
        network: &TorNetwork,
        program: &mut Program,
        file: &str,
        config: &IntroducerConfig,
    ) -> Result<Self, RehearsalError> {
        let mut introducer = program.start(&[INTRODUCER_COMMAND, "--config", file])?;
        let listens = || config.socket.exists().then_some(());
        introducer.wait_for("the introducer's socket", SOCKET_SECONDS_MAX, listens)?;
        let torrc = torrc(config);
        let tor = network.daemon("service", &torrc)?;
        tor.wait_descriptor_uploaded()?;
        let address = format!("{}:{}", tor.hostname("onion")?, config.onion.port);
        let torrc = torrc.replace("{dir}", &tor.dir().display().to_string());
        Ok(Self { address, line: introducer.line.clone(), torrc, _tor: Some(tor), _introducer: introducer })
    }

    /// The introducer with the Tor inside this program; it reports its way in lines of JSON.
    fn embedded(program: &mut Program, file: &str) -> Result<Self, RehearsalError> {
        let mut introducer = program.start(&[SUPERVISOR_COMMAND, "--config", file, "--json"])?;
        let what = "a stream through the Tor inside this program and back";
        let (mut onion, mut hindrance) = (None, None);
        let reached = introducer.wait_for_json(what, EMBEDDED_SECONDS_MAX, |report| {
            let field = |name| report.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
            match report.get("event").and_then(serde_json::Value::as_str) {
                Some("onion") => onion = field("address"),
                Some("blocked" | "not_reachable") => hindrance = field("why"),
                Some("reachable") => return onion.take(),
                _ => {}
            }
            None
        });
        let address = reached.map_err(|error| match (error, hindrance) {
            (RehearsalError::Unexpected { what, hint }, Some(why)) => {
                RehearsalError::Unexpected { what: format!("{what} ({why})"), hint }
            }
            (error, _) => error,
        })?;
        let line = introducer.line.clone();
        Ok(Self { address, line, torrc: String::new(), _tor: None, _introducer: introducer })
    }
}

/// What `torrc-examples/` recommends, with the choices of the configuration.
fn torrc(config: &IntroducerConfig) -> String {
    let mut lines = format!(
        "HiddenServiceDir {{dir}}/onion\n\
         HiddenServicePort {} unix:{}\n\
         HiddenServiceExportCircuitID haproxy\n\
         HiddenServiceNumIntroductionPoints {}\n",
        config.onion.port,
        config.socket.display(),
        config.onion.introduction_points
    );
    if config.onion.proof_of_work {
        lines += "HiddenServicePoWDefensesEnabled 1\n";
    }
    lines
}

/// What somebody types into the `node.toml` that `anteroom init node` wrote.
pub(super) struct Typed<'a> {
    pub(super) introducer: &'a str,
    pub(super) socks: &'a Path,
    /// Of the one service it offers; who only reads offers none.
    pub(super) offers: Option<&'a str>,
}

/// The label of the node that publishes.
pub(super) const NICKNAME: &str = "rehearsal";
/// What it offers.
pub(super) const SERVICE: &str = "storage";

impl Typed<'_> {
    /// Changes the file as its owner would.
    pub(super) fn into_file(self, file: &Path) -> Result<(), RehearsalError> {
        let failed = || format!("can't change {}", file.display());
        let text = fs::read_to_string(file).map_err(RehearsalError::system(failed()))?;
        let mut config: Table = text.parse().map_err(|error| RehearsalError::Unexpected {
            what: format!("{}: {error}", failed()),
            hint: "this is a fault of the program: report it",
        })?;
        config.insert("introducers".into(), Value::Array(vec![self.introducer.into()]));
        config.insert("socks".into(), self.socks.display().to_string().into());
        if let Some(address) = self.offers {
            config.insert("key".into(), "node.key".into());
            config.insert("nickname".into(), NICKNAME.into());
            let mut service = Table::new();
            service.insert("name".into(), SERVICE.into());
            service.insert("version".into(), 1.into());
            service.insert("addresses".into(), Value::Array(vec![address.into()]));
            config.insert("service".into(), Value::Array(vec![service.into()]));
        }
        fs::write(file, config.to_string()).map_err(RehearsalError::system(failed()))
    }
}
