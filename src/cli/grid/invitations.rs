//! Whom you invited, and what became of it: from the private book, and from what introducers list.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    book::{self, BOOK_DEFAULT, Book, Invited},
    redeemed,
};
use crate::{
    ambient,
    cli::{
        failure::Failure,
        introducers,
        lockdown::{self, SandboxOption},
        output,
        proxy::{Proxy, Reaches},
    },
    config::NodeConfig,
    record::Timestamp,
};

#[derive(Args)]
pub(in crate::cli) struct Invitations {
    /// Your private book of invitations
    #[arg(long, value_name = "FILE", default_value = BOOK_DEFAULT)]
    book: PathBuf,
    /// A node's or reader's configuration: ask its introducers who used an invitation, and note it in the book
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    proxy: Proxy,
    #[command(flatten)]
    sandbox: SandboxOption,
    /// Print a JSON document: a list of {name, state, key, expires_hours, services, reader, used_by, confirmed, client}
    #[arg(long)]
    json: bool,
}

impl Invitations {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Some(path) = &self.config else {
            return tell(&book::read(&self.book)?, self.json);
        };
        let config = NodeConfig::load(path)?;
        let (client, introducers) = introducers::member(&config, &self.proxy)?;
        let mut book = Book::open(&self.book)?;
        lockdown::writer(&self.sandbox, Some(&config), Some(&self.book))?;
        let seen = redeemed::look(&client, &introducers, config.grid, &mut book)?;
        book.save()?;
        seen.tell(&book);
        tell(&book.invitations, self.json)?;
        seen.into_result()
    }

    /// `None` for what stays on this machine.
    pub(super) fn reaches(&self) -> Option<&dyn Reaches> {
        self.config.is_some().then_some(self as &dyn Reaches)
    }
}

impl Reaches for Invitations {
    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    fn sandbox(&self) -> &SandboxOption {
        &self.sandbox
    }

    fn refuse_unready(&self) -> Result<(), Failure> {
        book::read(&self.book)?;
        match &self.config {
            Some(config) => introducers::member(&NodeConfig::load(config)?, &self.proxy).map(drop),
            None => Ok(()),
        }
    }
}

/// As data.
pub(super) fn tell(invitations: &[Invited], json: bool) -> Result<(), Failure> {
    let now = ambient::wall();
    if json {
        let list = invitations.iter().map(|invited| object(invited, now)).collect::<Vec<_>>();
        return output::data(serde_json::json!(list));
    }
    for invited in invitations {
        output::data(line(invited, now))?;
    }
    if invitations.is_empty() {
        output::say("Nobody is invited.");
    }
    Ok(())
}

fn object(invited: &Invited, now: Timestamp) -> serde_json::Value {
    let services = invited.services.as_ref().map(|names| names.iter().map(|name| name.0.as_str()).collect::<Vec<_>>());
    serde_json::json!({
        "name": invited.name(),
        "state": invited.standing(now).word(),
        "key": invited.key.0.to_string(),
        "expires_hours": invited.expires().hours(),
        "services": services,
        "reader": invited.reader,
        "used_by": invited.used_by.iter().map(|node| node.0.to_string()).collect::<Vec<_>>(),
        "confirmed": invited.confirmed.as_ref().map(|confirmed| confirmed.node.0.to_string()),
        "client": invited.client.as_ref().map(|client| client.0.as_str()),
    })
}

/// The name, in quotes since it is anything, then what became of the invitation.
fn line(invited: &Invited, now: Timestamp) -> String {
    let mut text = format!("{:?} {}", invited.name(), invited.standing(now).word());
    for node in &invited.used_by {
        text.push_str(&format!(", by {}", node.0));
    }
    if invited.confirmed.is_none() && !invited.revoked {
        text.push_str(&format!(", {}", output::remaining(now, invited.expires())));
    }
    if let Some(client) = &invited.client {
        text.push_str(&format!(", reads as client {}", client.0));
    }
    text
}
