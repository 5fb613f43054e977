//! An address moves between C tor and the embedded Tor, in both directions, and nothing gets lost on the way.

use std::{fs, os::unix::fs::chown};

use anteroom::keys::{
    ClientSecret, OnionKeyError, OnionService,
    authorized_clients::{self, Clients},
    client_keys::{self, Missing},
};

use crate::{Place, SECRET, SEED, set_mode, tor::OfflineTor};

fn hidden_service(place: &Place, name: &str) -> String {
    let directory = place.path(name);
    format!("HiddenServiceDir {}\nHiddenServicePort 80 unix:{}\n", directory.display(), place.path("socket").display())
}

fn two_clients() -> Clients {
    [("alice", 1), ("bob-2", 2)]
        .map(|(name, seed)| (name.parse().unwrap(), ClientSecret::from_seed([seed; 32]).public()))
        .into()
}

fn add_clients(place: &Place, service: &str) {
    for (name, key) in two_clients() {
        authorized_clients::add(&place.path(service), &name, key).unwrap();
    }
}

#[test]
fn what_c_tor_made_is_taken_over_and_given_back() {
    let place = Place::new();
    drop(OfflineTor::start(&place.path(""), &hidden_service(&place, "c-tor")));
    add_clients(&place, "c-tor");
    let made = fs::read_to_string(place.path("c-tor/hostname")).unwrap();
    let before = place.everything();
    let service = OnionService::import(&place.path("c-tor"), &place.path("tor/onion")).unwrap();
    assert_eq!(service.host(), made.trim());
    assert_eq!(authorized_clients::list(service.directory()).unwrap(), two_clients());
    let copied: Vec<_> = ["hostname", SECRET, "hs_ed25519_public_key"].into();
    for name in copied {
        assert_eq!(
            fs::read(place.path("c-tor").join(name)).unwrap(),
            fs::read(place.path("tor/onion").join(name)).unwrap()
        );
    }
    OnionService::export(&place.path("tor/onion"), &place.path("back")).unwrap();
    assert!(before.iter().all(|(path, content)| place.everything().get(path) == Some(content)), "the source changed");
    let tor = OfflineTor::start(&place.path(""), &hidden_service(&place, "back"));
    assert_eq!(tor.complaints(), Vec::<String>::new());
    assert_eq!(fs::read_to_string(place.path("back/hostname")).unwrap(), made);
}

#[test]
fn c_tor_reads_what_was_made_here() {
    let place = Place::new();
    let service = place.service("onion", SEED);
    add_clients(&place, "onion");
    OnionService::export(&place.path("onion"), &place.path("c-tor")).unwrap();
    let exported = place.everything();
    let tor = OfflineTor::start(&place.path(""), &hidden_service(&place, "c-tor"));
    assert_eq!(tor.complaints(), Vec::<String>::new());
    for name in two_clients().keys() {
        let line = format!("Loaded a client authorization key file {name}.auth.");
        assert!(tor.log().contains(&line), "{name}:\n{}", tor.log());
    }
    // Not even its own spelling of these files would be another one.
    assert!(exported.iter().all(|(path, content)| place.everything().get(path) == Some(content)), "tor changed a file");
    assert_eq!(fs::read_to_string(place.path("c-tor/hostname")).unwrap().trim(), service.host());
    assert_eq!(OnionService::open(&place.path("c-tor")).unwrap().host(), service.host());
}

#[test]
fn c_tor_makes_the_same_host_name_of_the_secret_key_alone() {
    let place = Place::new();
    for seed in 0..4 {
        let name = format!("onion-{seed}");
        let service = place.service(&name, [seed; 32]);
        fs::remove_file(place.path(&name).join("hostname")).unwrap();
        fs::remove_file(place.path(&name).join("hs_ed25519_public_key")).unwrap();
        let tor = OfflineTor::start(&place.path(""), &hidden_service(&place, &name));
        drop(tor);
        let hostname = fs::read_to_string(place.path(&name).join("hostname")).unwrap();
        assert_eq!(hostname, format!("{}\n", service.host()));
    }
}

#[test]
fn c_tor_reads_a_clients_key() {
    let place = Place::new();
    let service = place.service("onion", SEED).address(80).unwrap();
    let secret = ClientSecret::from_seed([1; 32]);
    client_keys::create(&place.path("keys"), Missing::Make, &"cellar".parse().unwrap(), &service, &secret).unwrap();
    let torrc = format!("ClientOnionAuthDir {}", place.path("keys").display());
    let tor = OfflineTor::start(&place.path(""), &torrc);
    assert_eq!(tor.complaints(), Vec::<String>::new());
    assert!(tor.log().contains("Loaded a client authorization key file cellar.auth_private."), "{}", tor.log());
}

