//! Records as they change.

use clap::Args;

use super::{
    failure::Failure,
    introducers::{Ready, Whom, block_on},
    labels::Labels,
    output,
};
use crate::{client::Event, record::ServiceName};

#[derive(Args)]
#[command(after_long_help = output::JSON_HELP)]
pub(super) struct Watch {
    #[command(flatten)]
    pub(super) whom: Whom,
    /// Only nodes that offer this service
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Print JSON, an object a line: `{"event":"record","record":{…}}`, `{"event":"revoked","node":…}`, `{"event":"caught_up"}`, `{"event":"tick"}`
    #[arg(long)]
    json: bool,
}

impl Watch {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Ready { asked, mut labels } = self.whom.resolve(false)?;
        block_on(async {
            let mut subscription = asked
                .first(async |client, introducer| client.watch(introducer, self.service.clone(), None).await)
                .await?;
            loop {
                match subscription.next().await {
                    Ok(event) => {
                        self.tell(&event, &mut labels)?;
                        if event == Event::CaughtUp {
                            asked.tell_stale();
                        }
                    }
                    Err(crate::client::ClientError::Ended) => return Ok(()),
                    Err(error) => output::say(format_args!("{error} (trying again by itself)")),
                }
            }
        })
    }

    fn tell(&self, event: &Event, labels: &mut Labels) -> Result<(), Failure> {
        match event {
            Event::Record(record) => labels.note(record.claims()),
            Event::Revoked(node) => labels.forget(node),
            _ => {}
        }
        match (event, self.json) {
            (Event::Record(record), true) => {
                output::data(serde_json::json!({ "event": "record", "record": labels.json(record) }))
            }
            (Event::Revoked(node), true) => output::data(
                serde_json::json!({ "event": "revoked", "node": node.to_string(), "petname": labels.petname(node) }),
            ),
            (Event::CaughtUp, true) => output::data(serde_json::json!({ "event": "caught_up" })),
            (Event::Tick, true) => output::data(serde_json::json!({ "event": "tick" })),
            (Event::Record(record), false) => labels.tell(record, false),
            (Event::Revoked(node), false) => {
                let petname = labels.petname(node).map(|name| format!("  {name}")).unwrap_or_default();
                output::data(format_args!("{node}{petname}\n  is out: what was listed of it counts no more"))
            }
            (Event::CaughtUp, false) => {
                output::say("That is all for now; changes follow.");
                Ok(())
            }
            (Event::Tick, false) => Ok(()),
        }
    }
}
