//! The sandbox by itself: locks this process down as a profile asks, attacks it, and shows every line.

use clap::Args;

use super::{failure::Failure, output};
use crate::sandbox::{self, Level, Needs, Profile, Report};

#[derive(Args)]
pub(super) struct SandboxCheck {
    /// `unix-accept` (an introducer), `unix-connect` (a client), `egress-tcp` (a carrier) or `supervisor`
    #[arg(long, value_name = "PROFILE")]
    profile: Profile,
    /// strict, kill, seccomp or off
    #[arg(long, value_name = "LEVEL", default_value_t)]
    level: Level,
    /// Allow this system call whatever the profile says, to see that the attack finds the hole
    #[arg(long, value_name = "CALL")]
    leave_open: Option<String>,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

impl SandboxCheck {
    pub(super) fn run(self) -> Result<(), Failure> {
        let report =
            sandbox::dangerously_lock_but(self.profile, self.level, &Needs::default(), self.leave_open.as_deref())?;
        if self.json { output::data(serde_json::json!(report)) } else { output::data(text(&report)) }
    }
}

fn text(report: &Report) -> String {
    let layers = report.layers.iter().map(ToString::to_string);
    let attempts = report.attempts.iter().map(ToString::to_string);
    layers.chain(attempts).collect::<Vec<_>>().join("\n")
}
