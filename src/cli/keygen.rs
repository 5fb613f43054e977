//! New keys, for grids and nodes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    failure::{Failure, system},
    output,
};
use crate::{ambient, keys, record::GridSecret};

#[derive(Subcommand)]
pub(super) enum Grid {
    /// Make the key of a new, open grid
    Keygen(Keygen),
}

#[derive(Args)]
pub(super) struct Keygen {
    /// File for the secret key; it must not exist
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// Print a JSON document
    #[arg(long)]
    pub(super) json: bool,
}

impl Grid {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self::Keygen(arguments) = self;
        let secret = GridSecret::from_seed(seed()?);
        keys::create_grid(&arguments.out, &secret)?;
        arguments.tell("grid", &secret.id().to_string())?;
        output::say(format_args!(
            "The secret key is in {}. Keep it, with a copy, away from the introducer's machine;\n\
             the id above is what introducers and nodes need.",
            arguments.out.display()
        ));
        Ok(())
    }
}

impl Keygen {
    /// The id alone is data.
    pub(super) fn tell(&self, kind: &str, id: &str) -> Result<(), Failure> {
        if self.json {
            let mut object = serde_json::Map::new();
            object.insert(kind.into(), id.into());
            output::data(serde_json::Value::Object(object))
        } else {
            output::data(id)
        }
    }
}

/// 32 bytes for a new key.
pub(super) fn seed() -> Result<[u8; 32], Failure> {
    ambient::random().map_err(system("no key can be made"))
}
