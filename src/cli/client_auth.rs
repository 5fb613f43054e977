//! Client authorization: keys of clients, and who of them may reach an introducer.

#[cfg(feature = "server")]
use std::path::Path;
use std::path::PathBuf;

#[cfg(feature = "server")]
use clap::ArgGroup;
use clap::{Args, Subcommand};

use super::{
    failure::{Exit, Failure},
    output,
};
use crate::keys::ClientName;
#[cfg(feature = "client")]
use crate::{
    config::NodeConfig,
    keys::{
        ClientSecret,
        client_keys::{self, Missing},
    },
    record::{Address, OnionAddress},
};
#[cfg(feature = "server")]
use crate::{
    config::{CarrierKind, IntroducerConfig},
    keys::{
        ClientPublic,
        authorized_clients::{self, LastClient},
    },
};

#[derive(Subcommand)]
pub(super) enum ClientAuth {
    /// Make a key for an introducer that asks for one, and print the half that its operator needs
    #[cfg(feature = "client")]
    Keygen(Keygen),
    /// Let a client in
    #[cfg(feature = "server")]
    Add(Add),
    /// Let a client in no more
    #[cfg(feature = "server")]
    Remove(Remove),
    /// List who may come in
    #[cfg(feature = "server")]
    List(List),
}

impl ClientAuth {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            #[cfg(feature = "client")]
            Self::Keygen(command) => command.run(),
            #[cfg(feature = "server")]
            Self::Add(command) => command.run(),
            #[cfg(feature = "server")]
            Self::Remove(command) => command.run(),
            #[cfg(feature = "server")]
            Self::List(command) => command.run(),
        }
    }
}

#[cfg(feature = "client")]
#[derive(Args)]
#[command(group(clap::ArgGroup::new("place").args(["config", "dir"]).required(true)))]
pub(super) struct Keygen {
    /// The introducer's onion address
    #[arg(long, value_name = "ADDRESS", value_parser = parse_onion)]
    introducer: OnionAddress,
    /// A node's or reader's configuration: the key is for the Tor inside this program
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory that `ClientOnionAuthDir` in torrc names: the key is for C tor
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Name of the key's file; without it, the beginning of the address
    #[arg(long, value_name = "NAME")]
    name: Option<ClientName>,
    /// Print a JSON document: public, file
    #[arg(long)]
    json: bool,
}

#[cfg(feature = "client")]
impl Keygen {
    fn run(self) -> Result<(), Failure> {
        let (directory, missing) = match (&self.config, self.dir) {
            (Some(config), _) => (NodeConfig::load(config)?.tor.clients_directory(), Missing::Make),
            (None, dir) => (dir.unwrap_or_default(), Missing::Refuse),
        };
        let name = match self.name {
            Some(name) => name,
            None => default_name(&self.introducer)?,
        };
        let secret = ClientSecret::from_seed(*super::keygen::seed()?);
        let file = client_keys::create(&directory, missing, &name, &self.introducer, &secret)?;
        let public = secret.public().to_string();
        if self.json {
            output::data(serde_json::json!({ "public": public, "file": file.display().to_string() }))?;
        } else {
            output::data(public)?;
        }
        let reload = if self.config.is_some() { "" } else { "\nThen: systemctl reload tor@default" };
        output::say(format_args!(
            "The secret half is in {}; it stays with you. The line above is for the introducer's operator, who lets you\n\
             in with `anteroom client-auth add`.{reload}",
            file.display()
        ));
        Ok(())
    }
}

/// The first characters of the address: a name for each introducer, the same whenever it is asked for.
#[cfg(feature = "client")]
fn default_name(introducer: &OnionAddress) -> Result<ClientName, Failure> {
    const SHOWN: usize = 16;
    let name: String = introducer.host().chars().take(SHOWN).collect();
    name.parse().map_err(|error| Failure::new(Exit::Usage, error).hint("give one with --name"))
}

