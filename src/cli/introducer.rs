//! The introducer's own process, and the operator's word on its clock.

use std::{fs, io::ErrorKind, path::PathBuf};

use clap::Args;

use super::{
    failure::{Exit, Failure, system},
    lockdown::{self, SandboxOption},
    output,
};
use crate::{
    ambient,
    config::IntroducerConfig,
    server,
    supervisor::{Inherited, Lifeline, WatchedLifeline},
};

#[derive(Args)]
pub(super) struct Introducer {
    /// The introducer's configuration; SIGHUP reads it again
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Standard output is the lifeline of `anteroom serve`
    #[arg(long, hide = true)]
    supervised: bool,
    #[command(flatten)]
    sandbox: SandboxOption,
}

impl Introducer {
    pub(super) fn run(self) -> Result<(), Failure> {
        let inherited = Inherited::take(self.supervised).map_err(|error| {
            let exit = if error.kind() == ErrorKind::InvalidInput { Exit::Usage } else { Exit::Failed };
            Failure::new(exit, error)
        })?;
        let failed = |error| Failure::new(Exit::Failed, error);
        let config = IntroducerConfig::load(&self.config)?;
        let prepared = server::prepare(&config, inherited.socket).map_err(failed)?;
        lockdown::introducer(&self.sandbox, &self.config, &config)?;
        let lifeline = inherited.lifeline.map(Lifeline::watch).transpose();
        let lifeline = lifeline.map_err(system("the process that started this one can't be watched"))?;
        server::run(prepared, config, closed(lifeline), move || IntroducerConfig::load(&self.config)).map_err(failed)
    }
}

async fn closed(lifeline: Option<WatchedLifeline>) {
    match lifeline {
        Some(mut lifeline) => lifeline.closed().await,
        None => std::future::pending().await,
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
