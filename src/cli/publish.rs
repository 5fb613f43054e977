//! Publishing to every introducer of a configuration, and taking it back.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::{
    confirmed,
    failure::{Exit, Failure},
    introducers::{self, block_on},
    lockdown::{self, SandboxOption},
    node::{Says, Signer},
    outcomes::{Outcomes, Refusal},
    output,
    proxy::{Proxy, Reaches},
    record_file, stay,
};
use crate::{
    ambient,
    client::{Client, Introducer, Published},
    config::NodeConfig,
    protocol::RefusalCode,
    record::VerifiedRecord,
};

/// Tries at a busy introducer before giving it up for now.
const BUSY_TRIES_MAX: u32 = 5;
/// Longest a busy introducer is waited for at once.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(120);

#[derive(Args)]
pub(super) struct Publish {
    /// The node's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    proxy: Proxy,
    /// Publish this signed record (see `anteroom node sign`) instead of signing a new one; needs no key
    #[arg(long, value_name = "FILE", conflicts_with = "stay")]
    record: Option<PathBuf>,
    /// Stay and keep the record fresh, until SIGINT or SIGTERM
    ///
    /// A new record is published after about half of the lifetime, and at once on SIGHUP. The configuration is read again
    /// each time; one with an error is told, and the last good one stays.
    #[arg(long)]
    stay: bool,
    /// Print JSON, a document a publish: the record, and what each introducer made of it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sandbox: SandboxOption,
}

#[derive(Args)]
pub(super) struct Withdraw {
    /// The node's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    proxy: Proxy,
    /// Print a JSON document: the record, and what each introducer made of it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sandbox: SandboxOption,
}

impl Publish {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = NodeConfig::load(&self.config)?;
        lockdown::publisher(&self.sandbox, &self.config, &config, self.record.as_deref())?;
        if self.stay {
            return block_on(stay::stay(&self.config, &self.proxy, self.json));
        }
        let publisher = Publisher::new(&config, &self.proxy)?;
        let outcomes = match &self.record {
            Some(path) => {
                let record = record_file::read(path, Some(&config))?;
                refuse_unfit(&record, &config)?;
                block_on(async { Ok(publisher.publish(&record, None).await) })?
            }
            None => publisher.sign_and_publish(&config, Says::Services)?,
        };
        outcomes.tell(self.json)?;
        outcomes.into_result()
    }
}

impl Withdraw {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = NodeConfig::load(&self.config)?;
        lockdown::publisher(&self.sandbox, &self.config, &config, None)?;
        let outcomes = Publisher::new(&config, &self.proxy)?.sign_and_publish(&config, Says::Withdrawal)?;
        outcomes.tell(self.json)?;
        outcomes.into_result()
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
        let config = if self.stay { stay::load(&self.config)? } else { NodeConfig::load(&self.config)? };
        Publisher::new(&config, &self.proxy)?;
        match &self.record {
            Some(path) => refuse_unfit(&record_file::read(path, Some(&config))?, &config),
            None => Signer::open(&config).map(drop),
        }
    }
}

impl Reaches for Withdraw {
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
        Publisher::new(&config, &self.proxy)?;
        Signer::open(&config).map(drop)
    }
}

/// What an introducer of this configuration would refuse does not leave the machine: the record may be meant for others.
fn refuse_unfit(record: &VerifiedRecord, config: &NodeConfig) -> Result<(), Failure> {
    let claims = record.claims();
    let unfit = |why: &str, hint: &str| Err(Failure::new(Exit::Usage, why).hint(hint));
    if claims.grid != config.grid {
        return unfit("the record is for another grid", "nothing was sent; name the configuration of that grid");
    }
    if record.is_sealed() != config.group_key.is_some() {
        return unfit(
            "the record is in clear and the configuration is of a sealed grid, or the other way round",
            "nothing was sent; sign a new one with this configuration",
        );
    }
    if claims.expires() <= ambient::wall() {
        return unfit("the record has expired", "nothing was sent; sign a new one, and check `date -u`");
    }
    if claims.addresses().any(|address| !config.addresses.admits(address.kind())) {
        return unfit(
            "the record has an address on the open internet, which this configuration does not admit",
            "nothing was sent; if the grid's rules do admit it, set `clearnet = true` in [addresses]",
        );
    }
    Ok(())
}

