//! A node's directory, made in one step: everything is in it, or it is not there.

use std::{
    fs::{self, DirBuilder},
    io::ErrorKind,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use crate::{
    ambient,
    cli::{
        failure::{Exit, Failure, system},
        grant_file, keygen, output, setup,
    },
    config::{GRID_PLACEHOLDER, NODE_TEMPLATE, NodeConfig, TorConfig},
    grid::{Chain, Invitation, KnownGrants, ServiceSet},
    keys::{
        self, ClientSecret,
        client_keys::{self, Missing},
    },
    record::{Address, GroupKey, GroupKeys, NodeId, NodeSecret},
};

/// The configuration in the directory.
const CONFIG: &str = "node.toml";
const KEY: &str = "node.key";
const GRANT: &str = "node.grant";
const GROUP_KEY: &str = "group.key";
/// Tor's directory, as node.toml has it.
const TOR: &str = "tor";
/// Owner only.
const MODE: u32 = 0o700;

/// Whose directory it is; `None` for who only reads a grid that is not sealed.
pub(super) fn node(config: &NodeConfig) -> Result<Option<NodeId>, Failure> {
    config.key.as_deref().map(|key| Ok(keys::load_node(key)?.id())).transpose()
}

/// Where a node is, or is to be.
#[derive(Clone, Debug)]
pub(super) struct Place {
    directory: PathBuf,
    pub(super) config: PathBuf,
}

impl Place {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { config: directory.join(CONFIG), directory }
    }

    /// Nothing of anybody's is written over, and nothing is asked for in vain.
    pub(super) fn refuse_occupied(&self) -> Result<(), Failure> {
        let occupied = match fs::read_dir(&self.directory) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) => error.kind() != ErrorKind::NotFound,
        };
        if !occupied {
            return Ok(());
        }
        Err(Failure::new(Exit::Usage, format_args!("{} exists and holds something else", self.directory.display()))
            .hint("nothing was changed; name another directory: anteroom join DIRECTORY"))
    }

    /// Makes it: key, grants, client keys, configuration.
    pub(super) fn make(&self, invitation: &Invitation, socks: Option<&Path>) -> Result<(), Failure> {
        // The last part of the name alone: `node/` is the same place as `node`.
        let name = self.directory.components().as_path();
        let mut unfinished = name.as_os_str().to_owned();
        unfinished.push(".joining");
        let unfinished = PathBuf::from(unfinished);
        // What a crash left behind: a key that nobody has seen.
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(system(format_args!("can't remove {}", unfinished.display()))(error));
            }
            _ => {}
        }
        let written = write(&unfinished, invitation, socks).and_then(|()| {
            fs::rename(&unfinished, name)
                .and_then(|()| keys::sync_directory(name))
                .map_err(system(format_args!("can't make {}", self.directory.display())))
        });
        written.inspect_err(|_| {
            // Best effort: what is left is removed by the next run.
            let _ = fs::remove_dir_all(&unfinished);
        })
    }
}

fn write(directory: &Path, invitation: &Invitation, socks: Option<&Path>) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(MODE)
        .create(directory)
        .map_err(system(format_args!("can't make {}", directory.display())))?;
    let publishes = !matches!(&invitation.chain().rights().services, ServiceSet::Only(names) if names.is_empty());
    if publishes {
        redeem(directory, invitation)?;
    } else if invitation.group_key().is_some() {
        // The next group key is wrapped for this one.
        keys::create_node(&directory.join(KEY), &NodeSecret::from_seed(*keygen::seed()?))?;
    }
    if let Some(key) = invitation.group_key() {
        let key = GroupKey::new(key.epoch(), *key.secret());
        keys::create_group(&directory.join(GROUP_KEY), &GroupKeys::new(key))?;
    }
    write_client_keys(directory, invitation, socks.is_some())?;
    let text = configuration(invitation, publishes, socks)
        .ok_or_else(|| Failure::new(Exit::Failed, "the configuration can't be made of its template"))?;
    setup::write_new(&directory.join(CONFIG), &text)
}

