//! The key of an introducer's onion address, and its way between C tor and the Tor inside this program.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{
    failure::{Exit, Failure},
    output,
    torrc::absolute,
};
use crate::{
    config::IntroducerConfig,
    keys::{OnionService, authorized_clients},
};

#[derive(Subcommand)]
pub(super) enum OnionKey {
    /// Print the onion address
    Show(Show),
    /// Take over an address, with its authorized clients, from a HiddenServiceDir of C tor
    Import(Import),
    /// Make a HiddenServiceDir for C tor, with the address and its authorized clients
    Export(Export),
}

#[derive(Args)]
pub(super) struct Show {
    /// The introducer's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print a JSON document: address, directory, clients (how many are authorized)
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Import {
    /// The HiddenServiceDir. It is only read; nothing that exists on this side is written over
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// The introducer's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Args)]
pub(super) struct Export {
    /// Directory to make; it must not exist
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// The introducer's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl OnionKey {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Show(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Export(command) => command.run(),
        }
    }
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let config = IntroducerConfig::load(&self.config)?;
        let directory = config.tor.onion_directory();
        let address = address(&OnionService::open(&directory)?, &config);
        let clients = authorized_clients::list(&directory)?.len();
        if !self.json {
            return output::data(address);
        }
        let directory = directory.display().to_string();
        output::data(serde_json::json!({ "address": address, "directory": directory, "clients": clients }))
    }
}

impl Import {
    fn run(self) -> Result<(), Failure> {
        let config = IntroducerConfig::load(&self.config)?;
        let restricted = !authorized_clients::list(&self.from)?.is_empty();
        if restricted && !config.onion.client_auth {
            let message = "that service is for authorized clients only, and here everybody would get in";
            return Err(Failure::new(Exit::Usage, message).hint(format_args!(
                "set `client_auth = true` under [tor] in {}, then import again; nothing was changed",
                self.config.display()
            )));
        }
        let service = OnionService::import(&self.from, &config.tor.onion_directory())?;
        output::data(address(&service, &config))?;
        output::say(format_args!(
            "Take the lines of {from} out of torrc and restart that tor before `anteroom serve` starts:\n\
             one address served by two is reachable by turns. Then {from} is a copy of the key: keep it as a backup,\n\
             away from this machine, or remove it.",
            from = self.from.display()
        ));
        // The directory above the keys may have been made just now, too.
        say_owner(&config.tor.state, "anteroom");
        Ok(())
    }
}

impl Export {
    fn run(self) -> Result<(), Failure> {
        let config = IntroducerConfig::load(&self.config)?;
        let from = config.tor.onion_directory();
        if config.onion.client_auth && authorized_clients::list(&from)?.is_empty() {
            let message = "this service has no authorized client yet: C tor would open it to everybody";
            return Err(Failure::new(Exit::Usage, message).hint(
                "add a client with `anteroom client-auth add`, or, if everybody may come in, set `client_auth = false`; \
                 then export again",
            ));
        }
        let service = OnionService::export(&from, &self.to)?;
        output::data(address(&service, &config))?;
        output::say(format_args!(
            "Stop `anteroom serve`, set `carrier = \"external\"`, then give tor these lines (more in torrc-examples/):\n\
             \x20    HiddenServiceDir {directory}\n\
             \x20    HiddenServicePort {port} unix:{socket}\n\
             \x20    HiddenServiceExportCircuitID haproxy\n\
             One address served by two is reachable by turns. Debian's tor may read below /var/lib/tor only.",
            directory = absolute(service.directory()).display(),
            port = config.onion.port,
            socket = absolute(&config.socket).display(),
        ));
        say_owner(service.directory(), "debian-tor");
        Ok(())
    }
}

fn address(service: &OnionService, config: &IntroducerConfig) -> String {
    format!("{}:{}", service.host(), config.onion.port)
}

/// Keys are of use to their owner alone, and who moves them is not always who runs the tor.
fn say_owner(directory: &Path, likely: &str) {
    output::say(format_args!(
        "The files belong to you. If another user runs that tor: chown -R {likely}: {}",
        directory.display()
    ));
}
