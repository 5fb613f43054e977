//! The first run in an empty directory: an open grid of one's own, and a configuration for its introducer.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{
    failure::{Failure, system},
    keygen::seed,
    output, setup,
    torrc::absolute,
};
use crate::{
    config::GRID_PLACEHOLDER,
    keys::{self, KeyFileError},
    record::{GridId, GridSecret},
};

/// What `serve` reads when it is told no other file.
const CONFIG: &str = "introducer.toml";
const KEY: &str = "grid.key";

/// The configuration in the current directory, made when there is none. A grid's key that is there already is used, and
/// nothing that exists is written over.
pub(super) fn configuration() -> Result<PathBuf, Failure> {
    let config = Path::new(CONFIG);
    match config.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // What can't be read is told by who reads it.
        _ => return Ok(config.to_owned()),
    }
    let here = absolute(config);
    let here = here.parent().unwrap_or(Path::new(".")).display();
    let key = Path::new(KEY);
    let (grid, made) = match keys::load_grid(key) {
        Ok(secret) => (secret.id(), false),
        Err(KeyFileError::NotFound(_)) => (new_grid(key)?, true),
        // What is in it is not known without its passphrase, which has no business on this machine.
        Err(error @ (KeyFileError::Malformed(_) | KeyFileError::Secret { .. })) => {
            return Err(Failure::from(error).hint(format_args!(
                "where {KEY} is under a passphrase: run `anteroom init introducer --grid grid1…` with the id that \
                 `anteroom grid init` printed, and move {KEY} to another machine; where it is damaged, restore it from \
                 your backup"
            )));
        }
        Err(error) => return Err(error.into()),
    };
    let text = setup::introducer_template().replace(GRID_PLACEHOLDER, &grid.to_string());
    setup::write_new(config, &text)?;
    keys::sync_directory(config).map_err(system(format_args!("can't write {CONFIG}")))?;
    let key_is = if made { "its key" } else { "its key, which was there already" };
    output::say(format_args!(
        "There is no {CONFIG} here, so this introducer serves a new grid, open to whoever knows its id:\n\
         \x20 {grid}\n\
         In {here}:\n\
         \x20 {CONFIG}  its settings, each explained\n\
         \x20 {KEY}         {key_is}\n\
         Move {KEY} to another machine, with a copy: the introducer does not need it, and it has no passphrase. Who has\n\
         it is the grid's owner. An open grid never uses it; one where only nodes with a grant may publish can't do\n\
         without it (`policy` in {CONFIG}), so when it is lost, this grid can't become one.\n"
    ));
    Ok(config.to_owned())
}

fn new_grid(key: &Path) -> Result<GridId, Failure> {
    let secret = GridSecret::from_seed(*seed()?);
    keys::create_grid(key, &secret)?;
    Ok(secret.id())
}
