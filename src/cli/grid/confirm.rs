//! Letting those stay who came by an invitation: grants of your own, brought to the introducers, where each node finds them
//! when it publishes next.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    PassphraseFrom,
    book::{self, BOOK_DEFAULT, Book, Confirmed, Invited, Standing},
    grant::DAYS_MAX,
    invitations,
    issuer::{Issuer, IssuerFrom},
    redeemed::{self, Seen},
};
use crate::{
    ambient,
    cli::{
        failure::{Exit, Failure},
        introducers::{self, block_on},
        lockdown::{self, SandboxOption},
        outcomes, output,
        proxy::{Proxy, Reaches},
    },
    client::{Client, Delivered, Introducer},
    config::NodeConfig,
    grid::{Chain, Grant, GrantKind, Rights, ServiceSet},
    petnames::Petnames,
    protocol::RefusalCode,
    record::NodeId,
};

const HOURS_PER_DAY: u16 = 24;

#[derive(Args)]
pub(in crate::cli) struct Confirm {
    /// Only whom you invited by these names; without one, everybody whose invitation was used, once
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The one node to let stay, though its invitation was used twice or an introducer did not answer; with one NAME
    #[arg(long, value_name = "ID", requires = "names")]
    node: Option<NodeId>,
    #[command(flatten)]
    issuer: IssuerFrom,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// How long they may stay
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=DAYS_MAX))]
    days: u16,
    /// Your private book of invitations
    #[arg(long, value_name = "FILE", default_value = BOOK_DEFAULT)]
    book: PathBuf,
    /// A node's or reader's configuration: grid, introducers, SOCKS socket
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    proxy: Proxy,
    #[command(flatten)]
    sandbox: SandboxOption,
    /// Print a JSON document, as `anteroom grid invitations --json`
    #[arg(long)]
    json: bool,
}

impl Confirm {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = NodeConfig::load(&self.config)?;
        let (client, introducers) = introducers::member(&config, &self.proxy)?;
        let mut book = Book::open(&self.book)?;
        self.refuse_names(&mut book)?;
        let issuer = self.issuer.open(&self.passphrase)?;
        if issuer.grid() != config.grid {
            return Err(Failure::new(Exit::Usage, "the key is of another grid than the configuration")
                .hint("name the configuration of that grid"));
        }
        let files: Vec<&Path> =
            [Some(&self.book), config.petnames.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect();
        lockdown::keeper(&self.sandbox, Some(&config), &files)?;
        let seen = redeemed::look(&client, &introducers, config.grid, &mut book)?;
        book.save()?;
        seen.tell(&book);
        self.grant(&issuer, &mut book, &seen)?;
        book.save()?;
        self.name(&config, &book);
        let brought = self.bring(&client, &introducers, &book, &seen)?;
        invitations::tell(&book.invitations, self.json)?;
        brought.and(seen.into_result())
    }

    fn refuse_names(&self, book: &mut Book) -> Result<(), Failure> {
        for name in &self.names {
            book.find(name)?;
        }
        if self.node.is_some() && self.names.len() != 1 {
            return Err(Failure::new(Exit::Usage, "--node goes with one name").hint("name whom you invited"));
        }
        Ok(())
    }

