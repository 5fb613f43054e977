//! The rules of an introducer.

use clap::Args;

use super::{
    failure::Failure,
    introducers::{Ready, Whom, block_on},
    output,
};
use crate::{
    protocol::{self, AdmissionKind, LookupMode, WatchMode},
    record::GridId,
};

#[derive(Args)]
pub(super) struct About {
    #[command(flatten)]
    pub(super) whom: Whom,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

impl About {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Ready { asked, .. } = self.whom.resolve(true)?;
        let about = block_on(asked.first(async |client, introducer| client.about(introducer).await))?;
        if self.json { output::data(json(&about)) } else { output::data(text(&about)) }
    }
}

fn kinds(about: &protocol::About) -> Vec<&'static str> {
    let all = [("onion", about.onion), ("i2p", about.i2p), ("clearnet", about.clearnet)];
    all.into_iter().filter(|(_, admitted)| *admitted).map(|(kind, _)| kind).collect()
}

fn json(about: &protocol::About) -> serde_json::Value {
    serde_json::json!({
        "grid": GridId::from_bytes(about.grid).to_string(),
        "admission": match about.admission {
            AdmissionKind::Open => "open",
            AdmissionKind::Granted => "granted",
            AdmissionKind::Listed => "listed",
        },
        "addresses": kinds(about),
        "record_bytes_max": about.record_bytes_max,
        "lifetime_hours_max": about.lifetime_hours_max,
        "new_key_lifetime_hours_max": about.new_key_lifetime_hours_max,
        "lookup": match about.lookup {
            LookupMode::Prefix { bits } => serde_json::json!({ "mode": "prefix", "bits": bits }),
            LookupMode::Exact => serde_json::json!({ "mode": "exact" }),
        },
        "watch": match about.watch {
            WatchMode::Tick { seconds } => serde_json::json!({ "delivery": "tick", "seconds": seconds }),
            WatchMode::Immediate => serde_json::json!({ "delivery": "immediate" }),
        },
    })
}

fn text(about: &protocol::About) -> String {
    let who = match about.admission {
        AdmissionKind::Open => "whoever signs for this grid",
        AdmissionKind::Granted => "whoever has a grant of this grid",
        AdmissionKind::Listed => "whom the introducer's operator lists",
    };
    let lookup = match about.lookup {
        LookupMode::Prefix { bits } => format!("by a prefix of {bits} bits, which names a crowd"),
        LookupMode::Exact => "by the node's whole hash".into(),
    };
    let watch = match about.watch {
        WatchMode::Tick { seconds } => format!("in equal frames about every {seconds} s"),
        WatchMode::Immediate => "at once".into(),
    };
    format!(
        "grid             {}\n\
         who may publish  {who}\n\
         addresses        {}\n\
         records          up to {} bytes, for up to {} hours ({} for new nodes at the moment)\n\
         lookup           {lookup}\n\
         watch            {watch}",
        GridId::from_bytes(about.grid),
        kinds(about).join(", "),
        about.record_bytes_max,
        about.lifetime_hours_max,
        about.new_key_lifetime_hours_max,
    )
}
