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
                let file = place.write("introducer.toml", crate::config::INTRODUCER_TEMPLATE)?;
                output::say(format_args!(
                    "Next:\n\
                     1. Read it{fill}; `carrier_uids` is what `id -u debian-tor` prints.\n\
                     2. anteroom serve --config {file}\n\
                     3. Give tor these lines (more in torrc-examples/):\n\
                     \x20    HiddenServiceDir /var/lib/tor/anteroom\n\
                     \x20    HiddenServicePort 80 unix:{socket}\n\
                     \x20    HiddenServiceExportCircuitID haproxy",
                    fill = place.still_to_fill(),
                    file = file.display(),
                    socket = absolute(&file).with_file_name("introducer.sock").display(),
                ));
            }
            #[cfg(feature = "client")]
            Self::Node(place) => {
                let file = place.write("node.toml", crate::config::NODE_TEMPLATE)?;
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
        let written = fs::File::options().write(true).create_new(true).open(&file);
        let written = written.and_then(|mut new| new.write_all(text.as_bytes()));
        match written {
            Ok(()) => {
                output::data(file.display())?;
                Ok(file)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(Failure::new(Exit::Usage, format_args!("{} exists already", file.display()))
                    .hint("nothing was changed; name another directory"))
            }
            Err(error) => Err(system(format_args!("can't write {}", file.display()))(error)),
        }
    }

    fn still_to_fill(&self) -> String {
        if self.grid.is_some() { String::new() } else { format!(", put the grid's id in place of {GRID_PLACEHOLDER}") }
    }
}

#[cfg_attr(not(feature = "server"), expect(dead_code, reason = "torrc wants absolute paths, a node has no torrc"))]
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
