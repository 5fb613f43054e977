//! `init`: commented configuration files. Nothing that exists is touched.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};

use super::{
    failure::{Exit, Failure, system},
    output,
};
use crate::{config::GRID_PLACEHOLDER, record::GridId};

#[derive(Subcommand)]
pub(super) enum Role {
    /// Write introducer.toml
    #[cfg(feature = "server")]
    Introducer(Place),
    /// Write node.toml, also for who only reads
    #[cfg(feature = "client")]
    Node(Place),
}

#[derive(Args)]
pub(super) struct Place {
    /// Directory to write to; it is made when missing
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Id of the grid, from whoever runs it (or `anteroom grid keygen`); without it a place is left to fill in
    #[arg(long, value_name = "ID")]
    grid: Option<GridId>,
}

impl Role {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            #[cfg(feature = "server")]
            Self::Introducer(place) => {
                let file = place.write("introducer.toml", &introducer_template())?;
                output::data(file.display())?;
                output::say(format_args!(
                    "Next:\n\
                     1. Read it{fill}.\n\
                     2. anteroom serve --config {file}\n\
                     Where C tor shall be the carrier: `carrier = \"external\"`, and `carrier_uids` is what\n\
                     `id -u debian-tor` prints; `anteroom serve` then tells the lines for torrc.",
                    fill = place.still_to_fill(),
                    file = file.display(),
                ));
            }
            #[cfg(feature = "client")]
            Self::Node(place) => {
                let file = place.write("node.toml", crate::config::NODE_TEMPLATE)?;
                output::data(file.display())?;
                output::say(format_args!(
                    "Next:\n\
                     1. Fill in the introducers{fill}, and what the node offers: addresses are those you type, no others.\n\
                     2. anteroom node keygen --out {key}   (who only reads needs no key)\n\
                     3. anteroom node publish --config {file} --stay",
                    fill = place.still_to_fill(),
                    key = file.with_file_name("node.key").display(),
                    file = file.display(),
                ));
            }
        }
        Ok(())
    }
}

impl Place {
    fn write(&self, name: &str, template: &str) -> Result<PathBuf, Failure> {
        let file = self.directory.join(name);
        let text = match &self.grid {
            Some(grid) => template.replace(GRID_PLACEHOLDER, &grid.to_string()),
            None => template.to_owned(),
        };
        fs::create_dir_all(&self.directory).map_err(system(format_args!("can't make {}", self.directory.display())))?;
        write_new(&file, &text)?;
        Ok(file)
    }

    fn still_to_fill(&self) -> String {
        if self.grid.is_some() { String::new() } else { format!(", put the grid's id in place of {GRID_PLACEHOLDER}") }
    }
}

/// The commented configuration of an introducer, with a carrier that this build has.
#[cfg(feature = "server")]
pub(super) fn introducer_template() -> String {
    let template = crate::config::INTRODUCER_TEMPLATE;
    if cfg!(feature = "carrier-tor") {
        template.to_owned()
    } else {
        template.replace("\n#carrier = \"tor\"\n", "\ncarrier = \"external\"\n")
    }
}

/// Writes a file that does not exist yet.
pub(super) fn write_new(file: &Path, text: &str) -> Result<(), Failure> {
    let mut new = match fs::File::options().write(true).create_new(true).open(file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Failure::new(Exit::Usage, format_args!("{} exists already", file.display()))
                .hint("nothing was changed; name another directory"));
        }
        opened => opened.map_err(system(format_args!("can't write {}", file.display())))?,
    };
    new.write_all(text.as_bytes()).and_then(|()| new.sync_all()).map_err(|error| {
        // Half a file would be in the way of the next try.
        let _ = fs::remove_file(file);
        system(format_args!("can't write {}", file.display()))(error)
    })
}
