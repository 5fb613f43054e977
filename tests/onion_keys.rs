//! Keys of onion services: what is made, what is refused, and that C tor reads the same from them.
#![cfg(any(feature = "server", feature = "client"))]
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

#[cfg(feature = "carrier-tor")]
#[path = "onion_keys/arti.rs"]
mod arti;
#[path = "onion_keys/clients.rs"]
mod clients;
#[path = "onion_keys/moving.rs"]
mod moving;
#[path = "onion_keys/tor.rs"]
mod tor;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use anteroom::{
    keys::{OnionKeyError, OnionService},
    record::{Address, OnionAddress},
};
use tempfile::TempDir;

const SECRET: &str = "hs_ed25519_secret_key";
const PUBLIC: &str = "hs_ed25519_public_key";
const SEED: [u8; 32] = [7; 32];

/// A directory for one test, closed to others as temporary directories are.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::Builder::new().prefix("anteroom-").tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A service with the key of `seed`.
    pub(crate) fn service(&self, name: &str, seed: [u8; 32]) -> OnionService {
        OnionService::open_or_create(&self.path(name), &seed).unwrap()
    }

    /// Every file below, with mode and content; for a link, where it leads.
    pub(crate) fn everything(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let (mut all, mut folders) = (BTreeMap::new(), vec![self.0.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                let content = match metadata.file_type() {
                    kind if kind.is_dir() => {
                        folders.push(path.clone());
                        Vec::new()
                    }
                    kind if kind.is_symlink() => fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
                    kind if kind.is_file() => fs::read(&path).unwrap(),
                    _ => Vec::new(),
                };
                all.insert(path, (metadata.permissions().mode(), content));
            }
        }
        all
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_new_service_is_laid_out_as_c_tor_does_it() {
    let place = Place::new();
    let directory = place.path("tor/onion");
    let service = OnionService::open_or_create(&directory, &SEED).unwrap();
    for made in [&place.path("tor"), &directory, &directory.join("authorized_clients")] {
        assert_eq!(mode(made), 0o700, "{}", made.display());
    }
    for (name, header, bytes) in
        [(SECRET, "== ed25519v1-secret: type0 ==\0\0\0", 96), (PUBLIC, "== ed25519v1-public: type0 ==\0\0\0", 64)]
    {
        let file = fs::read(directory.join(name)).unwrap();
        assert_eq!((file.len(), mode(&directory.join(name))), (bytes, 0o600));
        assert!(file.starts_with(header.as_bytes()));
    }
    let hostname = fs::read_to_string(directory.join("hostname")).unwrap();
    assert_eq!(
        (hostname.as_str(), mode(&directory.join("hostname"))),
        (format!("{}\n", service.host()).as_str(), 0o600)
    );
    // The address is one that every other part of this program takes.
    let address: Address = format!("{}:80", service.host()).parse().unwrap();
    assert_eq!(address, Address::Onion(service.address(80).unwrap()));
    assert_eq!(service.address(80).unwrap(), OnionAddress::new(*service.address(80).unwrap().key(), 80).unwrap());
    assert_eq!(fs::read(directory.join(PUBLIC)).unwrap()[32..], *service.address(80).unwrap().key());
}

#[test]
fn a_service_that_exists_is_opened_and_not_made_again() {
    let place = Place::new();
    let service = place.service("onion", SEED);
    let before = place.everything();
    assert_eq!(place.service("onion", [8; 32]), service);
    assert_eq!(OnionService::open(&place.path("onion")).unwrap(), service);
    assert_eq!(place.everything(), before);
}

#[test]
fn what_follows_from_the_secret_key_is_made_again() {
    let place = Place::new();
    let service = place.service("onion", SEED);
    let before = place.everything();
    for lost in [&[PUBLIC] as &[_], &["hostname"], &[PUBLIC, "hostname"]] {
        for name in lost {
            fs::remove_file(place.path("onion").join(name)).unwrap();
        }
        assert_eq!(OnionService::open(&place.path("onion")).unwrap(), service);
        assert_eq!(place.everything(), before);
    }
}

#[test]
fn no_new_key_takes_the_place_of_a_lost_one() {
    let place = Place::new();
    place.service("onion", SEED);
    fs::remove_file(place.path("onion").join(SECRET)).unwrap();
    let before = place.everything();
    for opened in [OnionService::open(&place.path("onion")), OnionService::open_or_create(&place.path("onion"), &SEED)]
    {
        let error = opened.err().unwrap();
        assert!(matches!(error, OnionKeyError::SecretLost(_)) && error.hint().contains("backup"), "{error}");
    }
    assert_eq!(place.everything(), before);
}

#[test]
fn where_there_is_no_service_none_is_opened() {
    let place = Place::new();
    assert!(matches!(OnionService::open(&place.path("onion")), Err(OnionKeyError::NoDirectory(_))));
    fs::create_dir(place.path("onion")).unwrap();
    set_mode(&place.path("onion"), 0o700);
    assert!(matches!(OnionService::open(&place.path("onion")), Err(OnionKeyError::NoKey(_))));
    // An empty directory that an operator prepared is as good as none.
    place.service("onion", SEED);
}

type Damage = (&'static str, fn(&Path), fn(&OnionKeyError) -> bool);

/// Each is refused, by opening and by importing, in words that name the file.
const DAMAGES: &[Damage] = &[
    (
        "short",
        |dir| change(dir, SECRET, |key| key.truncate(95)),
        |error| matches!(error, OnionKeyError::Malformed { .. }),
    ),
    ("long", |dir| change(dir, SECRET, |key| key.push(0)), |error| matches!(error, OnionKeyError::Malformed { .. })),
    (
        "huge",
        |dir| change(dir, SECRET, |key| key.resize(5000, 0)),
        |error| matches!(error, OnionKeyError::Malformed { .. }),
    ),
    ("empty", |dir| change(dir, SECRET, Vec::clear), |error| matches!(error, OnionKeyError::Malformed { .. })),
    (
        "of another version",
        |dir| change(dir, SECRET, |key| key[10] = b'2'),
        |error| matches!(error, OnionKeyError::Malformed { .. }),
    ),
    (
        "a public key",
        |dir| fs::write(dir.join(SECRET), fs::read(dir.join(PUBLIC)).unwrap()).unwrap(),
        |error| matches!(error, OnionKeyError::Malformed { .. }),
    ),
    (
        "not clamped",
        |dir| change(dir, SECRET, |key| key[32] |= 1),
        |error| matches!(error, OnionKeyError::Malformed { .. }),
    ),
    (
        "another secret",
        |dir| change(dir, SECRET, |key| key[40] ^= 1),
        |error| matches!(error, OnionKeyError::Mismatch(_)),
    ),
    (
        "another public",
        |dir| change(dir, PUBLIC, |key| key[40] ^= 1),
        |error| matches!(error, OnionKeyError::Mismatch(_)),
    ),
    (
        "another header",
        |dir| change(dir, PUBLIC, |key| key[0] = b'-'),
        |error| matches!(error, OnionKeyError::Mismatch(_)),
    ),
    (
        "another name",
        |dir| change(dir, "hostname", |name| name[3] ^= 1),
        |error| matches!(error, OnionKeyError::Mismatch(_)),
    ),
    ("no name", |dir| change(dir, "hostname", Vec::clear), |error| matches!(error, OnionKeyError::Mismatch(_))),
    ("open directory", |dir| set_mode(dir, 0o750), |error| matches!(error, OnionKeyError::TooOpen { mode: 0o750, .. })),
    (
        "open secret",
        |dir| set_mode(&dir.join(SECRET), 0o640),
        |error| matches!(error, OnionKeyError::TooOpen { mode: 0o640, .. }),
    ),
    ("open public", |dir| set_mode(&dir.join(PUBLIC), 0o602), |error| matches!(error, OnionKeyError::TooOpen { .. })),
    ("open name", |dir| set_mode(&dir.join("hostname"), 0o604), |error| matches!(error, OnionKeyError::TooOpen { .. })),
    ("linked secret", |dir| link(&dir.join(SECRET)), |error| matches!(error, OnionKeyError::NotRegular(_))),
    ("linked public", |dir| link(&dir.join(PUBLIC)), |error| matches!(error, OnionKeyError::NotRegular(_))),
    ("linked directory", |dir| link(dir), |error| matches!(error, OnionKeyError::NotADirectory(_))),
    (
        "a directory as secret",
        |dir| {
            fs::remove_file(dir.join(SECRET)).unwrap();
            fs::create_dir(dir.join(SECRET)).unwrap();
        },
        |error| matches!(error, OnionKeyError::NotRegular(_)),
    ),
    ("a pipe as secret", |dir| pipe(&dir.join(SECRET)), |error| matches!(error, OnionKeyError::NotRegular(_))),
];

fn change(dir: &Path, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut content = fs::read(dir.join(name)).unwrap();
    change(&mut content);
    fs::write(dir.join(name), content).unwrap();
}

/// Puts a link in place of what is there, to that.
fn link(path: &Path) {
    let moved = path.with_extension("moved");
    fs::rename(path, &moved).unwrap();
    symlink(moved, path).unwrap();
}

#[expect(clippy::disallowed_types, reason = "only a program makes a pipe without unsafe code")]
fn pipe(path: &Path) {
    fs::remove_file(path).unwrap();
    assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(path).status().unwrap().success());
}

#[test]
fn a_damaged_service_is_refused_and_left_as_it_is() {
    for (what, damage, expected) in DAMAGES {
        let place = Place::new();
        place.service("onion", SEED);
        damage(&place.path("onion"));
        let before = place.everything();
        let (onion, to) = (place.path("onion"), place.path("copy"));
        let results = [
            OnionService::open(&onion),
            OnionService::open_or_create(&onion, &SEED),
            OnionService::import(&onion, &to),
            OnionService::export(&onion, &to),
        ];
        for result in results {
            let error = result.err().unwrap_or_else(|| panic!("{what}: taken as sound"));
            assert!(expected(&error), "{what}: {error:?}");
            assert!(error.to_string().contains("onion") && !error.hint().is_empty(), "{what}: {error}");
        }
        assert_eq!(place.everything(), before, "{what}");
    }
}

#[test]
fn an_error_does_not_show_the_key() {
    let place = Place::new();
    place.service("onion", SEED);
    change(&place.path("onion"), SECRET, |key| key.push(b'\n'));
    let error = OnionService::open(&place.path("onion")).err().unwrap();
    let key = fs::read(place.path("onion").join(SECRET)).unwrap();
    let shown = format!("{error} {error:?} {}", error.hint()).into_bytes();
    assert!(!shown.windows(4).any(|window| key[32..96].windows(4).any(|part| part == window)));
}

#[test]
fn what_a_crash_left_behind_is_no_obstacle() {
    let place = Place::new();
    fs::create_dir(place.path("onion")).unwrap();
    set_mode(&place.path("onion"), 0o700);
    let half = place.path("onion").join(format!(".{SECRET}.new"));
    fs::write(&half, "== ed25519v1-sec").unwrap();
    let service = place.service("onion", SEED);
    assert!(!half.exists());
    // Ended between the secret key and what follows from it.
    fs::remove_file(place.path("onion").join(PUBLIC)).unwrap();
    fs::remove_file(place.path("onion").join("hostname")).unwrap();
    assert_eq!(place.service("onion", [8; 32]), service);
}

#[test]
fn of_many_who_make_a_key_at_once_one_does() {
    let place = Place::new();
    let directory = place.path("onion");
    let make = &|seed| OnionService::open_or_create(&directory, &[seed; 32]);
    let made: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..8).map(|seed| scope.spawn(move || make(seed))).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let service = OnionService::open(&directory).unwrap();
    assert!(made.iter().any(Result::is_ok));
    for result in made {
        match result {
            Ok(made) => assert_eq!(made, service),
            Err(error) => assert!(matches!(error, OnionKeyError::InUse(_)), "{error}"),
        }
    }
}
