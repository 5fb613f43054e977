//! Who may reach a service, and the keys of those who do.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use anteroom::keys::{
    ClientName, ClientPublic, ClientSecret, OnionKeyError,
    authorized_clients::{self, CLIENTS_MAX, LastClient},
    client_keys::{self, Missing},
};

use crate::{Place, SEED, mode, set_mode};

fn name(text: &str) -> ClientName {
    text.parse().unwrap()
}

fn key(number: u32) -> ClientPublic {
    let mut seed = [0; 32];
    seed[8..12].copy_from_slice(&number.to_le_bytes());
    ClientSecret::from_seed(seed).public()
}

fn with_service() -> (Place, PathBuf) {
    let place = Place::new();
    let directory = place.service("onion", SEED).directory().to_owned();
    (place, directory)
}

#[test]
fn a_client_is_added_listed_and_removed() {
    let (place, service) = with_service();
    assert!(authorized_clients::list(&service).unwrap().is_empty());
    authorized_clients::add(&service, &name("alice"), key(1)).unwrap();
    authorized_clients::add(&service, &name("bob"), key(2)).unwrap();
    let directory = service.join("authorized_clients");
    assert_eq!((mode(&directory), mode(&directory.join("alice.auth"))), (0o700, 0o600));
    let line = fs::read_to_string(directory.join("alice.auth")).unwrap();
    assert_eq!(line, format!("{}\n", key(1)));
    assert!(line.starts_with("descriptor:x25519:") && line.trim().len() == 70 && !line.contains('='), "{line}");
    let before = place.everything();
    authorized_clients::add(&service, &name("alice"), key(1)).unwrap();
    assert_eq!(place.everything(), before, "the same again is no change");
    assert_eq!(authorized_clients::list(&service).unwrap(), [(name("alice"), key(1)), (name("bob"), key(2))].into());
    authorized_clients::remove(&service, &name("alice"), LastClient::Keep).unwrap();
    assert_eq!(authorized_clients::list(&service).unwrap(), [(name("bob"), key(2))].into());
}

#[test]
fn a_name_has_one_key_and_a_key_one_name() {
    let (place, service) = with_service();
    authorized_clients::add(&service, &name("alice"), key(1)).unwrap();
    let before = place.everything();
    let error = authorized_clients::add(&service, &name("alice"), key(2)).err().unwrap();
    assert!(matches!(&error, OnionKeyError::NameTaken(taken) if *taken == name("alice")), "{error}");
    let error = authorized_clients::add(&service, &name("bob"), key(1)).err().unwrap();
    assert!(matches!(&error, OnionKeyError::KeyTaken(taken) if *taken == name("alice")), "{error}");
    assert_eq!(place.everything(), before);
}

#[test]
fn the_last_client_goes_only_when_that_is_meant() {
    let (_place, service) = with_service();
    let error = authorized_clients::remove(&service, &name("alice"), LastClient::Remove).err().unwrap();
    assert!(matches!(error, OnionKeyError::UnknownClient(_)), "{error}");
    authorized_clients::add(&service, &name("alice"), key(1)).unwrap();
    let error = authorized_clients::remove(&service, &name("bob"), LastClient::Remove).err().unwrap();
    assert!(matches!(error, OnionKeyError::UnknownClient(_)), "{error}");
    let error = authorized_clients::remove(&service, &name("alice"), LastClient::Keep).err().unwrap();
    assert!(matches!(error, OnionKeyError::LastClient(_)) && error.to_string().contains("everybody"), "{error}");
    assert_eq!(authorized_clients::list(&service).unwrap().len(), 1);
    authorized_clients::remove(&service, &name("alice"), LastClient::Remove).unwrap();
    assert!(authorized_clients::list(&service).unwrap().is_empty());
}

#[test]
fn there_are_no_more_clients_than_a_descriptor_holds() {
    let (_place, service) = with_service();
    for number in 0..CLIENTS_MAX {
        let number = u32::try_from(number).unwrap();
        authorized_clients::add(&service, &name(&format!("client-{number}")), key(number)).unwrap();
    }
    let one_more = || authorized_clients::add(&service, &name("one-more"), key(u32::MAX));
    let error = one_more().err().unwrap();
    assert!(matches!(error, OnionKeyError::TooManyClients) && error.to_string().contains("160"), "{error}");
    assert_eq!(authorized_clients::list(&service).unwrap().len(), CLIENTS_MAX);
    authorized_clients::remove(&service, &name("client-7"), LastClient::Keep).unwrap();
    one_more().unwrap();
}

