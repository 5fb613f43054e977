//! The records of a grid.

use clap::Args;

use super::{
    failure::Failure,
    introducers::{Ready, Whom, block_on},
    output,
};
use crate::record::{ServiceName, Timestamp};

#[derive(Args)]
#[command(after_long_help = output::JSON_HELP)]
pub(super) struct List {
    #[command(flatten)]
    pub(super) whom: Whom,
    /// Only nodes that offer this service
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Only what was accepted in this hour (since the Unix epoch) or later; withdrawals are told, too
    #[arg(long, value_name = "HOUR")]
    since_hours: Option<u32>,
    /// Print JSON, an object a line
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(self) -> Result<(), Failure> {
        let since = self.since_hours.map(Timestamp::from_hours);
        let Ready { asked, mut labels } = self.whom.resolve(false)?;
        let count = block_on(async {
            // An introducer that takes the stream may still be too busy to answer: its first page decides.
            let (mut listing, mut next) = asked
                .first(async |client, introducer| {
                    let mut listing = client.list(introducer, self.service.clone(), since).await?;
                    let next = listing.next().await?;
                    Ok((listing, next))
                })
                .await?;
            let mut count = 0_u64;
            while let Some(record) = next {
                // Who starts from nothing has nothing to be told of what is gone.
                if since.is_some() || !record.claims().is_withdrawal() {
                    labels.note(record.claims());
                    labels.tell(&record, self.json)?;
                    count += 1;
                }
                next = listing.next().await?;
            }
            Ok(count)
        })?;
        if !self.json {
            output::say(format_args!("{count} {}", if count == 1 { "record" } else { "records" }));
            labels.tell_rivals();
        }
        asked.tell_dropped();
        Ok(())
    }
}
