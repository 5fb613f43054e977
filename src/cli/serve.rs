//! Running an introducer, and the operator's word on its clock.

use std::{fs, path::PathBuf};

use clap::Args;

use super::{
    failure::{Exit, Failure, system},
    lockdown::{self, SandboxOption},
    output,
};
use crate::{ambient, config::IntroducerConfig, server};

#[derive(Args)]
pub(super) struct Serve {
    /// The introducer's configuration; SIGHUP reads it again
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    sandbox: SandboxOption,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let failed = |error| Failure::new(Exit::Failed, error);
        let config = IntroducerConfig::load(&self.config)?;
        let prepared = server::prepare(&config).map_err(failed)?;
        lockdown::introducer(&self.sandbox, &self.config, &config)?;
        server::run(prepared, config, move || IntroducerConfig::load(&self.config)).map_err(failed)
    }
}

#[derive(Args)]
pub(super) struct ConfirmClock {
    /// The introducer's configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl ConfirmClock {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = IntroducerConfig::load(&self.config)?;
        let path = config.state.join(server::CLOCK_CONFIRMED_FILE);
        let hour = ambient::wall().hours();
        fs::write(&path, format!("{hour}\n")).map_err(|error| {
            system(format_args!("can't write {}", path.display()))(error)
                .hint("run it as the introducer's user, on the machine and with the `state` directory it runs with")
        })?;
        output::say(
            "Confirmed for this hour. Send SIGHUP to the introducer (or start it): it forgets expired records again.",
        );
        Ok(())
    }
}
