//! Bringing what the grid's key signed to introducers, and asking them for the list of revoked keys.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{key_epoch_file, revocation_file};
use crate::{
    cli::{
        failure::{Exit, Failure},
        introducers::{self, block_on},
        lockdown::{self, SandboxOption},
        outcomes, output,
        proxy::{Proxy, Reaches},
    },
    client::{Client, ClientError, Delivered, Introducer},
    config::NodeConfig,
    grid::{VerifiedDocument, VerifiedRevocations},
};

#[derive(Args)]
pub(in crate::cli) struct Publish {
    /// A node's or reader's configuration: grid, introducers, SOCKS socket
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    proxy: Proxy,
    #[command(flatten)]
    document: Document,
    #[command(flatten)]
    sandbox: SandboxOption,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Document {
    /// The list of revoked keys, as `anteroom grid revoke` writes it
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// The key of a new epoch, as `anteroom grid seal rekey` writes it
    #[arg(long, value_name = "FILE")]
    epoch: Option<PathBuf>,
}

impl Document {
    fn read(&self) -> Result<VerifiedDocument, Failure> {
        match (&self.list, &self.epoch) {
            (Some(path), _) => revocation_file::read_existing(path).map(VerifiedDocument::Revocations),
            (None, Some(path)) => key_epoch_file::read_existing(path).map(VerifiedDocument::KeyEpoch),
            // clap asks for one of them.
            (None, None) => Err(Failure::new(Exit::Usage, "no document is named")),
        }
    }
}

impl Publish {
    pub(super) fn run(self) -> Result<(), Failure> {
        let document = self.document.read()?;
        let config = NodeConfig::load(&self.config)?;
        let (client, introducers) = introducers::publisher(&config, &self.proxy)?;
        lockdown::reader(&self.sandbox, Some(&config))?;
        let mut failures = Vec::new();
        block_on(async {
            for introducer in &introducers {
                match bring(&client, introducer, &document).await {
                    Ok(()) => output::say(format_args!("{introducer}: it is in force")),
                    Err(failure) => {
                        output::say(format_args!("{introducer}: {failure}"));
                        failures.push(failure);
                    }
                }
            }
            Ok(())
        })?;
        let accepted = introducers.len() - failures.len();
        match failures.pop() {
            None => Ok(()),
            Some(failure) if accepted == 0 => Err(failure),
            Some(_) => {
                let message = format_args!("it is in force at {accepted} of {} introducers", introducers.len());
                Err(Failure::new(Exit::Partly, message).hint("see above why; to bring it again does no harm"))
            }
        }
    }
}

impl Reaches for Publish {
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
        self.document.read()?;
        introducers::publisher(&NodeConfig::load(&self.config)?, &self.proxy).map(drop)
    }
}

async fn bring(client: &Client, introducer: &Introducer, document: &VerifiedDocument) -> Result<(), Failure> {
    match client.bring(introducer, document).await? {
        Delivered::Accepted => Ok(()),
        Delivered::Refused { current: Some(current), .. } => Err(Failure::new(
            Exit::Refused,
            format_args!(
                "refused: number {} of this grid is in force, and this is number {}",
                current.head().seq,
                document.head().seq
            ),
        )
        .hint("get that one with `anteroom grid show --config node.toml --out FILE`, and let `anteroom grid revoke` go on from it")),
        Delivered::Refused { code, .. } => {
            Err(Failure::new(Exit::Refused, format_args!("refused: {}", outcomes::reason(code))))
        }
        Delivered::Busy { retry_after } => Err(Failure::new(
            Exit::Busy,
            format_args!("the introducer is busy: try again in {} s", retry_after.as_secs()),
        )),
    }
}

/// The newest list that any of these introducers has.
pub(super) fn newest(client: &Client, introducers: &[Introducer]) -> Result<VerifiedRevocations, Failure> {
    let (mut newest, mut last): (Option<VerifiedRevocations>, Option<ClientError>) = (None, None);
    block_on(async {
        for introducer in introducers {
            match client.revocations(introducer).await {
                Ok(Some(list)) => {
                    output::say(format_args!("{introducer}: list {}", list.list().seq));
                    if newest.as_ref().is_none_or(|newest| newest.list().seq < list.list().seq) {
                        newest = Some(list);
                    }
                }
                Ok(None) => output::say(format_args!("{introducer}: no list")),
                Err(error) => {
                    output::say(format_args!("{introducer}: {error}"));
                    last = Some(error);
                }
            }
        }
        Ok(())
    })?;
    match (newest, last) {
        (Some(list), _) => Ok(list),
        (None, Some(error)) => Err(error.into()),
        (None, None) => Err(Failure::new(Exit::NotFound, "no introducer has a list of revoked keys").hint(
            "whoever runs the grid makes one with `anteroom grid revoke`, and brings it with `anteroom grid publish`",
        )),
    }
}
