//! Taking an invitation back before whoever used it was confirmed.

use std::path::PathBuf;

use clap::Args;

use super::{
    PassphraseFrom,
    book::{BOOK_DEFAULT, Book, ClientKey, Invited, Standing},
    revoke::{self, Change, DUE_DAYS_DEFAULT},
};
use crate::{
    ambient,
    cli::{
        failure::{Exit, Failure},
        output,
    },
};

#[derive(Args)]
pub(in crate::cli) struct Uninvite {
    /// Whom you invited
    #[arg(value_name = "NAME")]
    name: String,
    /// The grid's key: signs the next list of revoked keys, with the invitation on it
    #[arg(long, value_name = "FILE", requires = "list")]
    key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// File of that list; the one that is there is what the new one goes on from
    #[arg(long, value_name = "FILE", requires = "key")]
    list: Option<PathBuf>,
    /// Your private book of invitations
    #[arg(long, value_name = "FILE", default_value = BOOK_DEFAULT)]
    book: PathBuf,
}

impl Uninvite {
    pub(super) fn run(self) -> Result<(), Failure> {
        let now = ambient::wall();
        let mut book = Book::open(&self.book)?;
        let invited = book.find(&self.name)?;
        if let (Standing::Confirmed, Some(confirmed)) = (invited.standing(now), &invited.confirmed) {
            return Err(Failure::new(
                Exit::Usage,
                format_args!("{:?} was confirmed and has a grant of its own", self.name),
            )
            .hint(format_args!(
                "take the node out: anteroom grid revoke {} --key FILE --list FILE",
                confirmed.node.0
            )));
        }
        if let (Some(key), Some(list)) = (&self.key, &self.list) {
            let secret = super::key(key, &self.passphrase)?;
            if secret.id() != invited.grid.0 {
                return Err(Failure::new(Exit::Usage, "the invitation is for another grid than that of the key")
                    .hint("name the key of that grid; nothing was changed"));
            }
            let change = Change { out: &[invited.key.0], back: &[], until: invited.expires().max(now.plus_hours(1)) };
            revoke::next(&secret, list, &change, DUE_DAYS_DEFAULT)?;
        } else if !invited.reader && invited.expires() > now {
            output::say(format_args!(
                "The invitation will not be confirmed. It can be used until it ends, unless whoever has the grid's key takes\n\
                 it back: anteroom grid revoke {} --key FILE --list FILE",
                invited.key.0
            ));
        }
        invited.revoked = true;
        tell_operators(invited);
        book.save()
    }
}

/// Who reads by a key of the invitation goes on reading until it is taken away.
fn tell_operators(invited: &Invited) {
    let Some(client) = &invited.client else { return };
    for ClientKey { introducer, .. } in &invited.client_keys {
        output::say(format_args!(
            "The operator of {} removes: anteroom client-auth remove {} --config introducer.toml",
            introducer.0, client.0,
        ));
    }
}
