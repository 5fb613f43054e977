//! The next list of revoked keys: more of them, fewer, or the same with a later date.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;

use super::{PassphraseFrom, revocation_file};
use crate::{
    ambient,
    cli::{
        failure::{Exit, Failure},
        output,
        petname::{Named, PetnamesOption},
    },
    grid::{GRANT_LIFETIME_HOURS_MAX, NEXT_UPDATE_HOURS_MAX, Revocation, RevocationList},
    record::{NodeId, Timestamp},
};

const HOURS_PER_DAY: u16 = 24;
const DAYS_MAX: i64 = (GRANT_LIFETIME_HOURS_MAX / HOURS_PER_DAY) as i64;
const DUE_DAYS_MAX: i64 = (NEXT_UPDATE_HOURS_MAX / HOURS_PER_DAY) as i64;

#[derive(Args)]
pub(in crate::cli) struct Revoke {
    /// Ids or petnames of nodes to take out, with all whom they let in
    #[arg(value_name = "NODE")]
    nodes: Vec<Named>,
    #[command(flatten)]
    petnames: PetnamesOption,
    /// The grid's key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// File of the list; the one that is there is what the new one goes on from
    #[arg(long, value_name = "FILE")]
    list: PathBuf,
    /// Let this node in again, if it still has a grant; again for more
    #[arg(long, value_name = "NODE")]
    restore: Vec<Named>,
    /// The grants to be revoked end within so many days; then the list forgets them
    #[arg(long, value_name = "DAYS", default_value_t = DAYS_MAX as u16, value_parser = clap::value_parser!(u16).range(1..=DAYS_MAX))]
    days: u16,
    /// The next list is due within so many days: from then on readers are told that the grid is stale
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=DUE_DAYS_MAX))]
    due_days: u16,
}

impl Revoke {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let nodes = self.petnames.resolve_all(&self.nodes)?;
        let restored = self.petnames.resolve_all(&self.restore)?;
        let secret = super::key(&self.key, &self.passphrase)?;
        let old = revocation_file::read(&self.list)?;
        if old.as_ref().is_some_and(|old| old.list().grid != secret.id()) {
            return Err(Failure::new(Exit::Usage, "the list is of another grid than the key")
                .hint("nothing was changed; name the list of this grid"));
        }
        let now = ambient::wall();
        let old = old.map(|old| old.list().clone());
        let list = RevocationList {
            grid: secret.id(),
            seq: old.as_ref().map_or(0, |old| old.seq).saturating_add(1),
            issued: now,
            next_update_hours: self.due_days.saturating_mul(HOURS_PER_DAY),
            revoked: self.revoked(old.map(|old| old.revoked).unwrap_or_default(), now, &nodes, &restored),
        };
        let list = list.sign(&secret).map_err(|error| {
            Failure::new(Exit::Usage, format_args!("the list can't be signed: {error}"))
                .hint("revoke whoever let these nodes in, in their place: that takes out all of them at once")
        })?;
        revocation_file::write(&self.list, &list)?;
        output::data(super::show::list_text(&list))?;
        output::say(format_args!(
            "The list is in {file}; it is no secret. It counts once introducers have it:\n\
             anteroom grid publish --config node.toml --list {file}",
            file = self.list.display()
        ));
        Ok(())
    }

    /// What was revoked and has not ended, with what is new.
    fn revoked(&self, old: Vec<Revocation>, now: Timestamp, nodes: &[NodeId], restored: &[NodeId]) -> Vec<Revocation> {
        let until = now.plus_hours(u32::from(self.days) * u32::from(HOURS_PER_DAY));
        let held = old.into_iter().filter(|entry| entry.until > now).map(|entry| (entry.key, entry.until));
        let mut all: BTreeMap<NodeId, Timestamp> = held.collect();
        for node in nodes {
            let entry = all.entry(*node).or_insert(until);
            *entry = until.max(*entry);
        }
        for node in restored {
            all.remove(node);
        }
        all.into_iter().map(|(key, until)| Revocation { key, until }).collect()
    }
}
