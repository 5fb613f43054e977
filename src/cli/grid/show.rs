//! What a grant says, and who is out of a grid.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;

use super::revocation_file;
use crate::{
    ambient,
    cli::{failure::Failure, grant_file, output},
    grid::{ServiceSet, VerifiedChain, VerifiedRevocations},
    record::{GridId, NodeId},
};
#[cfg(feature = "client")]
use crate::{
    cli::{
        introducers,
        lockdown::{self, SandboxOption},
        proxy::{Proxy, Reaches},
    },
    config::NodeConfig,
};

#[derive(Args)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    source: Source,
    /// With --config: write the list to this file, so that `anteroom grid revoke` can go on from it
    #[cfg(feature = "client")]
    #[arg(long, value_name = "FILE", requires = "config")]
    out: Option<PathBuf>,
    #[cfg(feature = "client")]
    #[command(flatten)]
    proxy: Proxy,
    #[cfg(feature = "client")]
    #[command(flatten)]
    sandbox: SandboxOption,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// The file of a grant
    #[arg(long, value_name = "FILE")]
    grant: Option<PathBuf>,
    /// The file of a list of revoked keys
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// A node's or reader's configuration: ask its introducers for the list in force
    #[cfg(feature = "client")]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(path) = &self.source.grant {
            let file = grant_file::read(path)?;
            return if self.json {
                output::data(grant_json(&file.grid, &file.key, &file.chain))
            } else {
                output::data(grant_file::text(&file.grid, &file.key, &file.chain))
            };
        }
        #[cfg(feature = "client")]
        if let Some(config) = &self.source.config {
            let config = NodeConfig::load(config)?;
            let (client, introducers) = introducers::publisher(&config, &self.proxy)?;
            lockdown::writer(&self.sandbox, Some(&config), self.out.as_deref())?;
            let list = super::publish::newest(&client, &introducers)?;
            if let Some(out) = &self.out {
                revocation_file::write(out, &list)?;
            }
            return self.tell(&list);
        }
        match &self.source.list {
            Some(path) => self.tell(&revocation_file::read_existing(path)?),
            // clap asks for one of them.
            None => Ok(()),
        }
    }

    /// `None` for what stays on this machine.
    #[cfg(feature = "client")]
    pub(super) fn reaches(&self) -> Option<&dyn Reaches> {
        self.source.config.is_some().then_some(self as &dyn Reaches)
    }

    fn tell(&self, list: &VerifiedRevocations) -> Result<(), Failure> {
        if self.json { output::data(list_json(list)) } else { output::data(list_text(list)) }
    }
}

#[cfg(feature = "client")]
impl Reaches for Show {
    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    fn config(&self) -> Option<&std::path::Path> {
        self.source.config.as_deref()
    }

    fn sandbox(&self) -> &SandboxOption {
        &self.sandbox
    }

    fn refuse_unready(&self) -> Result<(), Failure> {
        match &self.source.config {
            Some(config) => introducers::publisher(&NodeConfig::load(config)?, &self.proxy).map(drop),
            None => Ok(()),
        }
    }
}

fn grant_json(grid: &GridId, key: &NodeId, chain: &VerifiedChain) -> serde_json::Value {
    let services = match &chain.rights().services {
        ServiceSet::Any => None,
        ServiceSet::Only(names) => Some(names.iter().map(|name| name.as_str()).collect::<Vec<_>>()),
    };
    serde_json::json!({
        "grid": grid.to_string(),
        "node": key.to_string(),
        "keys": chain.keys().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "services": services,
        "introducer": chain.rights().introducer,
        "expires_hours": chain.expires().hours(),
    })
}

/// Several lines for people.
pub(super) fn list_text(list: &VerifiedRevocations) -> String {
    let (list, now) = (list.list(), ambient::wall());
    let mut text = format!("list {} of {}", list.seq, list.grid);
    let _ = match list.next_update().hours_since(now) {
        0 => write!(text, "\n  stale: the next one is overdue"),
        hours => write!(text, "\n  the next one is due within {} days {} h", hours / 24, hours % 24),
    };
    if list.revoked.is_empty() {
        text.push_str("\n  nobody is out");
    }
    for entry in &list.revoked {
        let _ = write!(text, "\n  {} is out", entry.key);
    }
    text
}

fn list_json(list: &VerifiedRevocations) -> serde_json::Value {
    let list = list.list();
    let revoked = list
        .revoked
        .iter()
        .map(|entry| serde_json::json!({ "node": entry.key.to_string(), "until_hours": entry.until.hours() }));
    serde_json::json!({
        "grid": list.grid.to_string(),
        "seq": list.seq,
        "issued_hours": list.issued.hours(),
        "next_update_hours": list.next_update().hours(),
        "stale": ambient::wall() >= list.next_update(),
        "revoked": revoked.collect::<Vec<_>>(),
    })
}
