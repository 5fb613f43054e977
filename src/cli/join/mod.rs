//! Joining a grid by an invitation: a key, the grants for it, a configuration, and whether the introducers answer.
//!
//! What is made is made before any network is touched, in one step, by the process that was started; the question to the
//! introducers comes after it, so that a second run has nothing left to do but that.

mod invited;
mod place;

use std::path::{Path, PathBuf};

use clap::{
    Args,
    builder::{PathBufValueParser, TypedValueParser as _},
};
use place::Place;

use super::{
    failure::{Exit, Failure},
    introducers::{self, block_on},
    lockdown::{self, SandboxOption},
    output,
    proxy::{Proxy, Reaches},
};
use crate::{
    client::{Client, ClientError, Introducer},
    config::NodeConfig,
    net::{DialError, SocksError},
    protocol::AdmissionKind,
    record::NodeId,
};

#[derive(Args)]
pub(super) struct Join {
    /// Directory for the node; it must not exist, or be empty, or be one where an earlier `join` stopped
    #[arg(value_name = "DIRECTORY", default_value = "node", value_parser = PathBufValueParser::new().map(Place::new))]
    place: Place,
    /// Read the invitation from this file, which nobody else may read. Without it: from standard input, or typed at a
    /// prompt that does not show it. It is never an argument, which other users of the machine could read
    #[arg(long, value_name = "FILE")]
    invitation: Option<PathBuf>,
    #[command(flatten)]
    proxy: Proxy,
    #[command(flatten)]
    sandbox: SandboxOption,
    /// Print a JSON document: config, node (null for who only reads; in a sealed grid the id that its next
    /// keys are wrapped for), introducers: a list of {introducer, answers, error}
    #[arg(long)]
    json: bool,
}

impl Join {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = NodeConfig::load(&self.place.config)?;
        let node = place::node(&config)?;
        let (client, introducers) = introducers::publisher(&config, &self.proxy)?;
        lockdown::reader(&self.sandbox, Some(&config))?;
        let answers = block_on(async { Ok(ask(&client, &introducers).await) })?;
        if self.json {
            output::data(serde_json::json!({
                "config": self.place.config.display().to_string(),
                "node": node.map(|node| node.to_string()),
                "introducers": answers.iter().map(Answer::json).collect::<Vec<_>>(),
            }))?;
        } else {
            answers.iter().for_each(Answer::tell);
            self.tell_next(node.filter(|_| config.grant.is_none()), config.grant.is_some());
        }
        into_result(&answers)
    }

    /// `reader`: who only reads a sealed grid.
    fn tell_next(&self, reader: Option<NodeId>, publishes: bool) {
        let config = self.place.config.display();
        if publishes {
            output::say(format_args!(
                "Next: type what the node offers, and its addresses, below [[service]] in {config}. Then:\n\
                 anteroom node publish --config {config} --stay\n\
                 Whoever invited you sees that, and lets the node stay."
            ));
        } else {
            if let Some(reader) = reader {
                output::say(format_args!(
                    "Tell whoever invited you your id: the next group key is made for it.\n{reader}"
                ));
            }
            output::say(format_args!("Next: anteroom list --config {config}"));
        }
    }
}

impl Reaches for Join {
    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    fn config(&self) -> Option<&Path> {
        Some(&self.place.config)
    }

    fn sandbox(&self) -> &SandboxOption {
        &self.sandbox
    }

    fn prepare(&self) -> Result<(), Failure> {
        if self.place.config.exists() {
            return Ok(());
        }
        self.place.refuse_occupied()?;
        let invitation = invited::read(self.invitation.as_deref())?;
        self.place.make(&invitation, self.proxy.socks.as_deref())
    }

    fn refuse_unready(&self) -> Result<(), Failure> {
        introducers::publisher(&NodeConfig::load(&self.place.config)?, &self.proxy).map(drop)
    }
}

/// What an introducer made of the question.
struct Answer {
    introducer: Introducer,
    problem: Option<String>,
    /// It answers, and something else is missing.
    reached: bool,
}

impl Answer {
    fn tell(&self) {
        match &self.problem {
            None => output::say(format_args!("{}: it answers", self.introducer)),
            Some(problem) => output::say(format_args!("{}: {problem}", self.introducer)),
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "introducer": self.introducer.to_string(),
            "answers": self.reached,
            "error": self.problem,
        })
    }
}

async fn ask(client: &Client, introducers: &[Introducer]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for introducer in introducers {
        let (reached, problem) = match client.about(introducer).await {
            Ok(about) => (true, unfit(about.admission)),
            Err(error) => (false, Some(missing(&error))),
        };
        answers.push(Answer { introducer: *introducer, problem, reached });
    }
    answers
}

/// What keeps an introducer that answers from taking the node in.
fn unfit(admission: AdmissionKind) -> Option<String> {
    match admission {
        AdmissionKind::Granted => None,
        AdmissionKind::Open => {
            Some("it answers, and takes no grants: its operator has to set `policy = \"granted\"`".into())
        }
        AdmissionKind::Listed => {
            Some("it answers, and lets in whom its operator lists: send the operator the id of this node".into())
        }
    }
}

fn missing(error: &ClientError) -> String {
    match error {
        ClientError::Dial(DialError::Refused(SocksError::ClientAuthMissing | SocksError::ClientAuthWrong)) => {
            "it does not let you in yet: its operator has to add the line that `anteroom grid invite` printed, and your \
             tor has to know your key. Then run this again"
                .into()
        }
        error => error.to_string(),
    }
}

fn into_result(answers: &[Answer]) -> Result<(), Failure> {
    let ready = answers.iter().filter(|answer| answer.problem.is_none()).count();
    let hint = "everything on this machine is made; run the same command again when that is mended";
    match answers.len() - ready {
        0 => Ok(()),
        _ if ready == 0 => Err(Failure::new(Exit::Unreachable, "no introducer is ready for you").hint(hint)),
        missing => Err(Failure::new(
            Exit::Partly,
            format_args!("{missing} of {} introducers are not ready for you", answers.len()),
        )
        .hint(hint)),
    }
}
