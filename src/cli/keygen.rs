//! New keys, for grids and nodes.

use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use super::{
    failure::{Failure, system},
    output,
};
use crate::{ambient, keys, record::GridSecret};

/// What is left of `anteroom grid` where nobody runs one.
#[cfg(not(feature = "grid-admin"))]
#[derive(clap::Subcommand)]
pub(super) enum Grid {
    /// Make the key of a new, open grid, without a passphrase: such a grid never uses it
    Keygen(Keygen),
}

#[cfg(not(feature = "grid-admin"))]
impl Grid {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self::Keygen(arguments) = self;
        arguments.grid()
    }
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

impl Keygen {
    pub(super) fn grid(self) -> Result<(), Failure> {
        let secret = GridSecret::from_seed(*seed()?);
        keys::create_grid(&self.out, &secret)?;
        tell("grid", &secret.id().to_string(), self.json)?;
        output::say(format_args!(
            "The secret key is in {}. Keep it, with a copy, away from the introducer's machine;\n\
             the id above is what introducers and nodes need.",
            self.out.display()
        ));
        Ok(())
    }
}

/// The id alone is data.
pub(super) fn tell(kind: &str, id: &str, json: bool) -> Result<(), Failure> {
    if json {
        let mut object = serde_json::Map::new();
        object.insert(kind.into(), id.into());
        output::data(serde_json::Value::Object(object))
    } else {
        output::data(id)
    }
}

/// Before somebody thinks of a passphrase for nothing.
#[cfg(feature = "grid-admin")]
pub(super) fn refuse_existing(path: &std::path::Path) -> Result<(), Failure> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Err(keys::KeyFileError::Exists(path.to_owned()).into()),
        Err(_) => Ok(()),
    }
}

/// 32 bytes for a new key.
pub(super) fn seed() -> Result<Zeroizing<[u8; 32]>, Failure> {
    ambient::random().map(Zeroizing::new).map_err(system("no key can be made"))
}
