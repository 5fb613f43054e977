//! One node's record.

use std::path::Path;

use clap::Args;

use super::{
    failure::{Exit, Failure},
    introducers::{Ready, Whom, block_on},
    lockdown::SandboxOption,
    output,
    petname::Named,
    proxy::{Proxy, Reaches},
};

#[derive(Args)]
#[command(after_long_help = output::JSON_HELP)]
pub(super) struct Lookup {
    /// Id or petname of the node
    node: Named,
    #[command(flatten)]
    whom: Whom,
    /// Let the introducer know which node is looked for, if it wants to
    #[arg(long)]
    exact: bool,
    /// Also ask whether the node signed two records with one number; this names the node to the introducer
    #[arg(long)]
    evidence: bool,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

impl Reaches for Lookup {
    fn proxy(&self) -> &Proxy {
        self.whom.proxy()
    }

    fn config(&self) -> Option<&Path> {
        self.whom.config()
    }

    fn sandbox(&self) -> &SandboxOption {
        self.whom.sandbox()
    }

    fn tor_state(&self) -> Option<&Path> {
        self.whom.tor_state()
    }

    fn refuse_unready(&self) -> Result<(), Failure> {
        self.whom.labels()?.resolve(&self.node)?;
        self.whom.refuse_unready()
    }
}

impl Lookup {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Ready { asked, labels } = self.whom.resolve(self.exact)?;
        let node = labels.resolve(&self.node)?;
        let (record, evidence) = block_on(async {
            let record = asked.find(async |client, introducer| client.lookup(introducer, node).await).await?;
            let evidence = match self.evidence {
                true => asked.find(async |client, introducer| client.evidence(introducer, node).await).await?,
                false => None,
            };
            Ok((record, evidence))
        })?;
        if self.json {
            output::data(serde_json::json!({
                "record": record.as_ref().map(|record| labels.json(record)),
                "evidence": evidence.as_ref().map(|pair| pair.each_ref().map(output::json)),
            }))?;
        } else if let Some(record) = &record {
            labels.tell(record, false)?;
        }
        if let (Some(pair), false) = (&evidence, self.json) {
            let [first, _] = pair;
            output::say(format_args!(
                "This node signed two different records with the number {}: it runs on two machines, or came back from \
                 a backup.",
                first.claims().seq
            ));
        }
        asked.tell_dropped();
        match record {
            Some(_) => Ok(()),
            None => Err(Failure::new(Exit::NotFound, "no introducer that answered lists this node")
                .hint("its record may have expired, or it is listed at another introducer of the grid")),
        }
    }
}
