//! The private book of whoever invites: which invitations there are, for whom, and what became of each. It never leaves this
//! machine; the names in it are nobody else's business.

use std::{
    fmt::Display,
    fs::{self, File, TryLockError},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    cli::failure::{Exit, Failure, system},
    keys::{self, ClientName, ClientPublic, KeyFileError},
    record::{Address, GridId, Nickname, NodeId, ServiceName, Timestamp},
};

/// Where it is when no flag says so.
pub(super) const BOOK_DEFAULT: &str = "invitations.json";
/// Those that are over can be taken out by hand.
const INVITATIONS_MAX: usize = 1024;
/// Users of one invitation that are noted: one is right, two are a proof, and more are told the same way.
#[cfg(feature = "client")]
const USERS_NOTED_MAX: usize = 16;
/// Some 4 KiB each: names, addresses, keys, and the grants of who was confirmed.
const BOOK_BYTES_MAX: usize = INVITATIONS_MAX * 4096;
/// Owner only.
const LOCK_MODE: u32 = 0o600;
/// Of its format.
const VERSION: u32 = 1;

/// A value that stands in the book as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(de::Error::custom)
    }
}

/// One invitation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Invited {
    /// What the inviter calls whoever is invited.
    name: String,
    /// The one-use key.
    pub(super) key: Text<NodeId>,
    pub(super) grid: Text<GridId>,
    /// Who invited; none: the grid's key.
    pub(super) issuer: Option<Text<NodeId>>,
    /// What may be offered; none: anything.
    pub(super) services: Option<Vec<Text<ServiceName>>>,
    /// Whoever is invited only reads.
    pub(super) reader: bool,
    expires_hours: u32,
    pub(super) introducers: Vec<Text<Address>>,
    /// What introducers' operators call the client, where they ask for client authorization.
    pub(super) client: Option<Text<ClientName>>,
    /// Where.
    pub(super) client_keys: Vec<ClientKey>,
    /// Whose records rested on it, in the order in which they were seen.
    pub(super) used_by: Vec<Text<NodeId>>,
    pub(super) confirmed: Option<Confirmed>,
    pub(super) revoked: bool,
}

/// The public half of a client's key, for one introducer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientKey {
    pub(super) introducer: Text<Address>,
    pub(super) public: Text<ClientPublic>,
}

/// The grants with which a node may stay.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirmed {
    pub(super) node: Text<NodeId>,
    /// In hexadecimal.
    grants: Vec<String>,
}

/// What became of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Open,
    /// By one node, which is not confirmed.
    Redeemed,
    Confirmed,
    /// By more than one: somebody else has seen it.
    UsedTwice,
    Revoked,
    Expired,
}

