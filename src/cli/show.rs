//! What a record file, or the configuration's key, says.

use std::path::PathBuf;

use clap::Args;

use super::{failure::Failure, output, record_file};
use crate::{config::NodeConfig, keys};

#[derive(Args)]
#[group(required = true, multiple = true)]
pub(super) struct Source {
    /// A signed record's file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// A node's configuration: shows its id and its counter; with --record: opens a sealed one with its group key
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_long_help = output::JSON_HELP)]
pub(super) struct Show {
    #[command(flatten)]
    source: Source,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.source.config.as_deref().map(NodeConfig::load).transpose()?;
        if let Some(path) = &self.source.record {
            return output::record(&record_file::read(path, config.as_ref())?, self.json);
        }
        if let Some(config) = config {
            let key = super::node::key_path(&config)?;
            let node = keys::load_node(key)?.id();
            let seq = keys::last_seq(key)?;
            if self.json {
                output::data(serde_json::json!({ "node": node.to_string(), "seq": seq }))?;
            } else {
                output::data(format_args!("{node}\n  last record {seq}"))?;
            }
        }
        Ok(())
    }
}
