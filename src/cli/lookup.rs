//! One node's record.

use clap::Args;

use super::{
    failure::{Exit, Failure},
    introducers::{Whom, block_on},
    output,
};
use crate::{ambient, record::NodeId};

#[derive(Args)]
#[command(after_long_help = output::JSON_HELP)]
pub(super) struct Lookup {
    /// Id of the node
    node: NodeId,
    #[command(flatten)]
    pub(super) whom: Whom,
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

impl Lookup {
    pub(super) fn run(self) -> Result<(), Failure> {
        let asked = self.whom.resolve(self.exact)?;
        let (record, evidence) = block_on(async {
            let record = asked.find(async |client, introducer| client.lookup(introducer, self.node).await).await?;
            let evidence = match self.evidence {
                true => asked.find(async |client, introducer| client.evidence(introducer, self.node).await).await?,
                false => None,
            };
            asked.tell_epoch().await;
            Ok((record, evidence))
        })?;
        if self.json {
            output::data(serde_json::json!({
                "record": record.as_ref().map(output::json),
                "evidence": evidence.as_ref().map(|pair| pair.each_ref().map(output::json)),
            }))?;
        } else if let Some(record) = &record {
            output::data(output::text(record, ambient::wall()))?;
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
