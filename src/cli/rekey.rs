//! The key of a sealed grid's new epoch, from the introducers into the file of group keys.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    failure::{Exit, Failure},
    introducers::{self, block_on},
    lockdown::{self, SandboxOption},
    output,
    proxy::{Proxy, Reaches},
};
use crate::{
    ambient,
    client::{Client, Introducer},
    config::NodeConfig,
    grid::VerifiedKeyEpoch,
    keys,
    record::{Epoch, NodeSecret},
};

#[derive(Args)]
pub(super) struct Rekey {
    /// The node's or reader's configuration, with its key and its file of group keys
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    proxy: Proxy,
    #[command(flatten)]
    sandbox: SandboxOption,
}

impl Rekey {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = NodeConfig::load(&self.config)?;
        lockdown::publisher(&self.sandbox, &self.config, &config, None)?;
        let (client, introducers) = introducers::publisher(&config, &self.proxy)?;
        let secret = keys::load_node(super::node::key_path(&config)?)?;
        let group = group_path(&config)?;
        let adopted = block_on(async { adopt(&client, &introducers, group, &secret).await })?;
        output::say(match adopted {
            Adopted::New(epoch) => format!("The key of epoch {epoch} is in {}.", group.display()),
            Adopted::Known(epoch) => format!("Epoch {epoch} is the newest, and its key is in {}.", group.display()),
            Adopted::Nothing => "No introducer that answered has a key: the grid is in its first epoch.".into(),
        });
        Ok(())
    }
}

impl Reaches for Rekey {
    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    fn config(&self) -> Option<&Path> {
        Some(&self.config)
    }

    fn sandbox(&self) -> &SandboxOption {
        &self.sandbox
    }

    fn refuse_unready(&self) -> Result<(), Failure> {
        let config = NodeConfig::load(&self.config)?;
        introducers::publisher(&config, &self.proxy)?;
        keys::load_node(super::node::key_path(&config)?)?;
        keys::load_group(group_path(&config)?)?;
        Ok(())
    }
}

fn group_path(config: &NodeConfig) -> Result<&Path, Failure> {
    config.group_key.as_deref().ok_or_else(|| {
        Failure::new(Exit::Usage, "the configuration names no group key")
            .hint("ask whoever runs the grid for it, and add: group_key = \"group.key\"")
    })
}

/// What became of the file of group keys.
pub(super) enum Adopted {
    /// This epoch's key came.
    New(Epoch),
    /// It was there.
    Known(Epoch),
    /// There is none to have.
    Nothing,
}

/// Takes the newest key that the introducers have for this node into `group`.
///
/// # Errors
/// No introducer answers, or the newest key is not for this node.
pub(super) async fn adopt(
    client: &Client,
    introducers: &[Introducer],
    group: &Path,
    secret: &NodeSecret,
) -> Result<Adopted, Failure> {
    let Some(newest) = newest(client, introducers).await? else { return Ok(Adopted::Nothing) };
    let document = newest.document();
    if ambient::wall() >= document.terms.next_update() {
        output::say(format_args!(
            "The group key is overdue for renewal by {} h: whoever runs the grid is late, or the introducers withhold a newer\n\
             one.",
            ambient::wall().hours_since(document.terms.next_update())
        ));
    }
    let mut keys = keys::load_group(group)?;
    if keys.of(document.epoch).is_some() {
        return Ok(Adopted::Known(document.epoch));
    }
    let key = document.unwrap_for(secret).map_err(|error| {
        Failure::new(Exit::Refused, format_args!("the key of epoch {}: {error}", document.epoch))
            .hint("what is sealed from now on can't be read without it: ask whoever runs the grid")
    })?;
    keys.add(key);
    keys::replace_group(group, &keys)?;
    Ok(Adopted::New(document.epoch))
}

/// The one with the highest number, of all introducers: one that withholds it changes nothing.
async fn newest(client: &Client, introducers: &[Introducer]) -> Result<Option<VerifiedKeyEpoch>, Failure> {
    let (mut newest, mut last, mut answered) = (None::<VerifiedKeyEpoch>, None, false);
    for introducer in introducers {
        match client.key_epoch(introducer).await {
            Ok(found) => {
                answered = true;
                let seq = |epoch: &VerifiedKeyEpoch| epoch.document().terms.seq;
                if found.as_ref().map(seq) > newest.as_ref().map(seq) {
                    newest = found;
                }
            }
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) if !answered => Err(error.into()),
        _ => Ok(newest),
    }
}