impl Standing {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Redeemed => "redeemed",
            Self::Confirmed => "confirmed",
            Self::UsedTwice => "used twice",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl Invited {
    /// An invitation that nobody has used.
    pub(super) fn new(name: &Nickname, key: NodeId, grid: GridId, issuer: Option<NodeId>, expires: Timestamp) -> Self {
        Self {
            name: name.as_str().to_owned(),
            key: Text(key),
            grid: Text(grid),
            issuer: issuer.map(Text),
            services: None,
            reader: false,
            expires_hours: expires.hours(),
            introducers: Vec::new(),
            client: None,
            client_keys: Vec::new(),
            used_by: Vec::new(),
            confirmed: None,
            revoked: false,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn expires(&self) -> Timestamp {
        Timestamp::from_hours(self.expires_hours)
    }

    /// The worst comes first.
    pub(super) fn standing(&self, now: Timestamp) -> Standing {
        match () {
            () if self.used_by.len() > 1 => Standing::UsedTwice,
            () if self.revoked => Standing::Revoked,
            () if self.confirmed.is_some() => Standing::Confirmed,
            () if self.expires() <= now => Standing::Expired,
            () if self.used_by.is_empty() => Standing::Open,
            () => Standing::Redeemed,
        }
    }

    /// Notes a node whose record rests on it; `true` when that is new.
    #[cfg(feature = "client")]
    pub(super) fn note_use(&mut self, node: NodeId) -> bool {
        let new = !self.used_by.contains(&Text(node)) && self.used_by.len() < USERS_NOTED_MAX;
        if new {
            self.used_by.push(Text(node));
        }
        new
    }
}

#[cfg(feature = "client")]
impl Confirmed {
    pub(super) fn new(node: NodeId, grants: &[Vec<u8>]) -> Self {
        let grants = grants.iter().map(|grant| data_encoding::HEXLOWER.encode(grant)).collect();
        Self { node: Text(node), grants }
    }

    /// Empty when somebody changed the book.
    pub(super) fn grants(&self) -> Vec<Vec<u8>> {
        let decode = |grant: &String| data_encoding::HEXLOWER.decode(grant.as_bytes()).ok();
        self.grants.iter().map(decode).collect::<Option<_>>().unwrap_or_default()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    invitations: Vec<Invited>,
}

/// The book, held by one process at a time.
pub(super) struct Book {
    path: PathBuf,
    pub(super) invitations: Vec<Invited>,
    // A file beside it, held open for its lock: the book itself is replaced each time.
    _lock: File,
}

impl Book {
    /// Opens the book; one that does not exist is empty.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = File::options().write(true).create(true).truncate(false).mode(LOCK_MODE).open(&name);
        let lock = lock.map_err(system(format_args!("can't open {}", Path::new(&name).display())))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => Failure::new(Exit::Failed, "another command is using the book of invitations")
                .hint("wait until it has ended"),
            TryLockError::Error(error) => system("can't lock the book of invitations")(error),
        })?;
        Ok(Self { path: path.to_owned(), invitations: read(path)?, _lock: lock })
    }

    /// Adds an invitation, whose name must be free.
    pub(super) fn add(&mut self, invited: Invited, now: Timestamp) -> Result<(), Failure> {
        if let Some(other) = self.invitations.iter().find(|other| other.name == invited.name) {
            let state = other.standing(now).word();
            return Err(Failure::new(
                Exit::Usage,
                format_args!("there is an invitation for {:?} ({state})", invited.name),
            )
            .hint("give another name, such as one with a number"));
        }
        if self.invitations.len() >= INVITATIONS_MAX {
            return Err(Failure::new(Exit::Usage, "the book is full")
                .hint("begin another one with --book, and keep this one as long as its invitations hold"));
        }
        self.invitations.push(invited);
        Ok(())
    }

    /// The invitation for somebody.
    pub(super) fn find(&mut self, name: &str) -> Result<&mut Invited, Failure> {
        self.invitations.iter_mut().find(|invited| invited.name == name).ok_or_else(|| {
            Failure::new(Exit::Usage, format_args!("there is no invitation for {name:?} in the book"))
                .hint("`anteroom grid invitations` lists them; --book names another book")
        })
    }

    /// A name for the lists of introducers' operators, which nobody else in the book has.
    pub(super) fn client_name(&self, name: &str) -> Result<ClientName, Failure> {
        let plain: String =
            name.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let plain = plain.trim_matches('-');
        let base = if plain.is_empty() { "member" } else { plain };
        let taken = |name: &str| {
            self.invitations.iter().any(|other| other.client.as_ref().is_some_and(|client| client.0.as_str() == name))
        };
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let free = std::iter::once(base.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default();
        free.parse().map_err(|error| Failure::new(Exit::Usage, error).hint("take a shorter name"))
    }

    /// Writes it: all of it is there after a crash, or what was there before.
    pub(super) fn save(&self) -> Result<(), Failure> {
        let file = Contents { version: VERSION, invitations: self.invitations.clone() };
        let mut text = serde_json::to_string_pretty(&file)
            .map_err(|error| Failure::new(Exit::Failed, format_args!("the book can't be written: {error}")))?;
        text.push('\n');
        Ok(keys::replace_private(&self.path, text.as_bytes())?)
    }
}

/// What is in it; nothing when there is none.
pub(super) fn read(path: &Path) -> Result<Vec<Invited>, Failure> {
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(Vec::new());
    }
    let unusable = |problem: &dyn Display| {
        Failure::new(Exit::Usage, format_args!("{} is no book of invitations: {problem}", path.display()))
            .hint("name the book with --book; what is damaged comes back from your copy")
    };
    let bytes = keys::load_private(path, BOOK_BYTES_MAX).map_err(|error| match error {
        KeyFileError::Malformed(_) => unusable(&"it is larger than any"),
        error => error.into(),
    })?;
    let file: Contents = serde_json::from_slice(&bytes).map_err(|error| unusable(&error))?;
    if file.version != VERSION {
        return Err(unusable(&"it is of another version"));
    }
    if let Some(bad) = file.invitations.iter().find(|invited| invited.name.parse::<Nickname>().is_err()) {
        return Err(unusable(&format_args!("{:?} is no name", bad.name)));
    }
    Ok(file.invitations)
}
