//! The operator's own list, on the introducer's machine: shown, and changed by one node.

use std::path::{Path, PathBuf};

use clap::Args;

use super::table::fitted;
use crate::{
    cli::{
        failure::{Exit, Failure, system},
        labels::Labels,
        output,
        petname::Named,
    },
    config::{IntroducerConfig, ListChange, ListError, change_list},
    directory::{AdmissionPolicy, Roll},
    grid::ServiceSet,
    record::ServiceName,
};

const NAME_COLUMNS: usize = 28;
const NODE_COLUMNS: usize = 18;

#[derive(Args)]
pub(super) struct Allow {
    /// Id or petname of the node
    node: Named,
    #[command(flatten)]
    offers: Offers,
    #[command(flatten)]
    list: List,
}

#[derive(Args)]
pub(super) struct Deny {
    /// Id or petname of the node
    node: Named,
    #[command(flatten)]
    list: List,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Offers {
    /// A service the node may offer; again for more. What it might offer before is not kept
    #[arg(long, value_name = "NAME")]
    service: Vec<ServiceName>,
    /// The node may offer every service
    #[arg(long)]
    any_service: bool,
}

#[derive(Args)]
struct List {
    /// The introducer's configuration, with `policy = "listed"`
    #[arg(long, value_name = "FILE")]
    introducer_config: PathBuf,
    /// File of your petnames
    #[arg(long, value_name = "FILE")]
    petnames: Option<PathBuf>,
}

impl Allow {
    pub(super) fn run(self) -> Result<(), Failure> {
        let services = match self.offers.any_service {
            true => ServiceSet::Any,
            false => ServiceSet::Only(self.offers.service.into_iter().collect()),
        };
        self.list.change(&self.node, &ListChange::Allow(services))
    }
}

impl Deny {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.list.change(&self.node, &ListChange::Deny)
    }
}

impl List {
    fn change(&self, node: &Named, change: &ListChange) -> Result<(), Failure> {
        let node = Labels::open(self.petnames.as_deref())?.resolve(node)?;
        let (list, _) = load(&self.introducer_config)?;
        let changed = change_list(&self.introducer_config, &list, node, change).map_err(|error| match error {
            ListError::List(error) => error.into(),
            ListError::Io { path, error } => system(format!("can't write {}", path.display()))(error),
        })?;
        if changed {
            output::say(format_args!(
                "{} is changed. The old one holds until `anteroom serve`, or the introducer, is sent SIGHUP.",
                list.display()
            ));
        } else {
            output::say(format_args!("{} says that already; nothing was changed.", list.display()));
        }
        Ok(())
    }
}

/// The list, and what is in it.
fn load(file: &Path) -> Result<(PathBuf, Roll), Failure> {
    let config = IntroducerConfig::load(file)?;
    match (config.policy.admission, config.list) {
        (AdmissionPolicy::Listed(roll), Some(list)) => Ok((list, roll)),
        _ => Err(Failure::new(Exit::Usage, "this introducer does not let in whom its operator lists").hint(
            "see who is in with `anteroom members --config node.toml`; a granted grid is changed with `anteroom members \
             grant` and `revoke`",
        )),
    }
}

/// The list alone: who has a record there is asked through Tor.
pub(super) fn show(file: &Path, petnames: Option<&Path>, ids: bool, json: bool) -> Result<(), Failure> {
    let (labels, (list, roll)) = (Labels::open(petnames)?, load(file)?);
    let mut rows: Vec<_> = roll.iter().map(|(node, services)| (labels.petname(node), node, services)).collect();
    rows.sort_by_key(|(petname, node, _)| (petname.is_none(), petname.map(str::to_lowercase), **node));
    let names = |services: &ServiceSet| match services {
        ServiceSet::Any => None,
        ServiceSet::Only(names) => Some(names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()),
    };
    if json {
        let nodes = rows.iter().map(|(petname, node, services)| {
            serde_json::json!({ "node": node.to_string(), "petname": petname, "services": names(services) })
        });
        return output::data(nodes.collect::<serde_json::Value>());
    }
    let head = [fitted("NAME", NAME_COLUMNS), fitted("NODE", NODE_COLUMNS), "MAY OFFER".into()];
    output::data(head.join("  "))?;
    for (petname, node, services) in rows {
        let offers = names(services).map_or_else(|| "any service".into(), |names| names.join(", "));
        let name = fitted(petname.unwrap_or("-"), NAME_COLUMNS);
        output::data([name, fitted(&output::short(node), NODE_COLUMNS), offers].join("  "))?;
        if ids {
            output::data(format_args!("  {node}"))?;
        }
    }
    output::say(format_args!("{} on {}", roll.len(), list.display()));
    Ok(())
}
