//! A new grid.

use std::path::PathBuf;

use clap::Args;

use super::PassphraseFrom;
use crate::{
    cli::{failure::Failure, keygen, output},
    record::GridSecret,
    vault,
};

#[derive(Args)]
pub(in crate::cli) struct Init {
    /// File for the secret key; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

impl Init {
    pub(super) fn run(self) -> Result<(), Failure> {
        keygen::refuse_existing(&self.out)?;
        let passphrase = self.passphrase.choose()?;
        let secret = GridSecret::from_seed(*keygen::seed()?);
        vault::create(&self.out, &secret, passphrase)?;
        keygen::tell("grid", &secret.id().to_string(), self.json)?;
        output::say(format_args!(
            "The secret key is in {key}, under the passphrase. Keep it, with a copy, on a machine that is neither an\n\
             introducer's nor a node's: it is needed to let nodes in, and to take that back. The id above is what\n\
             introducers and nodes need.\n\
             Next:\n\
             1. In each introducer.toml: policy = \"granted\"\n\
             2. anteroom grid grant --key {key} --node node1… --service storage --out node.grant\n\
             3. anteroom grid revoke --key {key} --list revocations.list   (a first list, with nobody on it)",
            key = self.out.display(),
        ));
        Ok(())
    }
}
