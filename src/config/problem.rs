//! What can be wrong with a configuration file, and what to do about it.

use std::{io, path::PathBuf};

use super::{CONFIG_VERSION, GRID_PLACEHOLDER};
use crate::{
    net::TargetError,
    record::{AddressError, ClaimError, GridId, IdError},
    sandbox::Level,
};

/// Why a file is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It can't be read.
    #[error("can't read {}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It is something else.
    #[error("{} is larger than a configuration file can be (64 KiB)", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
    },
    /// Not TOML, a key that does not exist, or a value of another type; the error names line and key.
    #[error("{}: {error}", file.display())]
    Schema {
        /// The file.
        file: PathBuf,
        /// Line, key and what was expected.
        error: Box<toml::de::Error>,
    },
    /// A key that is missing or has a value it can't have.
    #[error("{}: {key}: {problem}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// Which key, with its table.
        key: String,
        /// What is wrong.
        problem: KeyProblem,
    },
}

impl ConfigError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { error, .. } if error.kind() == io::ErrorKind::NotFound => {
                "name the file with --config, or write a commented one with `anteroom init`".into()
            }
            Self::Io { .. } => "check that it is a text file and that you may read it".into(),
            Self::TooLarge { .. } => "name the configuration file, not another one".into(),
            Self::Schema { .. } => "`anteroom init` writes a file with every key and a comment on each".into(),
            Self::Key { problem, .. } => problem.hint(),
        }
    }
}

/// What is wrong with the value of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// A key without default.
    #[error("missing")]
    Missing {
        /// A line to add.
        add: &'static str,
    },
    /// A version of the file that is not known here.
    #[error("version {0} of this file is not known here")]
    Version(i64),
    /// What `init` wrote is still there.
    #[error("the id of the grid is not filled in yet")]
    Placeholder,
    /// Not the id of a grid.
    #[error("not the id of a grid: {0}")]
    Grid(IdError),
    /// Not one of the words that are known.
    #[error("not one of {}", .0.join(", "))]
    Choice(&'static [&'static str]),
    /// A number outside of what makes sense.
    #[error("must be a number from {min} to {max}")]
    Range {
        /// The lowest.
        min: u64,
        /// The highest.
        max: u64,
    },
    /// Not a file mode.
    #[error("not a file mode")]
    Mode,
    /// The kernel's limit.
    #[error("the path of a socket has at most 107 bytes")]
    SocketPathTooLong,
    /// Nobody could connect.
    #[error("nobody may connect")]
    NoCarrier,
    /// More than there is use for.
    #[error("at most {0} of them")]
    TooMany(usize),
    /// One name twice.
    #[error("this is there twice")]
    Twice,
    /// The form of an address.
    #[error("{0}")]
    Address(AddressError),
    /// The form of an introducer's address.
    #[error("{0}")]
    Introducer(AddressError),
    /// An introducer in the open.
    #[error("an introducer is reached by its .onion or .b32.i2p address only")]
    ClearnetIntroducer,
    /// A service nobody could reach.
    #[error("a service needs at least one address")]
    NoAddress,
    /// A clearnet address among the others.
    #[error("this is an address on the open internet: it would tell everybody where this machine is")]
    ClearnetAmongAddresses,
    /// A clearnet address in a grid that has none.
    #[error("this grid admits no addresses on the open internet")]
    ClearnetNotAdmitted,
    /// An anonymous address among the public ones.
    #[error("only addresses on the open internet belong here")]
    PublicNotClearnet,
    /// The proxy of a pluggable transport elsewhere.
    #[error("{0}")]
    Loopback(TargetError),
    /// A key of an onion service in the file of a node.
    #[error("only an introducer has an onion service of its own")]
    ServiceOnly,
    /// The list of nodes can't be read.
    #[error("the file can't be read ({0})")]
    Unreadable(io::ErrorKind),
    /// It is not text, or larger than a list can be.
    #[error("the file is no list of nodes: it is not text, or too large")]
    NotAList,
    /// A line of the list that does not start with a node.
    #[error("line {line}: not the id of a node: {error}")]
    ListNode {
        /// Which, from 1.
        line: usize,
        /// What is wrong with the id.
        error: IdError,
    },
    /// A line of the list that does not say what the node may offer.
    #[error("line {line}: not `any`, and no names of services")]
    ListServices {
        /// Which, from 1.
        line: usize,
    },
    /// A node that is listed twice.
    #[error("line {line}: this node is there twice")]
    ListTwice {
        /// Which, from 1.
        line: usize,
    },
    /// Any other claim of the record.
    #[error("{0}")]
    Claim(ClaimError),
}