#[test]
fn the_same_address_may_be_imported_again() {
    let place = Place::new();
    let service = place.service("c-tor", SEED);
    add_clients(&place, "c-tor");
    for _ in 0..2 {
        let imported = OnionService::import(&place.path("c-tor"), &place.path("onion")).unwrap();
        assert_eq!(imported.host(), service.host());
    }
    // Clients that the target has of its own stay.
    let carol = ("carol".parse().unwrap(), ClientSecret::from_seed([3; 32]).public());
    authorized_clients::add(&place.path("onion"), &carol.0, carol.1).unwrap();
    OnionService::import(&place.path("c-tor"), &place.path("onion")).unwrap();
    let mut all = two_clients();
    all.insert(carol.0, carol.1);
    assert_eq!(authorized_clients::list(&place.path("onion")).unwrap(), all);
}

#[test]
fn the_key_of_another_address_is_never_written_over() {
    let place = Place::new();
    place.service("c-tor", SEED);
    add_clients(&place, "c-tor");
    place.service("onion", [8; 32]);
    let before = place.everything();
    let error = OnionService::import(&place.path("c-tor"), &place.path("onion")).err().unwrap();
    assert!(matches!(error, OnionKeyError::OtherAddress(_)) && error.hint().contains("move that directory"), "{error}");
    let error = OnionService::export(&place.path("c-tor"), &place.path("onion")).err().unwrap();
    assert!(matches!(error, OnionKeyError::Exists(_)), "{error}");
    assert_eq!(place.everything(), before);
}

#[test]
fn a_client_of_the_target_is_never_written_over() {
    let place = Place::new();
    place.service("c-tor", SEED);
    add_clients(&place, "c-tor");
    for (name, seed) in [("alice", 9), ("other", 1)] {
        let target = place.path(name);
        place.service(name, SEED);
        authorized_clients::add(&target, &name.parse().unwrap(), ClientSecret::from_seed([seed; 32]).public()).unwrap();
        let before = place.everything();
        let error = OnionService::import(&place.path("c-tor"), &target).err().unwrap();
        assert!(matches!(error, OnionKeyError::NameTaken(_) | OnionKeyError::KeyTaken(_)), "{error}");
        assert_eq!(place.everything(), before);
    }
}

#[test]
fn a_copy_that_could_not_be_made_leaves_nothing_behind() {
    let place = Place::new();
    place.service("onion", SEED);
    add_clients(&place, "onion");
    // Only C tor reads the name: the embedded Tor would lock that client out, and say nothing here.
    let authorized = place.path("onion").join(authorized_clients::DIRECTORY);
    fs::rename(authorized.join("alice.auth"), authorized.join("Alice.auth")).unwrap();
    let before = place.everything();
    let copies = [
        OnionService::import(&place.path("onion"), &place.path("copy")),
        OnionService::export(&place.path("onion"), &place.path("copy")),
    ];
    for copied in copies {
        let error = copied.err().unwrap();
        assert!(matches!(error, OnionKeyError::FileName(_)) && error.to_string().contains("Alice.auth"), "{error}");
    }
    assert_eq!(place.everything(), before);
}

#[test]
fn a_key_of_another_user_is_not_used() {
    let place = Place::new();
    let root = rustix::process::geteuid().is_root();
    place.service("onion", SEED);
    // Root gives it away; anybody else looks at what is root's.
    let foreign = if root { place.path("onion") } else { "/".into() };
    if root {
        chown(&foreign, Some(1), Some(1)).unwrap();
    }
    for result in [OnionService::open(&foreign), OnionService::open_or_create(&foreign, &SEED)] {
        let error = result.err().unwrap();
        assert!(matches!(error, OnionKeyError::NotOurs { .. }) && error.hint().contains("runuser"), "{error}");
    }
    let key = ClientSecret::from_seed([1; 32]).public();
    let added = authorized_clients::add(&foreign, &"alice".parse().unwrap(), key);
    assert!(matches!(added, Err(OnionKeyError::NotOurs { .. })));
}

#[test]
fn root_takes_over_a_key_from_tors_user() {
    assert!(rustix::process::geteuid().is_root(), "run this test as root: it gives files to another user");
    let place = Place::new();
    let service = place.service("c-tor", SEED);
    add_clients(&place, "c-tor");
    for path in place.everything().into_keys() {
        chown(path, Some(1), Some(1)).unwrap();
    }
    let imported = OnionService::import(&place.path("c-tor"), &place.path("onion")).unwrap();
    assert_eq!(imported.host(), service.host());
    assert_eq!(authorized_clients::list(&place.path("onion")).unwrap(), two_clients());
    // A file that neither the directory's owner nor we have put there is not believed.
    chown(place.path("c-tor").join(SECRET), Some(2), Some(2)).unwrap();
    let error = OnionService::import(&place.path("c-tor"), &place.path("second")).err().unwrap();
    assert!(matches!(error, OnionKeyError::NotOurs { owner: 2, us: 1, .. }), "{error}");
    set_mode(&place.path("c-tor"), 0o755);
    let error = OnionService::import(&place.path("c-tor"), &place.path("second")).err().unwrap();
    assert!(matches!(error, OnionKeyError::TooOpen { .. }), "{error}");
}
