//! The dress rehearsal, told to a person or to a program.

use std::{path::PathBuf, sync::Arc, thread};

use clap::{Args, ValueEnum};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use super::{
    failure::{Exit, Failure, system},
    output,
};
use crate::{
    config::CarrierKind,
    rehearsal::{Event, Patience, Plan, RehearsalError, rehearse, tornet},
};

const LONG_HELP: &str = "It needs Debian's package `tor` and takes about a minute. Nothing leaves this machine. The \
    configuration is read and not written: what is rehearsed is a copy in a temporary directory, which is gone afterwards, as \
    are all processes; after a failure the directory stays, for its logs. The copy has the rules and limits of the original, \
    and not its places, bridges and client keys.";

#[derive(Args)]
#[command(after_long_help = LONG_HELP)]
pub(super) struct Rehearse {
    /// The introducer's configuration; without it, a default one for a grid of its own
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Who carries the introducer's streams, in place of the configuration's choice
    #[arg(long, value_name = "CARRIER")]
    carrier: Option<Carrier>,
    /// Keep the temporary directory, with all files and logs
    #[arg(long)]
    keep: bool,
    /// Keep the keys of the private network in this directory for the next rehearsal; making them takes half a minute
    #[arg(long, value_name = "DIRECTORY")]
    key_cache: Option<PathBuf>,
    /// Print JSON, an object a line: `event` is `begins`, `command`, `note`, `done` or `over`; times are in milliseconds
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Carrier {
    /// The Tor inside this program
    Tor,
    /// The installed C tor, as with `carrier = "external"`
    CTor,
}

impl From<Carrier> for CarrierKind {
    fn from(carrier: Carrier) -> Self {
        match carrier {
            Carrier::Tor => Self::Tor,
            Carrier::CTor => Self::External,
        }
    }
}

impl Rehearse {
    pub(super) fn run(self) -> Result<(), Failure> {
        let patience = Patience::default();
        let plan = Plan {
            config: self.config,
            carrier: self.carrier.map(CarrierKind::from),
            keep: self.keep,
            network: tornet::Settings {
                key_cache: self.key_cache,
                progress: Arc::new(|line| output::say(format_args!("   {line}"))),
                patience: patience.clone(),
            },
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(system("the event loop does not start"))?;
        let (ended, until_ended) = oneshot::channel::<()>();
        thread::scope(|scope| {
            let playing = scope.spawn(move || {
                let _told_by_its_drop = ended;
                play(&plan, self.json)
            });
            runtime.block_on(lose_on_signal(&patience, until_ended));
            playing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// A signal ends the rehearsal, not this process: what was started has to be stopped first.
async fn lose_on_signal(patience: &Patience, until_ended: oneshot::Receiver<()>) {
    let hangup = async {
        match signal(SignalKind::hangup()) {
            Ok(mut hangup) => drop(hangup.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = output::stop_signal() => {}
        () = hangup => {}
        _ = until_ended => return,
    }
    output::say("   stopping what was started …");
    patience.lose();
}

fn play(plan: &Plan, json: bool) -> Result<(), Failure> {
    let mut untold = None;
    let played = rehearse(plan, &mut |event| {
        let told = if json { output::data(as_json(event)) } else { output::data(as_text(event)) };
        if let Err(failure) = told {
            // Nobody listens: the rest would be for nobody.
            plan.network.patience.lose();
            untold.get_or_insert(failure);
        }
    });
    match (untold, played) {
        (Some(failure), _) => Err(failure),
        (None, played) => played.map_err(Failure::from),
    }
}

fn as_text(event: Event<'_>) -> String {
    match event {
        Event::Begins(step) => step.title().into(),
        Event::Command(line) => format!("   $ {line}"),
        Event::Note(text) => format!("   {text}"),
        Event::Done { millis, .. } => format!("   done in {}\n", seconds(millis)),
        Event::Over { millis, kept } => {
            let rest = match kept {
                Some(directory) => format!("its files are in {}", directory.display()),
                None => "no process and no file of it is left".into(),
            };
            format!("The main job is done, in {}; {rest}.", seconds(millis))
        }
    }
}

fn as_json(event: Event<'_>) -> serde_json::Value {
    match event {
        Event::Begins(step) => serde_json::json!({ "event": "begins", "step": step.name(), "title": step.title() }),
        Event::Command(line) => serde_json::json!({ "event": "command", "line": line }),
        Event::Note(text) => serde_json::json!({ "event": "note", "text": text }),
        Event::Done { step, millis } => {
            serde_json::json!({ "event": "done", "step": step.name(), "millis": millis })
        }
        Event::Over { millis, kept } => {
            serde_json::json!({ "event": "over", "millis": millis, "kept": kept })
        }
    }
}

fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

impl From<RehearsalError> for Failure {
    fn from(error: RehearsalError) -> Self {
        let exit = match &error {
            RehearsalError::Config(_) | RehearsalError::NoAddressKind(_) | RehearsalError::NoTorInside => Exit::Usage,
            _ => Exit::Failed,
        };
        Self::new(exit, &error).hint(error.hint())
    }
}