impl KeyProblem {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { add } => format!("add the line: {add}"),
            Self::Version(_) => format!("this anteroom reads version {CONFIG_VERSION}"),
            Self::Placeholder => {
                "ask whoever runs the grid for its id, or start a grid with `anteroom grid keygen`".into()
            }
            Self::Grid(_) => {
                format!("copy the id again; it starts with `{}1` and `anteroom grid keygen` printed it", GridId::PREFIX)
            }
            Self::Choice(words) => format!("write one of: {}", words.join(", ")),
            Self::Range { .. } => "leave the line out to have the default".into(),
            Self::Mode => "write it as octal text, such as \"0660\"".into(),
            Self::SocketPathTooLong => "choose a shorter path, such as /run/anteroom/introducer.sock".into(),
            Self::NoCarrier => "write the user id that tor runs as (`id -u debian-tor`), or leave the line out".into(),
            Self::TooMany(_) => "take some out".into(),
            Self::Twice => "take one of the two out".into(),
            Self::Address(_) | Self::NoAddress => "type the address of the onion service or I2P tunnel that leads to \
                this service: addresses come from this file and from nowhere else, there is no wildcard and no `auto`"
                .into(),
            Self::Introducer(_) => {
                "copy the introducer's address again, with its port, such as <56 characters>.onion:80".into()
            }
            Self::ClearnetIntroducer => "ask the introducer's operator for that address".into(),
            Self::ClearnetAmongAddresses => {
                "take it out; if everybody may know it, write it in `public_addresses` of the same service".into()
            }
            Self::ClearnetNotAdmitted => "take it out; if the grid's rules do admit them, set `clearnet = true` in \
                [addresses]"
                .into(),
            Self::PublicNotClearnet => "write it in `addresses`".into(),
            Self::Loopback(_) => "write the address where the transport's proxy listens on this machine, such as \
                127.0.0.1:47000; run the proxy as a service of its own"
                .into(),
            Self::ServiceOnly => "take the line out; a node's own service belongs to the torrc of the node".into(),
            Self::Unreadable(_) => {
                "check the path, which is seen from the directory of this file, and who may read it".into()
            }
            Self::NotAList => "name a text file with one node a line".into(),
            Self::ListNode { .. } | Self::ListServices { .. } => {
                "write a node a line, such as: node1… storage relay   or: node1… any".into()
            }
            Self::ListTwice { .. } => "take one of the two lines out".into(),
            Self::Claim(_) => "change the value".into(),
        }
    }
}

/// A problem that does not know its file yet.
#[derive(Debug)]
pub(super) struct Bad {
    key: String,
    problem: KeyProblem,
}

impl Bad {
    pub(super) fn new(key: impl Into<String>, problem: KeyProblem) -> Self {
        Self { key: key.into(), problem }
    }

    /// The same, with the name of the table in front of the key.
    #[cfg(any(feature = "audit", feature = "client"))]
    pub(super) fn within(self, table: &str) -> Self {
        Self::new(format!("{table}, {}", self.key), self.problem)
    }

    pub(super) fn in_file(self, file: &std::path::Path) -> ConfigError {
        ConfigError::Key { file: file.to_owned(), key: self.key, problem: self.problem }
    }
}

/// `version` and `grid`, which both files start with.
pub(super) fn parse_head(version: Option<i64>, grid: Option<&str>) -> Result<GridId, Bad> {
    match version {
        Some(CONFIG_VERSION) => {}
        Some(other) => return Err(Bad::new("version", KeyProblem::Version(other))),
        None => return Err(Bad::new("version", KeyProblem::Missing { add: "version = 1" })),
    }
    let missing = KeyProblem::Missing { add: "grid = \"grid1…\", with the id that whoever runs the grid gives you" };
    let grid = grid.ok_or(Bad::new("grid", missing))?;
    if grid == GRID_PLACEHOLDER {
        return Err(Bad::new("grid", KeyProblem::Placeholder));
    }
    grid.parse().map_err(|error| Bad::new("grid", KeyProblem::Grid(error)))
}

/// How much is asked of the kernel.
pub(super) fn parse_sandbox(word: Option<&str>) -> Result<Level, Bad> {
    let known = KeyProblem::Choice(&["\"strict\"", "\"kill\"", "\"seccomp\"", "\"off\""]);
    word.map_or(Ok(Level::default()), |word| word.parse().map_err(|_| Bad::new("sandbox", known)))
}

/// A number within its range, or the default.
pub(super) fn parse_number<N: TryFrom<u64> + Into<u64>>(
    key: &str,
    value: Option<i64>,
    default: N,
    (min, max): (N, N),
) -> Result<N, Bad> {
    let Some(value) = value else { return Ok(default) };
    let (min, max) = (min.into(), max.into());
    let fits =
        u64::try_from(value).ok().filter(|value| (min..=max).contains(value)).and_then(|value| N::try_from(value).ok());
    fits.ok_or_else(|| Bad::new(key, KeyProblem::Range { min, max }))
}
