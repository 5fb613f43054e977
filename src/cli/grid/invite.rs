//! Inviting somebody: one line for them, an entry in the private book, and what introducers' operators have to add.

use std::{io::IsTerminal as _, path::PathBuf};

use clap::Args;

use super::{
    PassphraseFrom,
    book::{BOOK_DEFAULT, Book, ClientKey, Invited, Text},
    issuer::IssuerFrom,
};
use crate::{
    ambient,
    cli::{
        failure::{Exit, Failure},
        keygen::seed,
        output,
    },
    grid::{Grant, GrantKind, INVITATION_LIFETIME_HOURS_MAX, Invitation, InvitationError, Rights, ServiceSet},
    keys::{self, ClientSecret},
    record::{Address, GroupKey, Nickname, NodeSecret, ServiceName},
};

const HOURS_PER_DAY: u16 = 24;
const DAYS_MAX: u16 = INVITATION_LIFETIME_HOURS_MAX / HOURS_PER_DAY;

#[derive(Args)]
pub(in crate::cli) struct Invite {
    /// What you call whoever is invited; it stays on this machine
    #[arg(value_name = "NAME", value_parser = parse_name)]
    name: Nickname,
    #[command(flatten)]
    issuer: IssuerFrom,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    #[command(flatten)]
    offers: Offers,
    /// Address of an introducer, `….onion:80`; again for more, up to 4
    #[arg(long, value_name = "ADDRESS", required = true)]
    introducer: Vec<Address>,
    /// The introducers ask for client authorization: the invitation carries keys for that (--reader implies it)
    #[arg(long)]
    client_auth: bool,
    /// In a sealed grid: the file of its group key, which the invitation carries
    #[arg(long, value_name = "FILE")]
    group: Option<PathBuf>,
    /// How long the invitation can be used, and what came by it holds without being confirmed
    #[arg(long, value_name = "DAYS", default_value_t = DAYS_MAX, value_parser = clap::value_parser!(u16).range(1..=i64::from(DAYS_MAX)))]
    days: u16,
    /// Your private book of invitations
    #[arg(long, value_name = "FILE", default_value = BOOK_DEFAULT)]
    book: PathBuf,
    /// Show a QR code also where the output is no terminal
    #[arg(long, conflicts_with = "json")]
    qr: bool,
    /// Print a JSON document: invitation, key, expires_hours, clients: a list of {introducer, name, key}
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Offers {
    /// Services that may be offered, with commas between them
    #[arg(long, visible_alias = "service", value_name = "NAMES", value_delimiter = ',')]
    services: Vec<ServiceName>,
    /// Every service may be offered
    #[arg(long)]
    any_service: bool,
    /// Whoever is invited reads, and publishes nothing
    #[arg(long)]
    reader: bool,
}

impl Invite {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut book = Book::open(&self.book)?;
        let issuer = self.issuer.open(&self.passphrase)?;
        let now = ambient::wall();
        let seed = seed()?;
        let key = NodeSecret::from_seed(*seed).id();
        let grants = issuer.sign(&Grant {
            grid: issuer.grid(),
            issuer: issuer.id(),
            subject: key,
            kind: GrantKind::Invitation,
            rights: self.rights(),
            depth: 1,
            issued: now,
            lifetime_hours: self.days.saturating_mul(HOURS_PER_DAY),
        })?;
        let client_key = if self.client_auth || self.offers.reader { Some(crate::cli::keygen::seed()?) } else { None };
        let invitation =
            Invitation::new(*seed, &grants, self.introducer.clone(), client_key.as_deref().copied(), self.group_key()?)
                .map_err(unusable)?;
        let text = invitation.to_text().map_err(unusable)?;
        let entry = self.entry(&book, &invitation, issuer.id())?;
        book.add(entry.clone(), now)?;
        // In the book before anybody can use it.
        book.save()?;
        self.tell(&text, &entry)
    }

