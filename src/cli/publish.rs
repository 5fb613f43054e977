//! Publishing to every introducer of a configuration, and taking it back.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{
    failure::{Exit, Failure},
    introducers::{block_on, client, introducers},
    node::{Says, Signer},
    output, record_file, stay,
};
use crate::{
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
    #[arg(long)]
    config: PathBuf,
    /// Publish this signed record instead of signing a new one
    #[arg(long, conflicts_with = "stay")]
    record: Option<PathBuf>,
    /// Stay and keep the record fresh, until SIGINT or SIGTERM
    #[arg(long)]
    stay: bool,
    /// Print JSON, a document a publish
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Withdraw {
    /// The node's configuration
    #[arg(long)]
    config: PathBuf,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

impl Publish {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = NodeConfig::load(&self.config)?;
        let publisher = Publisher::new(&config, self.json)?;
        if let Some(path) = &self.record {
            let record = record_file::read(path)?;
            return block_on(async { publisher.publish(&record, None, Says::Services).await.into_result() });
        }
        let mut signer = Signer::open(&config)?;
        if self.stay {
            return block_on(stay::stay(&self.config, publisher, signer));
        }
        let record = signer.sign(&config, Says::Services, 0)?;
        block_on(async { publisher.publish(&record, Some((&mut signer, &config)), Says::Services).await.into_result() })
    }
}

impl Withdraw {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = NodeConfig::load(&self.config)?;
        let publisher = Publisher::new(&config, self.json)?;
        let mut signer = Signer::open(&config)?;
        let record = signer.sign(&config, Says::Withdrawal, 0)?;
        block_on(async {
            publisher.publish(&record, Some((&mut signer, &config)), Says::Withdrawal).await.into_result()
        })
    }
}

/// Offers records to all introducers of a configuration.
pub(super) struct Publisher {
    client: Client,
    introducers: Vec<Introducer>,
    json: bool,
}

/// What became of a record, introducer by introducer.
pub(super) struct Outcomes(Vec<(Introducer, Result<(), Failure>)>);

impl Outcomes {
    /// The worst of them.
    pub(super) fn into_result(self) -> Result<(), Failure> {
        self.0.into_iter().find_map(|(_, outcome)| outcome.err()).map_or(Ok(()), Err)
    }

    /// Did nobody take it?
    pub(super) fn all_failed(&self) -> bool {
        self.0.iter().all(|(_, outcome)| outcome.is_err())
    }
}

impl Publisher {
    pub(super) fn new(config: &NodeConfig, json: bool) -> Result<Self, Failure> {
        let client = client(config.socks.clone(), config.grid, config.addresses, false)?;
        Ok(Self { client, introducers: introducers(config)?, json })
    }

    /// Offers `record` to each. Where a newer record is known, the signer's counter goes on from it, once.
    pub(super) async fn publish(
        &self,
        record: &VerifiedRecord,
        mut signer: Option<(&mut Signer, &NodeConfig)>,
        says: Says,
    ) -> Outcomes {
        let mut record = record.clone();
        let mut outcomes = Vec::new();
        let mut index = 0;
        let mut resigned = false;
        while let Some(introducer) = self.introducers.get(index).copied() {
            let outcome = match (self.offer(&introducer, &record).await, &mut signer) {
                (Err(Refusal::Outdone(current)), Some((signer, config))) if !resigned => {
                    resigned = true;
                    match signer.sign(config, says, current.claims().seq) {
                        Ok(newer) => {
                            output::say("A newer record of this node is listed: signing again beyond it.");
                            record = newer;
                            // Everybody gets the newer one.
                            outcomes.clear();
                            index = 0;
                            continue;
                        }
                        Err(failure) => Err(failure),
                    }
                }
                (outcome, _) => outcome.map_err(Failure::from),
            };
            outcomes.push((introducer, outcome));
            index += 1;
        }
        self.tell(&record, &outcomes);
        Outcomes(outcomes)
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

    fn tell(&self, record: &VerifiedRecord, outcomes: &[(Introducer, Result<(), Failure>)]) {
        let accepted = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
        if self.json {
            let list: Vec<_> = outcomes
                .iter()
                .map(|(introducer, outcome)| {
                    serde_json::json!({
                        "introducer": introducer.to_string(),
                        "accepted": outcome.is_ok(),
                        "error": outcome.as_ref().err().map(ToString::to_string),
                    })
                })
                .collect();
            output::data(serde_json::json!({ "record": output::json(record), "introducers": list }));
            return;
        }
        for (introducer, outcome) in outcomes {
            match outcome {
                Ok(()) => output::say(format_args!("{introducer}: accepted")),
                Err(failure) => output::say(format_args!("{introducer}: {failure}")),
            }
        }
        output::say(format_args!(
            "{} record {}: {accepted} of {} introducers have it",
            output::short(&record.claims().node),
            record.claims().seq,
            outcomes.len()
        ));
    }
}

/// Why an introducer does not have the record.
enum Refusal {
    Outdone(VerifiedRecord),
    Code(RefusalCode),
    Busy(Duration),
    Client(crate::client::ClientError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Outdone(current) => Self::new(
                Exit::Refused,
                format_args!(
                    "refused: record {} of this node is listed, which is newer or another",
                    current.claims().seq
                ),
            )
            .hint("sign again on the machine that has the key: it goes on from the number above"),
            Refusal::Code(code) => Self::new(Exit::Refused, format_args!("refused: {}", reason(code))),
            Refusal::Busy(wait) => {
                Self::new(Exit::Busy, format_args!("the introducer is busy: try again in {} s", wait.as_secs()))
            }
            Refusal::Client(error) => Self::from(error),
        }
    }
}

const fn reason(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::TooLarge => "the record is larger than 2048 bytes; shorten it",
        RefusalCode::Malformed | RefusalCode::NotCanonical => {
            "the introducer can't read the record; update the older side"
        }
        RefusalCode::RecordVersion => "the introducer does not know this version of records; update the older side",
        RefusalCode::Limit => "a part of the record is over its limit; shorten it",
        RefusalCode::WrongGrid => "the introducer serves another grid; check `grid` and the introducer's address",
        RefusalCode::Grants => "the grid is open and takes no grants",
        RefusalCode::AddressKind => {
            "the grid does not admit a kind of address in the record; `anteroom about` lists them"
        }
        RefusalCode::IssuedInFuture => "the record is from the future; check this machine's clock (`date -u`)",
        RefusalCode::Expired => "the record has expired; sign a new one, and check this machine's clock (`date -u`)",
        RefusalCode::Stale | RefusalCode::SeqConflict => "a newer or another record of this node is listed; sign again",
        RefusalCode::Signature => "the signature does not hold; the record was damaged on its way",
        RefusalCode::LifetimeTooLong => {
            "the introducer gives new nodes less time at the moment; lower `lifetime_hours` (`anteroom about` says to what)"
        }
        RefusalCode::Full => "the introducer is full; try later, or use another one",
    }
}