/// With or without port: a key is for every port of a service.
#[cfg(feature = "client")]
fn parse_onion(text: &str) -> Result<OnionAddress, String> {
    let with_port = if text.contains(':') { text.to_owned() } else { format!("{text}:80") };
    match with_port.parse() {
        Ok(Address::Onion(address)) => Ok(address),
        Ok(_) => Err("client authorization is Tor's: give an .onion address".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// The directory of a service, by the tor that reads it.
#[cfg(feature = "server")]
#[derive(Args)]
#[command(group(ArgGroup::new("place").args(["config", "dir"]).required(true)))]
struct Service {
    /// The introducer's configuration: for the Tor inside this program
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory that `HiddenServiceDir` in torrc names: for C tor. Run this as tor's user
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Which tor it is, as far as it matters what has to happen next.
#[cfg(feature = "server")]
enum Tor {
    /// By the configuration, is the service restricted?
    Embedded { restricted: bool },
    /// Restricted while there are clients.
    C,
}

#[cfg(feature = "server")]
impl Service {
    fn resolve(self) -> Result<(PathBuf, Tor), Failure> {
        let Some(file) = self.config else {
            return Ok((self.dir.unwrap_or_default(), Tor::C));
        };
        let config = IntroducerConfig::load(&file)?;
        match config.carrier {
            CarrierKind::Tor => {
                Ok((config.tor.onion_directory(), Tor::Embedded { restricted: config.onion.client_auth }))
            }
            CarrierKind::External => Err(external(&file)),
        }
    }
}

#[cfg(feature = "server")]
fn external(config: &Path) -> Failure {
    let message = format_args!("{}: the carrier is external: another tor decides who comes in", config.display());
    Failure::new(Exit::Usage, message)
        .hint("name its HiddenServiceDir with --dir, as tor's user: runuser -u debian-tor -- anteroom client-auth …")
}

#[cfg(feature = "server")]
const NOT_RESTRICTED: &str = "But `client_auth = true` is not set under [tor]: until it is, everybody who knows the \
    address may connect.";

#[cfg(feature = "server")]
#[derive(Args)]
pub(super) struct Add {
    /// What to call the client
    #[arg(value_name = "NAME")]
    name: ClientName,
    /// The line that the client's `anteroom client-auth keygen` printed, or the key alone
    // Parsed below: an error of the parser would repeat it, and it may be the secret half, given by mistake.
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    service: Service,
}

#[cfg(feature = "server")]
impl Add {
    fn run(self) -> Result<(), Failure> {
        let key: ClientPublic = self.key.parse().map_err(|error| {
            Failure::new(Exit::Usage, error).hint("ask for the line that `anteroom client-auth keygen` printed")
        })?;
        let (directory, tor) = self.service.resolve()?;
        authorized_clients::add(&directory, &self.name, key)?;
        match tor {
            Tor::Embedded { restricted } => {
                output::say(format_args!("{} may come in once `anteroom serve` was sent SIGHUP.", self.name));
                if !restricted {
                    output::say(NOT_RESTRICTED);
                }
            }
            Tor::C => output::say(format_args!(
                "{} may come in once tor was told: systemctl reload tor@default\n\
                 Who is not in `anteroom client-auth list` gets in no more from then on.",
                self.name
            )),
        }
        Ok(())
    }
}

#[cfg(feature = "server")]
#[derive(Args)]
pub(super) struct Remove {
    /// What the client is called
    #[arg(value_name = "NAME")]
    name: ClientName,
    #[command(flatten)]
    service: Service,
    /// Remove the last client, too: C tor then lets in everybody who knows the address
    #[arg(long, conflicts_with = "config")]
    open_to_everybody: bool,
}

#[cfg(feature = "server")]
impl Remove {
    fn run(self) -> Result<(), Failure> {
        let (directory, tor) = self.service.resolve()?;
        let last = match tor {
            Tor::C if !self.open_to_everybody => LastClient::Keep,
            Tor::C | Tor::Embedded { .. } => LastClient::Remove,
        };
        authorized_clients::remove(&directory, &self.name, last)?;
        match tor {
            Tor::C => output::say(format_args!(
                "Now: systemctl restart tor@default\n\
                 A reload is not enough: with it, {} goes on coming in by what its tor knows already.",
                self.name
            )),
            Tor::Embedded { restricted } => {
                output::say(format_args!(
                    "Now send SIGHUP to `anteroom serve`. What the tor of {} knows already may hold until the introduction\n\
                     points change, which takes up to a day; a restart does not hasten it.",
                    self.name
                ));
                let is_empty = authorized_clients::list(&directory)?.is_empty();
                match (restricted, is_empty) {
                    (true, true) => output::say("No client is left: nobody finds the service until you add one."),
                    (true, false) => {}
                    (false, _) => output::say(NOT_RESTRICTED),
                }
            }
        }
        Ok(())
    }
}

#[cfg(feature = "server")]
#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    service: Service,
    /// Print a JSON document: restricted (is it closed to others?), clients: a list of {name, key}
    #[arg(long)]
    json: bool,
}

#[cfg(feature = "server")]
impl List {
    fn run(self) -> Result<(), Failure> {
        let (directory, tor) = self.service.resolve()?;
        let clients = authorized_clients::list(&directory)?;
        let restricted = match tor {
            Tor::Embedded { restricted } => restricted,
            Tor::C => !clients.is_empty(),
        };
        if self.json {
            let clients =
                clients.iter().map(|(name, key)| serde_json::json!({ "name": name.as_str(), "key": key.to_string() }));
            let clients: Vec<_> = clients.collect();
            return output::data(serde_json::json!({ "restricted": restricted, "clients": clients }));
        }
        for (name, key) in &clients {
            output::data(format_args!("{name} {key}"))?;
        }
        match (restricted, clients.is_empty()) {
            (true, false) => {}
            (true, true) => output::say("No client: nobody finds the service until you add one."),
            (false, true) => output::say("No client: everybody who knows the address may connect."),
            (false, false) => output::say(NOT_RESTRICTED),
        }
        Ok(())
    }
}
