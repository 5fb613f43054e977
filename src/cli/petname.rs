//! The owner's own names for nodes: kept in a file of this machine, and told to nobody.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{Args, Subcommand};

use super::{
    failure::{Exit, Failure},
    output,
};
#[cfg(feature = "client")]
use crate::config::NodeConfig;
use crate::{
    petnames::{Petnames, is_id},
    record::{IdError, NodeId},
};

/// A node as a person writes it.
#[derive(Clone, Debug)]
pub(super) enum Named {
    Id(NodeId),
    Petname(String),
}

impl FromStr for Named {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if is_id(text) { text.parse().map(Self::Id) } else { Ok(Self::Petname(text.into())) }
    }
}

impl Named {
    /// The node that is meant.
    pub(super) fn resolve(&self, petnames: Option<&Petnames>) -> Result<NodeId, Failure> {
        match (self, petnames) {
            (Self::Id(node), _) => Ok(*node),
            (Self::Petname(_), None) => {
                Err(Failure::new(Exit::Usage, "this is not the id of a node, and no petnames are known").hint(
                    "give the id, or name the file of your petnames: --petnames FILE, or `petnames` in node.toml",
                ))
            }
            (Self::Petname(name), Some(petnames)) => petnames.node(name).ok_or_else(|| {
                Failure::new(Exit::Usage, "you call no node that")
                    .hint("`anteroom petname list` shows your names; they are taken to the letter")
            }),
        }
    }
}

/// Where the names are, for commands without a configuration.
#[cfg(feature = "grid-admin")]
#[derive(Args)]
pub(super) struct PetnamesOption {
    /// File of your petnames, so that nodes can be named by them
    #[arg(long, value_name = "FILE")]
    petnames: Option<PathBuf>,
}

#[cfg(feature = "grid-admin")]
impl PetnamesOption {
    /// The node that is meant.
    pub(super) fn resolve(&self, named: &Named) -> Result<NodeId, Failure> {
        let petnames = self.petnames.as_deref().map(Petnames::load).transpose()?;
        named.resolve(petnames.as_ref())
    }

    /// The nodes that are meant.
    pub(super) fn resolve_all(&self, named: &[Named]) -> Result<Vec<NodeId>, Failure> {
        named.iter().map(|named| self.resolve(named)).collect()
    }
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Place {
    /// The configuration that names the file, as `petnames`
    #[cfg(feature = "client")]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The file itself; it is made when it is missing
    #[arg(long, value_name = "FILE")]
    petnames: Option<PathBuf>,
}

impl Place {
    fn load(&self) -> Result<Petnames, Failure> {
        #[cfg(feature = "client")]
        if let Some(config) = &self.config {
            let file = NodeConfig::load(config)?.petnames.ok_or_else(|| {
                Failure::new(Exit::Usage, "the configuration names no file of petnames")
                    .hint("add: petnames = \"petnames\"")
            })?;
            return Ok(Petnames::load(&file)?);
        }
        // clap asks for one of them.
        Ok(Petnames::load(self.petnames.as_deref().unwrap_or(Path::new("petnames")))?)
    }
}

#[derive(Subcommand)]
pub(super) enum Petname {
    /// Call a node by a name, in place of a former one
    Set(Set),
    /// Forget the name of a node
    Remove(Remove),
    /// Show every name
    List(List),
}

#[derive(Args)]
pub(super) struct Set {
    /// Id of the node
    node: NodeId,
    /// The name: one that no other node has, nor one that looks like it
    name: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(super) struct Remove {
    /// Id or petname of the node
    node: Named,
    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    place: Place,
    /// Print a JSON document: a list of {node, petname}
    #[arg(long)]
    json: bool,
}

impl Petname {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Set(command) => Ok(command.place.load()?.set(command.node, &command.name)?),
            Self::Remove(command) => {
                let mut petnames = command.place.load()?;
                let node = command.node.resolve(Some(&petnames))?;
                match petnames.remove(&node)? {
                    Some(_) => Ok(()),
                    None => Err(Failure::new(Exit::Usage, "this node has no petname")
                        .hint("`anteroom petname list` shows your names")),
                }
            }
            Self::List(command) => command.run(),
        }
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let petnames = self.place.load()?;
        let mut names: Vec<_> = petnames.iter().collect();
        names.sort_by_key(|(_, name)| name.to_lowercase());
        if self.json {
            let pairs =
                names.iter().map(|(node, name)| serde_json::json!({ "node": node.to_string(), "petname": name }));
            return output::data(pairs.collect::<serde_json::Value>());
        }
        names.into_iter().try_for_each(|(node, name)| output::data(format_args!("{node}  {name}")))
    }
}