/// A key of the node's own, and the grants that the invitation is good for.
fn redeem(directory: &Path, invitation: &Invitation) -> Result<(), Failure> {
    let secret = NodeSecret::from_seed(*keygen::seed()?);
    let grants = invitation
        .redeem(secret.id(), ambient::wall())
        .map_err(|error| Failure::new(Exit::Usage, error).hint("ask for another invitation"))?;
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Usage, format_args!("the invitation leads nowhere: {error}"))
            .hint("ask for another invitation")
    };
    let chain = Chain::read(&invitation.grid(), &secret.id(), &grants).map_err(|error| unusable(&error))?;
    let chain = chain.verify(&KnownGrants::new(0)).map_err(|error| unusable(&error))?;
    keys::create_node(&directory.join(KEY), &secret)?;
    grant_file::write(&directory.join(GRANT), &grant_file::text(&invitation.grid(), &secret.id(), &chain), &grants)
}

/// One for each introducer behind an onion service, when the invitation has any.
fn write_client_keys(directory: &Path, invitation: &Invitation, for_other_tor: bool) -> Result<(), Failure> {
    let clients = TorConfig::new(directory.join(TOR)).clients_directory();
    for (index, address) in invitation.introducers().iter().enumerate() {
        let Address::Onion(onion) = address else { continue };
        let Some(secret) = invitation.client_secret(onion) else { continue };
        let name = format!("introducer-{}", index + 1);
        let name = name.parse().map_err(|error| Failure::new(Exit::Failed, error))?;
        client_keys::create(&clients, Missing::Make, &name, onion, &ClientSecret::from_seed(*secret))?;
    }
    if for_other_tor && invitation.client_key().is_some() {
        output::say(format_args!(
            "The introducers ask for client keys. Yours are in {TOR}/clients of the new directory; your tor needs them in\n\
             its ClientOnionAuthDir, as files of its own user: copy them there, then reload it."
        ));
    }
    Ok(())
}

