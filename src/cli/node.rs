//! A node's key and record: made, signed, shown. Signing needs no network.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{
    failure::{Exit, Failure},
    grant_file,
    keygen::{self, Keygen, seed},
    output,
    proxy::Reaches,
    publish, record_file, show,
};
use crate::{
    ambient,
    config::NodeConfig,
    keys::{self, SeqCounter},
    record::{ContactRecord, Lifetime, NodeId, NodeSecret, Seq, Timestamp, VerifiedRecord},
};

#[derive(Subcommand)]
pub(super) enum Node {
    /// Make the key of a new node
    Keygen(Keygen),
    /// Sign a record into a file, to be published from another machine; needs no network
    Sign(Sign),
    /// Publish the node's record to every introducer of its configuration
    Publish(publish::Publish),
    /// Take the node's record back
    Withdraw(publish::Withdraw),
    /// Show a signed record, or a node's id
    Show(show::Show),
}

#[derive(Args)]
pub(super) struct Sign {
    /// The node's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// File for the signed record; an older record there is replaced, anything else is left alone
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Sign a withdrawal: a record without services
    #[arg(long)]
    withdraw: bool,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

impl Node {
    /// The commands that leave this machine.
    pub(super) fn reaches(&self) -> Option<&dyn Reaches> {
        match self {
            Self::Publish(command) => Some(command),
            Self::Withdraw(command) => Some(command),
            Self::Keygen(_) | Self::Sign(_) | Self::Show(_) => None,
        }
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Keygen(arguments) => {
                let secret = NodeSecret::from_seed(*seed()?);
                keys::create_node(&arguments.out, &secret)?;
                keygen::tell("node", &secret.id().to_string(), arguments.json)?;
                output::say(format_args!(
                    "The secret key is in {}. Keep a copy: who loses it has to become another node.\n\
                     In a node.toml beside it: key = {:?}",
                    arguments.out.display(),
                    arguments.out.file_name().unwrap_or_default(),
                ));
                Ok(())
            }
            Self::Sign(arguments) => arguments.run(),
            Self::Publish(arguments) => arguments.run(),
            Self::Withdraw(arguments) => arguments.run(),
            Self::Show(arguments) => arguments.run(),
        }
    }
}

impl Sign {
    fn run(self) -> Result<(), Failure> {
        let config = NodeConfig::load(&self.config)?;
        let mut signer = Signer::open(&config)?;
        let record = signer.sign(&config, if self.withdraw { Says::Withdrawal } else { Says::Services }, 0)?;
        record_file::write(&self.out, &record)?;
        output::record(&record, self.json)
    }
}

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Services,
    Withdrawal,
}

/// A node's key and its counter, held by one process at a time.
pub(super) struct Signer {
    secret: NodeSecret,
    counter: SeqCounter,
}

impl Signer {
    pub(super) fn open(config: &NodeConfig) -> Result<Self, Failure> {
        let key = key_path(config)?;
        Ok(Self { secret: keys::load_node(key)?, counter: SeqCounter::open(key)? })
    }

    /// Signs with a number above every earlier one and above `seq`.
    pub(super) fn sign(&mut self, config: &NodeConfig, says: Says, seq: Seq) -> Result<VerifiedRecord, Failure> {
        if says == Says::Services && config.services.is_empty() {
            return Err(Failure::new(Exit::Usage, "the configuration offers nothing: there is no [[service]]").hint(
                "type the service and its addresses there; addresses come from nowhere else. To take a record back: \
                 anteroom node withdraw",
            ));
        }
        let (issued, node) = (ambient::wall(), self.secret.id());
        let (grants, lifetime) = grants(config, node, says, issued)?;
        let record = ContactRecord {
            grid: config.grid,
            node,
            seq: self.counter.advance_beyond(seq)?,
            issued,
            lifetime,
            nickname: if says == Says::Services { config.nickname.clone() } else { None },
            services: if says == Says::Services { config.services.clone() } else { Vec::new() },
            grants,
        };
        record.sign(&self.secret).map_err(|error| {
            Failure::new(Exit::Usage, format_args!("the record can't be signed: {error}"))
                .hint("shorten what the configuration says")
        })
    }
}

/// The grants of a record, and how long it may hold: no longer than they do.
fn grants(
    config: &NodeConfig,
    node: NodeId,
    says: Says,
    issued: Timestamp,
) -> Result<(Vec<Vec<u8>>, Lifetime), Failure> {
    let Some(path) = &config.grant else { return Ok((Vec::new(), config.lifetime)) };
    let file = grant_file::read(path)?;
    let unfit =
        |why: &str, hint: &str| Err(Failure::new(Exit::Usage, format_args!("{}: {why}", path.display())).hint(hint));
    if file.grid != config.grid {
        return unfit("the grant is of another grid", "name the grant of this grid in `grant`");
    }
    if file.key != node {
        return unfit("the grant is for another node", "ask for one for this node: `anteroom node show` tells its id");
    }
    let offered = config.services.iter().find(|service| !file.chain.rights().services.admits(&service.name));
    if let (Says::Services, Some(service)) = (says, offered) {
        let why = format!("the grant does not allow the service `{}`", service.name);
        return unfit(&why, "take the service out of the configuration, or ask for a wider grant");
    }
    let left = file.chain.expires().hours_since(issued);
    let hours = left.min(config.lifetime.hours().into()) as u16;
    match Lifetime::from_hours(hours) {
        Some(lifetime) => Ok((file.grants, lifetime)),
        None => unfit("the grant has expired", "ask whoever gave it to you for another one"),
    }
}

/// The key file a configuration names.
pub(super) fn key_path(config: &NodeConfig) -> Result<&Path, Failure> {
    config.key.as_deref().ok_or_else(|| {
        Failure::new(Exit::Usage, "the configuration names no key")
            .hint("make one with `anteroom node keygen --out node.key`, and add: key = \"node.key\"")
    })
}