    /// The newest one, under which members publish.
    fn group_key(&self) -> Result<Option<GroupKey>, Failure> {
        let Some(file) = &self.group else { return Ok(None) };
        let keys = keys::load_group(file)?;
        Ok(keys.newest().map(|key| GroupKey::new(key.epoch(), *key.secret())))
    }

    fn rights(&self) -> Rights {
        let services = if self.offers.any_service {
            ServiceSet::Any
        } else {
            ServiceSet::Only(self.offers.services.iter().cloned().collect())
        };
        Rights { services, introducer: false }
    }

    fn entry(
        &self,
        book: &Book,
        invitation: &Invitation,
        issuer: Option<crate::record::NodeId>,
    ) -> Result<Invited, Failure> {
        let expires = invitation.chain().expires();
        let mut entry = Invited::new(&self.name, invitation.key(), invitation.grid(), issuer, expires);
        if !self.offers.any_service {
            entry.services = Some(self.offers.services.iter().cloned().map(Text).collect());
        }
        entry.reader = self.offers.reader;
        entry.introducers = self.introducer.iter().cloned().map(Text).collect();
        for address in &self.introducer {
            let Address::Onion(onion) = address else { continue };
            let Some(secret) = invitation.client_secret(onion) else { continue };
            let public = ClientSecret::from_seed(*secret).public();
            entry.client_keys.push(ClientKey { introducer: Text(address.clone()), public: Text(public) });
        }
        if !entry.client_keys.is_empty() {
            entry.client = Some(Text(book.client_name(self.name.as_str())?));
        }
        Ok(entry)
    }

    fn tell(&self, text: &str, entry: &Invited) -> Result<(), Failure> {
        let client = entry.client.as_ref().map(|client| client.0.as_str());
        if self.json {
            let clients = entry.client_keys.iter().map(|ClientKey { introducer, public }| {
                serde_json::json!({ "introducer": introducer.0.to_string(), "name": client, "key": public.0.to_string() })
            });
            return output::data(serde_json::json!({
                "invitation": text,
                "key": entry.key.0.to_string(),
                "expires_hours": entry.expires().hours(),
                "clients": clients.collect::<Vec<_>>(),
            }));
        }
        output::data(text)?;
        if self.qr || std::io::stdout().is_terminal() {
            output::write(qr(text)?)?;
        }
        output::say(format_args!(
            "Whoever reads this line can use it, once: hand it over where nobody else reads. It ends in {} days.\n\
             {:?} types `anteroom join` and this line. Then: anteroom grid confirm",
            entry.expires().hours_since(ambient::wall()) / u32::from(HOURS_PER_DAY),
            entry.name(),
        ));
        for ClientKey { introducer, public } in &entry.client_keys {
            output::say(format_args!(
                "The operator of {} adds: anteroom client-auth add {} '{}' --config introducer.toml",
                introducer.0,
                client.unwrap_or_default(),
                public.0,
            ));
        }
        Ok(())
    }
}

fn parse_name(text: &str) -> Result<Nickname, String> {
    text.parse().map_err(|_| "a name has 1 to 64 bytes, and no control characters".to_owned())
}

fn unusable(error: InvitationError) -> Failure {
    let hint = match error {
        InvitationError::Chain(_) => {
            "see with `anteroom grid show --grant FILE` what you were granted: to invite takes \
            a grant with --links 2 or more"
        }
        _ => "name 1 to 4 introducers by their onion or I2P addresses, each once",
    };
    Failure::new(Exit::Usage, format_args!("nobody could use this invitation: {error}")).hint(hint)
}

/// Two rows of the code in each line of text, for light text on a dark ground.
fn qr(text: &str) -> Result<String, Failure> {
    let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::L)
        .map_err(|error| Failure::new(Exit::Failed, format_args!("no QR code can be made: {error}")))?;
    let image = code
        .render::<qrcode::render::unicode::Dense1x2>()
        .dark_color(qrcode::render::unicode::Dense1x2::Light)
        .light_color(qrcode::render::unicode::Dense1x2::Dark)
        .build();
    Ok(format!("{image}\n"))
}
