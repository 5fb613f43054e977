//! Who used which invitation, by the records that rest on its key: what every introducer lists is compared.

use std::collections::BTreeSet;

use super::book::{Book, Standing};
use crate::{
    ambient,
    cli::{
        failure::{Exit, Failure},
        introducers::block_on,
        output,
    },
    client::{Client, ClientError, Introducer},
    grid::Chain,
    record::{ContactRecord, GridId, NodeId},
};

/// What introducers told.
#[derive(Default)]
pub(super) struct Seen {
    /// Nodes whose record rests on their invitation still, somewhere.
    pub(super) resting: BTreeSet<NodeId>,
    /// Who did not answer: a second use there would not be seen.
    pub(super) silent: Vec<Introducer>,
    failure: Option<Failure>,
}

impl Seen {
    /// Says what whoever invited has to know at once.
    pub(super) fn tell(&self, book: &Book) {
        let now = ambient::wall();
        for invited in book.invitations.iter().filter(|invited| invited.standing(now) == Standing::UsedTwice) {
            output::say(format_args!(
                "The invitation for {:?} was used by {} keys: somebody else has seen it. None of them is confirmed by\n\
                 itself. Ask {:?} for the right one, then: anteroom grid confirm {:?} --node ID\n\
                 or take all of them out: anteroom grid revoke {}",
                invited.name(),
                invited.used_by.len(),
                invited.name(),
                invited.name(),
                invited.key.0,
            ));
        }
    }

    /// An introducer that did not answer is worth an exit code.
    pub(super) fn into_result(self) -> Result<(), Failure> {
        self.failure.map_or(Ok(()), Err)
    }
}

/// Asks each introducer for its records and for proofs of a second use, and notes in the book what is new.
pub(super) fn look(
    client: &Client,
    introducers: &[Introducer],
    grid: GridId,
    book: &mut Book,
) -> Result<Seen, Failure> {
    let mut seen = Seen::default();
    block_on(async {
        for introducer in introducers {
            if let Err(error) = ask(client, introducer, grid, book, &mut seen).await {
                output::say(format_args!("{introducer}: {error}"));
                seen.silent.push(*introducer);
                seen.failure = Some(error.into());
            }
        }
        Ok(())
    })?;
    if let Some(failure) = seen.failure.take_if(|_| seen.silent.len() < introducers.len()) {
        let message = format_args!("{} of {} introducers did not answer", seen.silent.len(), introducers.len());
        seen.failure =
            Some(Failure::new(Exit::Partly, message).hint(format_args!("see above why ({failure}); ask again")));
    }
    Ok(seen)
}

async fn ask(
    client: &Client,
    introducer: &Introducer,
    grid: GridId,
    book: &mut Book,
    seen: &mut Seen,
) -> Result<(), ClientError> {
    let mut listing = client.list(introducer, None, None).await?;
    while let Some(record) = listing.next().await? {
        note(record.claims(), book, seen);
    }
    // Only of what may be used, or was: each question has a circuit of its own.
    let now = ambient::wall();
    let open = |standing| !matches!(standing, Standing::Expired | Standing::Revoked | Standing::UsedTwice);
    for invited in &mut book.invitations {
        if invited.grid.0 != grid || invited.reader || !open(invited.standing(now)) {
            continue;
        }
        if let Some(pair) = client.second_use(introducer, invited.key.0).await? {
            for record in &pair {
                invited.note_use(record.claims().node);
            }
        }
    }
    Ok(())
}

/// A record that rests on an invitation of the book.
fn note(claims: &ContactRecord, book: &mut Book, seen: &mut Seen) {
    let chain = Chain::read(&claims.grid, &claims.node, &claims.grants).ok();
    let Some(invitation) = chain.and_then(|chain| chain.invitation()) else { return };
    if let Some(invited) = book.invitations.iter_mut().find(|invited| invited.key.0 == invitation) {
        invited.note_use(claims.node);
        seen.resting.insert(claims.node);
    }
}
