//! The group key of a sealed grid: the first one, and the next ones for those who are still in.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{PassphraseFrom, key_epoch_file, revocation_file};
use crate::{
    ambient,
    cli::{
        failure::{Exit, Failure, system},
        keygen, output,
    },
    grid::{EpochTerms, KeyEpoch, NEXT_UPDATE_HOURS_MAX},
    keys,
    record::{EphemeralSecret, Epoch, GridId, GroupKey, GroupKeys, NodeId, Seq},
};

const HOURS_PER_DAY: u16 = 24;
const DUE_DAYS_MAX: i64 = (NEXT_UPDATE_HOURS_MAX / HOURS_PER_DAY) as i64;

#[derive(Subcommand)]
pub(in crate::cli) enum Seal {
    /// Make the first group key of a sealed grid
    Init(Init),
    /// Make the key of a new epoch, for these members and nobody else
    Rekey(Rekey),
}

impl Seal {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Init(arguments) => arguments.run(),
            Self::Rekey(arguments) => arguments.run(),
        }
    }
}

#[derive(Args)]
pub(in crate::cli) struct Init {
    /// File for the group key; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Init {
    fn run(self) -> Result<(), Failure> {
        keygen::refuse_existing(&self.out)?;
        keys::create_group(&self.out, &GroupKeys::new(GroupKey::new(Epoch::MIN, *keygen::seed()?)))?;
        output::say(format_args!(
            "The group key is in {file}. Whoever has it reads the grid: hand it to members alone, never to an introducer.\n\
             In each member's node.toml: group_key = {name:?}\n\
             In each introducer.toml, with a new `state`: sealed = true",
            file = self.out.display(),
            name = self.out.file_name().unwrap_or_default(),
        ));
        Ok(())
    }
}

#[derive(Args)]
pub(in crate::cli) struct Rekey {
    /// Ids of all who are to read on: nodes, and readers by the id of their key
    #[arg(value_name = "ID", required = true)]
    members: Vec<NodeId>,
    /// The grid's key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// File of the group keys; the new one is added to it
    #[arg(long, value_name = "FILE")]
    group: PathBuf,
    /// File for the document that introducers hand out; the one that is there is what the new one goes on from
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The list of revoked keys: nobody on it gets the new key
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// Wrap the newest key again, for other members or a later date, in place of a new one
    #[arg(long)]
    renew: bool,
    /// The next document is due within so many days: from then on members are told that it is overdue
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=DUE_DAYS_MAX))]
    due_days: u16,
}

impl Rekey {
    fn run(self) -> Result<(), Failure> {
        let secret = super::key(&self.key, &self.passphrase)?;
        let members = self.members(secret.id())?;
        let terms = EpochTerms {
            grid: secret.id(),
            seq: self.last_seq(secret.id())?.saturating_add(1),
            issued: ambient::wall(),
            next_update_hours: self.due_days.saturating_mul(HOURS_PER_DAY),
        };
        let mut group = keys::load_group(&self.group)?;
        if !self.renew {
            group.add(next(&group)?);
        }
        let key = group.newest().ok_or_else(|| keys::KeyFileError::GroupKeys(self.group.clone()))?;
        let ephemeral = EphemeralSecret::new(ambient::random().map_err(system("no key can be made"))?);
        let unsigned = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Usage, format_args!("the key can't be wrapped: {error}"))
                .hint("a larger group hands its file of group keys on by itself")
        };
        let document = KeyEpoch::wrap(terms, key, &members, &ephemeral).map_err(|error| unsigned(&error))?;
        let document = document.sign(&secret).map_err(|error| unsigned(&error))?;
        // First what nobody else has: a document without its key would lock out whoever made it.
        if !self.renew {
            keys::replace_group(&self.group, &group)?;
        }
        key_epoch_file::write(&self.out, &document)?;
        output::data(key_epoch_file::text(&document))?;
        output::say(format_args!(
            "The document for {count} members is in {file}; it is no secret. It counts once introducers have it:\n\
             anteroom grid publish --config node.toml --epoch {file}\n\
             Nodes that publish fetch the key by themselves, readers with `anteroom node rekey --config node.toml`. Until\n\
             all have, what they publish is sealed under the old key, and what was read stays read.",
            count = members.len(),
            file = self.out.display(),
        ));
        Ok(())
    }

    /// Each once, and none that is out.
    fn members(&self, grid: GridId) -> Result<Vec<NodeId>, Failure> {
        let mut members = self.members.clone();
        members.sort_unstable();
        members.dedup();
        let Some(path) = &self.list else { return Ok(members) };
        let list = revocation_file::read_existing(path)?;
        if list.list().grid != grid {
            return Err(Failure::new(Exit::Usage, "the list is of another grid than the key")
                .hint("nothing was changed; name the list of this grid"));
        }
        match members.iter().find(|member| list.list().revokes(member)) {
            Some(out) => Err(Failure::new(Exit::Usage, format_args!("{out} is revoked"))
                .hint("nothing was changed; leave it out, or let it in again first")),
            None => Ok(members),
        }
    }

    fn last_seq(&self, grid: GridId) -> Result<Seq, Failure> {
        match key_epoch_file::read(&self.out)? {
            Some(old) if old.document().terms.grid != grid => {
                Err(Failure::new(Exit::Usage, "the document is of another grid than the key")
                    .hint("nothing was changed; name another file with --out"))
            }
            old => Ok(old.map_or(0, |old| old.document().terms.seq)),
        }
    }
}

/// Of the epoch behind the newest.
fn next(group: &GroupKeys) -> Result<GroupKey, Failure> {
    let epoch = group.newest().map_or(Some(Epoch::MIN), |key| key.epoch().checked_add(1));
    let epoch = epoch.ok_or_else(|| Failure::new(Exit::Failed, "the epochs of this grid are used up"))?;
    Ok(GroupKey::new(epoch, *keygen::seed()?))
}