/// Offers records to introducers.
pub(super) struct Publisher {
    client: Client,
    pub(super) introducers: Vec<Introducer>,
}

/// Who can sign again, and what.
pub(super) struct Resign<'a> {
    pub(super) signer: &'a mut Signer,
    pub(super) config: &'a NodeConfig,
    pub(super) says: Says,
}

impl Publisher {
    /// For all introducers of a configuration.
    pub(super) fn new(config: &NodeConfig, proxy: &Proxy) -> Result<Self, Failure> {
        let (client, introducers) = introducers::publisher(config, proxy)?;
        Ok(Self { client, introducers })
    }

    fn sign_and_publish(&self, config: &NodeConfig, says: Says) -> Result<Outcomes, Failure> {
        let mut signer = Signer::open(config)?;
        block_on(self.sign_and_offer(&mut signer, config, says))
    }

    /// Signs a new record, with the grants to stay of a node that came by an invitation and under the newest key where the
    /// grid is sealed, and offers it to each.
    pub(super) async fn sign_and_offer(
        &self,
        signer: &mut Signer,
        config: &NodeConfig,
        says: Says,
    ) -> Result<Outcomes, Failure> {
        confirmed::take(config, &self.client, &self.introducers).await?;
        signer.adopt_key(config, &self.client, &self.introducers).await;
        let record = signer.sign(config, says, 0)?;
        Ok(self.publish(&record, Some(Resign { signer, config, says })).await)
    }

    /// Offers `record` to each. Where a newer one is known, the counter goes on from it and everybody gets the newer one.
    pub(super) async fn publish(&self, record: &VerifiedRecord, mut resign: Option<Resign<'_>>) -> Outcomes {
        let mut outcomes = Outcomes { record: record.clone(), each: Vec::new() };
        // Each introducer may know another number, and no more than that: an end even when a second machine has the key.
        let mut resigns_left = self.introducers.len();
        let mut index = 0;
        while let Some(introducer) = self.introducers.get(index).copied() {
            let outcome = match (self.offer(&introducer, &outcomes.record).await, &mut resign) {
                // A record that is older outdoes nothing, whatever the introducer says.
                (Err(Refusal::Outdone(current)), Some(resign))
                    if resigns_left > 0 && current.claims().seq >= outcomes.record.claims().seq =>
                {
                    resigns_left -= 1;
                    match resign.signer.sign(resign.config, resign.says, current.claims().seq) {
                        Ok(record) => {
                            output::say("A newer record of this node is listed: signing again beyond it.");
                            outcomes = Outcomes { record, each: Vec::new() };
                            index = 0;
                            continue;
                        }
                        Err(failure) => Err(failure),
                    }
                }
                (outcome, _) => outcome.map_err(Failure::from),
            };
            outcomes.push(introducer, outcome);
            index += 1;
        }
        outcomes
    }

    async fn offer(&self, introducer: &Introducer, record: &VerifiedRecord) -> Result<(), Refusal> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.client.publish(introducer, record).await {
                Ok(Published::Accepted) => return Ok(()),
                Ok(Published::Refused {
                    code: RefusalCode::Stale | RefusalCode::SeqConflict,
                    current: Some(current),
                }) => {
                    return Err(Refusal::Outdone(current));
                }
                Ok(Published::Refused { code, .. }) => return Err(Refusal::Code(code)),
                Ok(Published::Busy { retry_after }) if tries >= BUSY_TRIES_MAX || retry_after > BUSY_WAIT_MAX => {
                    return Err(Refusal::Busy(retry_after));
                }
                Ok(Published::Busy { retry_after }) => {
                    output::say(format_args!("{introducer} is busy: trying again in {} s", retry_after.as_secs()));
                    tokio::time::sleep(retry_after).await;
                }
                Err(error) => return Err(Refusal::Client(error)),
            }
        }
    }
}
