//! What a record file, or the configuration's key, says.

use std::path::PathBuf;

use clap::Args;

use super::{failure::Failure, labels::Labels, output, record_file};
use crate::{config::NodeConfig, keys};

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Source {
    /// A signed record's file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// A node's configuration: shows its id and its counter
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_long_help = output::JSON_HELP)]
pub(super) struct Show {
    #[command(flatten)]
    source: Source,
    /// File of your petnames, in place of the configuration's
    #[arg(long, value_name = "FILE")]
    petnames: Option<PathBuf>,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        if let Some(path) = &self.source.record {
            let record = record_file::read(path)?;
            Labels::open(self.petnames.as_deref())?.tell(&record, self.json)?;
        }
        if let Some(path) = &self.source.config {
            let config = NodeConfig::load(path)?;
            let key = super::node::key_path(&config)?;
            let node = keys::load_node(key)?.id();
            let seq = keys::last_seq(key)?;
            let labels = Labels::open(self.petnames.as_deref().or(config.petnames.as_deref()))?;
            let petname = labels.petname(&node);
            if self.json {
                output::data(serde_json::json!({ "node": node.to_string(), "petname": petname, "seq": seq }))?;
            } else {
                let name = petname.map(|name| format!("  {name}")).unwrap_or_default();
                output::data(format_args!("{node}{name}\n  last record {seq}"))?;
            }
        }
        Ok(())
    }
}
