//! Looking for this machine's names and addresses in what a service keeps.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::audit::{Report, scan_host};

#[derive(Args)]
pub(super) struct Host {
    /// Look in this file or folder for this machine's addresses, names and numbers, in every encoding; none is printed
    #[arg(long, value_name = "PATH")]
    scan: Vec<PathBuf>,
}

impl Host {
    /// Whether there was something to look at.
    pub(super) fn run(&self, report: &mut Report) -> bool {
        if self.scan.is_empty() {
            return false;
        }
        report.append(scan_host(Path::new("/"), &self.scan));
        true
    }
}
