//! Letting somebody in: with the grid's key, or with a key that was let in and may let in others.

use std::path::PathBuf;

use clap::Args;

use super::PassphraseFrom;
use crate::{
    ambient,
    cli::{
        failure::{Exit, Failure},
        grant_file, output,
        petname::{Named, PetnamesOption},
    },
    grid::{Chain, GRANT_LIFETIME_HOURS_MAX, Grant, GrantKind, GrantSignError, KnownGrants, Rights, ServiceSet},
    keys,
    record::{GridId, NodeId, ServiceName},
};

const HOURS_PER_DAY: u16 = 24;
const DAYS_MAX: i64 = (GRANT_LIFETIME_HOURS_MAX / HOURS_PER_DAY) as i64;

#[derive(Args)]
pub(in crate::cli) struct GrantCommand {
    /// Id of the node, which its operator gets from `anteroom node keygen`, or its petname
    #[arg(long, value_name = "NODE")]
    node: Named,
    #[command(flatten)]
    terms: Terms,
}

/// Who grants what.
#[derive(Args)]
pub(in crate::cli) struct Terms {
    #[command(flatten)]
    issuer: Issuer,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    #[command(flatten)]
    petnames: PetnamesOption,
    #[command(flatten)]
    offers: Offers,
    /// The node may be listed among the introducers of the grid
    #[arg(long)]
    introducer: bool,
    /// How long the grant holds
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=DAYS_MAX))]
    days: u16,
    /// How many further grants may follow this one, one below the other: 1 for somebody who lets in nodes
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=3))]
    links: u8,
    /// File for the grant, which its node needs; an older one there is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Args)]
struct Issuer {
    /// The grid's key
    #[arg(long, value_name = "FILE", conflicts_with_all = ["node_key", "grant"], required_unless_present = "node_key")]
    key: Option<PathBuf>,
    /// The key of a node that may let in others, in place of the grid's
    #[arg(long, value_name = "FILE", requires = "grant")]
    node_key: Option<PathBuf>,
    /// The grant of that node
    #[arg(long, value_name = "FILE", requires = "node_key")]
    grant: Option<PathBuf>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Offers {
    /// A service the node may offer; again for more
    #[arg(long, value_name = "NAME")]
    service: Vec<ServiceName>,
    /// The node may offer every service
    #[arg(long)]
    any_service: bool,
    /// The node belongs to the grid and offers nothing
    #[arg(long)]
    no_service: bool,
}

impl GrantCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.terms.grant(&self.node)
    }
}

impl Terms {
    /// Signs and writes the grant.
    pub(in crate::cli) fn grant(self, node: &Named) -> Result<(), Failure> {
        let node = self.petnames.resolve(node)?;
        let (grid, grants) = match (&self.issuer.key, &self.issuer.node_key, &self.issuer.grant) {
            (_, Some(key), Some(grant)) => {
                let (secret, above) = (keys::load_node(key)?, grant_file::read(grant)?);
                if above.key != secret.id() {
                    return Err(Failure::new(Exit::Usage, "the grant is for another key than the one that is to sign")
                        .hint("name the key and the grant of one node"));
                }
                let link =
                    self.claims(node, above.grid, Some(secret.id())).sign_by_member(&secret).map_err(unsigned)?;
                (above.grid, [above.grants, vec![link.bytes().to_vec()]].concat())
            }
            (Some(key), _, _) => {
                let secret = super::key(key, &self.passphrase)?;
                let link = self.claims(node, secret.id(), None).sign_by_grid(&secret).map_err(unsigned)?;
                (secret.id(), vec![link.bytes().to_vec()])
            }
            // clap asks for one of the two.
            _ => return Err(Failure::new(Exit::Usage, "the key that signs is missing").hint("name it with --key")),
        };
        let chain = Chain::read(&grid, &node, &grants).map_err(|error| {
            Failure::new(Exit::Usage, format_args!("nobody would take this grant: {error}"))
                .hint("see with `anteroom grid show --grant FILE` what the issuer itself was granted")
        })?;
        let chain = chain.verify(&KnownGrants::new(0)).map_err(|error| Failure::new(Exit::Failed, error))?;
        let text = super::show::grant_text(&grid, &node, &chain);
        grant_file::write(&self.out, &text, &grants)?;
        output::data(text)?;
        output::say(format_args!(
            "The grant is in {}; it is no secret. In the node's node.toml: grant = {:?}",
            self.out.display(),
            self.out.file_name().unwrap_or_default(),
        ));
        Ok(())
    }

    fn claims(&self, subject: NodeId, grid: GridId, issuer: Option<NodeId>) -> Grant {
        let services = match self.offers.any_service {
            true => ServiceSet::Any,
            false => ServiceSet::Only(self.offers.service.iter().cloned().collect()),
        };
        Grant {
            grid,
            issuer,
            subject,
            kind: GrantKind::Lasting,
            rights: Rights { services, introducer: self.introducer },
            depth: self.links,
            issued: ambient::wall(),
            lifetime_hours: self.days.saturating_mul(HOURS_PER_DAY),
        }
    }
}

fn unsigned(error: GrantSignError) -> Failure {
    Failure::new(Exit::Usage, format_args!("the grant can't be signed: {error}"))
        .hint("name fewer or shorter services, or grant any of them with --any-service")
}