/// The commented template with what the invitation says; `None` when a line of it is not there.
fn configuration(invitation: &Invitation, publishes: bool, socks: Option<&Path>) -> Option<String> {
    let introducers: String = invitation.introducers().iter().map(|address| format!("    \"{address}\",\n")).collect();
    let mut text = NODE_TEMPLATE.to_owned();
    let mut put = |from: &str, to: &str| {
        let found = text.contains(from);
        text = text.replacen(from, to, 1);
        found.then_some(())
    };
    put(GRID_PLACEHOLDER, &invitation.grid().to_string())?;
    put("\nintroducers = [\n]", &format!("\nintroducers = [\n{introducers}]"))?;
    put("\n#granted = false", "\ngranted = true")?;
    if invitation.group_key().is_some() {
        put("\n#group_key = \"group.key\"", &format!("\ngroup_key = \"{GROUP_KEY}\""))?;
    }
    if publishes || invitation.group_key().is_some() {
        put("\n#key = \"node.key\"", &format!("\nkey = \"{KEY}\""))?;
    }
    if publishes {
        put("\n#grant = \"node.grant\"", &format!("\ngrant = \"{GRANT}\""))?;
    }
    if let Some(socks) = socks {
        let socks = std::path::absolute(socks).ok()?;
        put("\n#socks = \"/run/tor/socks\"", &format!("\nsocks = {:?}", socks.to_str()?))?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        grid::{Grant, GrantKind, Rights},
        record::{Epoch, GridSecret},
    };

    fn invitation(rights: Rights, client_key: Option<[u8; 32]>, group_key: Option<GroupKey>) -> Invitation {
        let (grid, key) = (GridSecret::from_seed([1; 32]), NodeSecret::from_seed([2; 32]));
        let grant = Grant {
            grid: grid.id(),
            issuer: None,
            subject: key.id(),
            kind: GrantKind::Invitation,
            rights,
            depth: 1,
            issued: ambient::wall(),
            lifetime_hours: 24,
        };
        let grant = grant.sign_by_grid(&grid).unwrap();
        let introducer = "sgblgwu6s3qplltke246cgan4h4arjxufg7lx3zpjwt3vc3evl7byiid.onion:80".parse().unwrap();
        Invitation::new([2; 32], &[grant.bytes()], vec![introducer], client_key, group_key).unwrap()
    }

    #[test]
    fn what_is_made_can_be_used_and_has_all_that_the_invitation_says() {
        let parent = tempfile::tempdir().unwrap();
        let place = Place::new(parent.path().join("bob"));
        let invitation = invitation(Rights::ANY_SERVICE, Some([7; 32]), None);
        place.make(&invitation, Some(Path::new("/run/tor/socks"))).unwrap();
        let config = NodeConfig::load(&place.config).unwrap();
        assert_eq!((config.grid, config.granted), (invitation.grid(), true));
        assert_eq!(config.introducers, invitation.introducers());
        assert_eq!(config.socks.as_deref(), Some(Path::new("/run/tor/socks")));
        let grant = grant_file::read(config.grant.as_deref().unwrap()).unwrap();
        assert_eq!(Some(grant.key), node(&config).unwrap());
        assert!(grant.chain.keys().contains(&invitation.key()));
        assert_eq!(fs::read_dir(config.tor.clients_directory()).unwrap().count(), 1);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn who_only_reads_has_no_key() {
        let parent = tempfile::tempdir().unwrap();
        let place = Place::new(parent.path().join("carol"));
        place.make(&invitation(Rights::services([]), Some([7; 32]), None), None).unwrap();
        let config = NodeConfig::load(&place.config).unwrap();
        assert_eq!((config.key.is_none(), config.grant.is_none(), config.socks), (true, true, None));
        assert!(!place.directory.join(KEY).exists() && !place.directory.join(GRANT).exists());
    }

    #[test]
    fn in_a_sealed_grid_everybody_has_the_group_key_and_a_key_of_their_own() {
        for rights in [Rights::ANY_SERVICE, Rights::services([])] {
            let parent = tempfile::tempdir().unwrap();
            let place = Place::new(parent.path().join("carol"));
            let group_key = GroupKey::new(Epoch::new(3).unwrap(), [9; 32]);
            place.make(&invitation(rights.clone(), None, Some(group_key)), None).unwrap();
            let config = NodeConfig::load(&place.config).unwrap();
            let keys = keys::load_group(config.group_key.as_deref().unwrap()).unwrap();
            assert_eq!(keys.sole().map(|key| (key.epoch().get(), *key.secret())), Some((3, [9; 32])));
            assert!(node(&config).unwrap().is_some());
            assert_eq!(config.grant.is_some(), rights == Rights::ANY_SERVICE);
        }
    }

    #[test]
    fn what_exists_is_left_alone_and_what_a_crash_left_is_not_in_the_way() {
        let parent = tempfile::tempdir().unwrap();
        let place = Place::new(parent.path().join("bob"));
        let directory = &place.directory;
        fs::create_dir(directory).unwrap();
        place.refuse_occupied().unwrap();
        fs::write(directory.join("diary"), "mine").unwrap();
        assert_eq!(place.refuse_occupied().unwrap_err().exit(), Exit::Usage);
        let invitation = invitation(Rights::ANY_SERVICE, None, None);
        place.make(&invitation, None).unwrap_err();
        assert_eq!(fs::read_to_string(directory.join("diary")).unwrap(), "mine");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "nothing else is left");

        fs::remove_file(directory.join("diary")).unwrap();
        let unfinished = parent.path().join("bob.joining");
        fs::create_dir(&unfinished).unwrap();
        fs::write(unfinished.join(KEY), "half").unwrap();
        place.make(&invitation, None).unwrap();
        NodeConfig::load(&place.config).unwrap();
        assert!(!unfinished.exists());
    }
}