#[test]
fn a_file_that_tor_would_pass_over_is_an_error_and_not_a_client() {
    let (place, service) = with_service();
    authorized_clients::add(&service, &name("alice"), key(1)).unwrap();
    let directory = service.join("authorized_clients");
    let bob = directory.join("bob.auth");
    for content in ["", "bob", "descriptor:x25519:", "descriptor:x25519:AAAA", &format!("{}\n{}\n", key(2), key(3))] {
        fs::write(&bob, content).unwrap();
        set_mode(&bob, 0o600);
        let error = authorized_clients::list(&service).err().unwrap();
        assert!(matches!(&error, OnionKeyError::Malformed { path, .. } if *path == bob), "{content:?}: {error}");
        let before = place.everything();
        assert!(authorized_clients::add(&service, &name("carol"), key(4)).is_err());
        assert!(authorized_clients::remove(&service, &name("alice"), LastClient::Remove).is_err());
        assert_eq!(place.everything(), before);
    }
    fs::write(&bob, format!("  {}\n\n", key(2).to_string().replace(|c: char| c.is_ascii_uppercase(), "A"))).unwrap();
    assert!(authorized_clients::list(&service).is_ok(), "spaces and line ends are what an editor adds");
    set_mode(&bob, 0o644);
    assert!(matches!(authorized_clients::list(&service), Err(OnionKeyError::TooOpen { .. })));
    fs::remove_file(&bob).unwrap();
    symlink(directory.join("alice.auth"), &bob).unwrap();
    assert!(matches!(authorized_clients::list(&service), Err(OnionKeyError::NotRegular(_))));
    fs::remove_file(&bob).unwrap();
    fs::write(directory.join("alice.auth~"), "an editor's copy").unwrap();
    assert_eq!(authorized_clients::list(&service).unwrap().len(), 1, "no tor reads that either");
}

#[test]
fn clients_are_not_added_where_no_service_looks() {
    let place = Place::new();
    let error = authorized_clients::add(&place.path("typo"), &name("alice"), key(1)).err().unwrap();
    assert!(matches!(error, OnionKeyError::NoDirectory(_)), "{error}");
    assert!(!place.path("typo").exists());
    // A directory that waits for its service is one: C tor is closed from its first minute then.
    fs::create_dir(place.path("early")).unwrap();
    set_mode(&place.path("early"), 0o700);
    authorized_clients::add(&place.path("early"), &name("alice"), key(1)).unwrap();
    place.service("early", SEED);
    assert_eq!(authorized_clients::list(&place.path("early")).unwrap().len(), 1);
}

#[test]
fn a_client_has_one_key_for_each_service() {
    let place = Place::new();
    let service = place.service("onion", SEED).address(80).unwrap();
    let other = place.service("other", [8; 32]).address(80).unwrap();
    let keys = place.path("tor/clients");
    let secret = ClientSecret::from_seed([1; 32]);
    let file = client_keys::create(&keys, Missing::Make, &name("cellar"), &service, &secret).unwrap();
    assert_eq!((mode(&keys), mode(&file)), (0o700, 0o600));
    assert_eq!(file, keys.join("cellar.auth_private"));
    let line = fs::read_to_string(&file).unwrap();
    let label = service.host().replace(".onion", "");
    assert!(
        line.starts_with(&format!("{label}:descriptor:x25519:")) && line.ends_with('\n') && line.len() == 128,
        "{line}"
    );
    let before = place.everything();
    let second = ClientSecret::from_seed([2; 32]);
    let error = client_keys::create(&keys, Missing::Make, &name("second"), &service, &second).err().unwrap();
    // The half to hand out can be had again.
    assert!(error.hint().contains(&secret.public().to_string()), "{}", error.hint());
    let error = client_keys::create(&keys, Missing::Make, &name("cellar"), &other, &second).err().unwrap();
    assert!(matches!(error, OnionKeyError::Exists(_)), "{error}");
    assert_eq!(place.everything(), before);
    client_keys::create(&keys, Missing::Refuse, &name("other"), &other, &second).unwrap();
    let typo = client_keys::create(&place.path("typo"), Missing::Refuse, &name("a"), &other, &second).err().unwrap();
    assert!(matches!(typo, OnionKeyError::NoDirectory(_)) && !place.path("typo").exists(), "{typo}");
}

#[test]
fn a_secret_key_does_not_appear_in_errors() {
    let place = Place::new();
    let service = place.service("onion", SEED).address(80).unwrap();
    let secret = ClientSecret::from_seed([1; 32]);
    let keys = place.path("keys");
    let file = client_keys::create(&keys, Missing::Make, &name("a"), &service, &secret).unwrap();
    let line = fs::read_to_string(file).unwrap();
    let error = client_keys::create(&keys, Missing::Make, &name("b"), &service, &secret).err().unwrap();
    let shown = format!("{error} {error:?} {}", error.hint());
    assert!(!shown.contains(&line.trim()[80..]));
}
