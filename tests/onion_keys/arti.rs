//! arti reads the same files: its keystores for C tor's layout, with its own judgement of permissions.

use std::fs;

use anteroom::keys::{
    ClientSecret, authorized_clients,
    client_keys::{self, Missing},
};
use tor_hscrypto::pk::{HsClientDescEncKey, HsId, HsIdKey, HsIdKeypair};
use tor_hsservice::{HsIdKeypairSpecifier, HsNickname};
use tor_keymgr::{CTorClientKeystore, CTorPath, CTorServiceKeystore, KeyMgrBuilder, KeyPath, Keystore as _};

use crate::{Place, SEED};

#[test]
fn arti_has_the_same_address_of_a_services_key() {
    let place = Place::new();
    let service = place.service("onion", SEED);
    let nickname: HsNickname = "introducer".parse().unwrap();
    let id = "of-the-service".parse().unwrap();
    let opened =
        CTorServiceKeystore::from_path_and_mistrust(service.directory(), &Default::default(), id, nickname.clone());
    let keys = KeyMgrBuilder::default().primary_store(Box::new(opened.unwrap())).build().unwrap();
    let key: Option<HsIdKeypair> = keys.get(&HsIdKeypairSpecifier::new(nickname)).unwrap();
    let expected: HsId = service.host().parse().unwrap();
    assert!(HsIdKey::from(&key.unwrap()).id() == expected, "arti derives another address");
}

#[test]
fn arti_knows_which_service_a_clients_key_is_for() {
    let place = Place::new();
    let service = place.service("onion", SEED);
    let (keys, secret) = (place.path("keys"), ClientSecret::from_seed([1; 32]));
    client_keys::create(&keys, Missing::Make, &"a".parse().unwrap(), &service.address(80).unwrap(), &secret).unwrap();
    let id = "of-clients".parse().unwrap();
    let opened = CTorClientKeystore::from_path_and_mistrust(&keys, &Default::default(), id).unwrap();
    let listed = opened.list().unwrap();
    let known: Vec<_> = listed.iter().map(|entry| entry.as_ref().unwrap().key_path().clone()).collect();
    let hs_id: HsId = service.host().parse().unwrap();
    assert_eq!(known, [KeyPath::CTor(CTorPath::HsClientDescEncKeypair { hs_id })]);
}

#[test]
fn arti_reads_the_key_of_an_authorized_client() {
    let place = Place::new();
    let service = place.service("onion", SEED);
    let public = ClientSecret::from_seed([1; 32]).public();
    authorized_clients::add(service.directory(), &"alice".parse().unwrap(), public).unwrap();
    let file = service.directory().join(authorized_clients::DIRECTORY).join("alice.auth");
    let key: HsClientDescEncKey = fs::read_to_string(file).unwrap().trim().parse().unwrap();
    assert_eq!(key.to_string(), public.to_string());
}
