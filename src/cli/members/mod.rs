//! The panel of a grid: who is in and who is out, and the commands that change it.

#[cfg(any(feature = "audit", feature = "server"))]
mod listed;
mod panel;
mod table;

#[cfg(any(feature = "audit", feature = "server"))]
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    failure::Failure,
    introducers::{Ready, Whom, block_on},
    output,
    proxy::Reaches,
};
#[cfg(feature = "grid-admin")]
use super::{
    grid::{Revoke, Terms},
    petname::Named,
};
use crate::ambient;

const JSON_HELP: &str = "JSON: grid; introducers: a list of {introducer, answered, admission, list_seq, records}; list: null, \
    or {seq, issued_hours, next_update_hours, stale}; members: a list of {node, petname, nickname, \
    nickname_also_claimed_by, nickname_also_claimed_by_count, nickname_is_petname_of, grant, granted_by, \
    grant_expires_hours, may_introduce, services, withdrawn, seq, record_expires_hours, listed_by}; revoked: a list of \
    {node, petname, until_hours}; complete. Hours count from the Unix epoch; grant is none, holds, expired, revoked or bad; \
    granted_by leads from the grid to whoever let the node in, and is empty for the grid itself. With \
    --introducer-config: a list of {node, petname, services}, null for any. Fields may be added, none will change.";

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, after_long_help = JSON_HELP)]
pub(super) struct Members {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    whom: Whom,
    /// On an introducer's machine, where it lets in whom its operator lists: show that list and ask nobody
    #[cfg(any(feature = "audit", feature = "server"))]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "introducer", "grid"])]
    introducer_config: Option<PathBuf>,
    /// Also show whole ids
    #[arg(long)]
    ids: bool,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Put a node on an operator's list, or change what it may offer there
    #[cfg(any(feature = "audit", feature = "server"))]
    Allow(listed::Allow),
    /// Take a node off an operator's list
    #[cfg(any(feature = "audit", feature = "server"))]
    Deny(listed::Deny),
    /// Grant: let a node in by the grid's key, or by that of a member; as `anteroom grid grant`
    #[cfg(feature = "grid-admin")]
    Grant(Box<GrantNode>),
    /// Revoke: take out nodes, and all whom they let in, by the grid's key; as `anteroom grid revoke`
    #[cfg(feature = "grid-admin")]
    Revoke(Box<Revoke>),
}

#[cfg(feature = "grid-admin")]
#[derive(Args)]
struct GrantNode {
    /// Id or petname of the node
    node: Named,
    #[command(flatten)]
    terms: Terms,
}

impl Members {
    /// `None` for what stays on this machine.
    pub(super) fn reaches(&self) -> Option<&dyn Reaches> {
        #[cfg(any(feature = "audit", feature = "server"))]
        if self.introducer_config.is_some() {
            return None;
        }
        self.action.is_none().then_some(&self.whom as &dyn Reaches)
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        match self.action {
            #[cfg(any(feature = "audit", feature = "server"))]
            Some(Action::Allow(command)) => return command.run(),
            #[cfg(any(feature = "audit", feature = "server"))]
            Some(Action::Deny(command)) => return command.run(),
            #[cfg(feature = "grid-admin")]
            Some(Action::Grant(command)) => return command.terms.grant(&command.node),
            #[cfg(feature = "grid-admin")]
            Some(Action::Revoke(command)) => return command.run(),
            None => {}
        }
        #[cfg(any(feature = "audit", feature = "server"))]
        if let Some(file) = &self.introducer_config {
            return listed::show(file, self.whom.petnames(), self.ids, self.json);
        }
        let Ready { asked, mut labels } = self.whom.resolve(false)?;
        let panel = block_on(panel::Panel::gather(&asked))?;
        panel.members().for_each(|member| labels.note(member.record.claims()));
        let now = ambient::wall();
        if self.json {
            output::data(panel.json(&labels, now))?;
        } else {
            output::write(table::text(&panel, &labels, now, self.ids))?;
        }
        asked.tell_dropped();
        Ok(())
    }
}
