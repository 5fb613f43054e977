//! Completions and man pages, made from the same description as `--help`.

use std::{fs, path::PathBuf};

use clap::{Args, Command};

use super::{
    failure::{Failure, system},
    output,
};

#[derive(Args)]
pub(super) struct Completions {
    /// bash, zsh, fish, elvish or powershell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(self, mut command: Command) -> Result<(), Failure> {
        // Through memory: the generator panics when its output breaks off.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "anteroom", &mut script);
        output::write(String::from_utf8_lossy(&script))
    }
}

#[derive(Args)]
pub(super) struct Man {
    /// Directory to write to; it is made when missing
    #[arg(long, value_name = "DIRECTORY")]
    out: PathBuf,
}

impl Man {
    pub(super) fn run(self, command: Command) -> Result<(), Failure> {
        let failed = |path: &PathBuf| system(format!("can't write to {}", path.display()));
        fs::create_dir_all(&self.out).map_err(failed(&self.out))?;
        clap_mangen::generate_to(command, &self.out).map_err(failed(&self.out))
    }
}