    fn is_meant(&self, invited: &Invited) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| name == invited.name())
    }

    /// Signs for everybody who used an invitation once, as far as every introducer could say.
    fn grant(&self, issuer: &Issuer, book: &mut Book, seen: &Seen) -> Result<(), Failure> {
        let now = ambient::wall();
        for invited in &mut book.invitations {
            if !self.is_meant(invited) || invited.grid.0 != issuer.grid() || invited.confirmed.is_some() {
                continue;
            }
            let node = match (self.node, invited.standing(now), invited.used_by.first()) {
                (Some(node), Standing::Redeemed | Standing::UsedTwice | Standing::Expired, _) => node,
                (None, Standing::Redeemed, Some(node)) if seen.silent.is_empty() => node.0,
                (None, Standing::Redeemed, Some(node)) => {
                    output::say(format_args!(
                        "{:?} is not confirmed yet: an introducer did not answer, and a second use there would not be seen.\n\
                         Ask again, or, when you know that it is right: anteroom grid confirm {:?} --node {}",
                        invited.name(),
                        invited.name(),
                        node.0,
                    ));
                    continue;
                }
                _ => continue,
            };
            if invited.issuer.as_ref().map(|issuer| issuer.0) != issuer.id() {
                output::say(format_args!(
                    "{:?} was invited with another key, and only that one can confirm: {}",
                    invited.name(),
                    invited.issuer.as_ref().map_or_else(|| "the grid's".to_owned(), |issuer| issuer.0.to_string()),
                ));
                continue;
            }
            invited.note_use(node);
            invited.confirmed = Some(Confirmed::new(node, &self.sign(issuer, invited, node)?));
        }
        Ok(())
    }

    fn sign(&self, issuer: &Issuer, invited: &Invited, node: NodeId) -> Result<Vec<Vec<u8>>, Failure> {
        let services = match &invited.services {
            None => ServiceSet::Any,
            Some(names) => ServiceSet::Only(names.iter().map(|name| name.0.clone()).collect()),
        };
        let grants = issuer.sign(&Grant {
            grid: issuer.grid(),
            issuer: issuer.id(),
            subject: node,
            kind: GrantKind::Lasting,
            rights: Rights { services, introducer: false },
            depth: 0,
            issued: ambient::wall(),
            lifetime_hours: self.days.saturating_mul(HOURS_PER_DAY),
        })?;
        match Chain::read(&issuer.grid(), &node, &grants) {
            Ok(_) => Ok(grants),
            Err(error) => Err(Failure::new(Exit::Usage, format_args!("nobody would take this grant: {error}"))
                .hint("see with `anteroom grid show --grant FILE` what you were granted")),
        }
    }

    /// What you called whom you invited is what you call the node from now on. A name that does not serve is told, and
    /// hinders nothing.
    fn name(&self, config: &NodeConfig, book: &Book) {
        let Some(path) = &config.petnames else { return };
        for invited in book.invitations.iter().filter(|invited| self.is_meant(invited)) {
            let Some(confirmed) = &invited.confirmed else { continue };
            let named = Petnames::load(path).and_then(|mut petnames| match petnames.name(&confirmed.node.0) {
                // One that was given since then stays.
                Some(_) => Ok(()),
                None => petnames.set(confirmed.node.0, invited.name()),
            });
            if let Err(error) = named {
                output::say(format_args!("{:?} is not the petname of {}: {error}", invited.name(), confirmed.node.0));
            }
        }
    }

    /// Brings the grants to every introducer, while the node's record rests on the invitation.
    fn bring(
        &self,
        client: &Client,
        introducers: &[Introducer],
        book: &Book,
        seen: &Seen,
    ) -> Result<Result<(), Failure>, Failure> {
        let mut outcome = Ok(());
        block_on(async {
            for invited in book.invitations.iter().filter(|invited| self.is_meant(invited)) {
                let Some(confirmed) = &invited.confirmed else { continue };
                if !seen.resting.contains(&confirmed.node.0) {
                    continue;
                }
                let (grants, mut accepted) = (confirmed.grants(), false);
                for introducer in introducers {
                    match deliver(client, introducer, &grants).await {
                        Ok(()) => accepted = true,
                        Err(failure) => output::say(format_args!("{introducer}: {failure}")),
                    }
                }
                if accepted {
                    output::say(format_args!(
                        "{:?} may stay: {} finds the grant when it publishes next.",
                        invited.name(),
                        confirmed.node.0
                    ));
                } else {
                    let message = format_args!("no introducer took the grant for {:?}", invited.name());
                    outcome = Err(Failure::new(Exit::Refused, message)
                        .hint("see above why; the grant is in the book, and to bring it again does no harm"));
                }
            }
            Ok(())
        })?;
        Ok(outcome)
    }
}

async fn deliver(client: &Client, introducer: &Introducer, grants: &[Vec<u8>]) -> Result<(), Failure> {
    match client.bring_confirmation(introducer, grants).await? {
        Delivered::Accepted => Ok(()),
        Delivered::Refused { code: RefusalCode::NotListed, .. } => {
            Err(Failure::new(Exit::Refused, "it does not list the node by this invitation"))
        }
        Delivered::Refused { code, .. } => {
            Err(Failure::new(Exit::Refused, format_args!("refused: {}", outcomes::reason(code))))
        }
        Delivered::Busy { retry_after } => {
            Err(Failure::new(Exit::Busy, format_args!("busy: try again in {} s", retry_after.as_secs())))
        }
    }
}

impl Reaches for Confirm {
    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    fn config(&self) -> Option<&Path> {
        Some(&self.config)
    }

    fn sandbox(&self) -> &SandboxOption {
        &self.sandbox
    }

    fn refuse_unready(&self) -> Result<(), Failure> {
        book::read(&self.book)?;
        introducers::member(&NodeConfig::load(&self.config)?, &self.proxy).map(drop)
    }
}
