//! How a command of a client gets into the anonymizing network.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    failure::{Failure, system},
    lockdown::SandboxOption,
};
use crate::{
    config::{NodeConfig, SOCKS_DEFAULT},
    supervisor,
};

#[derive(Args)]
pub(super) struct Proxy {
    /// AF_UNIX socket of tor's SOCKS port, in place of the configuration's
    #[arg(long, value_name = "PATH")]
    pub(super) socks: Option<PathBuf>,
    /// Process id of the parent, which brings the carrier and without which there is nothing to do
    #[arg(long, value_name = "PID", hide = true)]
    ends_with: Option<i32>,
}

impl Proxy {
    pub(super) fn socket(&self, config: Option<&NodeConfig>) -> PathBuf {
        let configured = || config.and_then(|config| config.socks.clone());
        self.socks.clone().or_else(configured).unwrap_or_else(|| SOCKS_DEFAULT.into())
    }

    pub(super) fn end_with_parent(&self) -> Result<(), Failure> {
        let held = self.ends_with.map_or(Ok(()), supervisor::end_with_parent);
        held.map_err(system("this command can't be bound to its parent"))
    }
}

/// A command that reaches introducers.
pub(super) trait Reaches {
    fn proxy(&self) -> &Proxy;

    /// The node's configuration.
    fn config(&self) -> Option<&Path>;

    fn sandbox(&self) -> &SandboxOption;

    /// Where Tor keeps its state when no configuration says so.
    fn tor_state(&self) -> Option<&Path> {
        None
    }

    /// Makes what the command, and a carrier in front of it, go on from. The process that was started does it once.
    fn prepare(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// What is wrong and can be known without a network is told before one is waited for.
    fn refuse_unready(&self) -> Result<(), Failure>;
}
