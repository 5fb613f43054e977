//! The identities of the nodes: made by tor's own programs, and cached from run to run.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use super::clock::{parse_time, poll};
use super::home::{Home, private_dir};
use super::process::spawn;

/// Making all keys. The authority's RSA key with 3072 bits was seen to take a minute on a loaded machine.
const GENERATION_SECONDS_MAX: u64 = 240;

/// Lifetime of the authority's certificate.
const CERTIFICATE_MONTHS: &str = "12";

/// Cached keys are made anew at half the certificate's lifetime, so that no run meets its end.
const CACHE_AGE_MAX: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// The version belongs to the layout of the cache; a new one orphans the old.
const CACHE_NAME: &str = "tornet-keys-1";

/// What tor's programs leave in a data directory that makes a node who it is.
const IDENTITY: [&str; 3] = ["keys", "fingerprint", "fingerprint-ed25519"];

const CERTIFICATE: &str = "keys/authority_certificate";

/// Puts the keys of all nodes into `<home>/<name>/data`; the first node is the authority. Returns whether they had to
/// be made.
pub fn prepare(home: &Home, names: &[String], cache_parent: Option<&Path>) -> bool {
    let data_dirs = names
        .iter()
        .map(|name| {
            home.subdir(name);
            home.subdir(&format!("{name}/data"))
        })
        .collect::<Vec<_>>();
    let cache = cache_parent.map(|parent| parent.join(CACHE_NAME));
    if let Some(cache) = cache.as_deref().filter(|cache| is_fresh(&cache.join(&names[0]))) {
        let copied = names.iter().zip(&data_dirs).try_for_each(|(name, data)| copy_tree(&cache.join(name), data));
        copied.unwrap_or_else(|error| panic!("cannot read the keys in {}: {error}", cache.display()));
        return false;
    }
    generate(names, &data_dirs);
    if let Some(cache) = cache {
        let _ = publish(names, &data_dirs, &cache); // a cache is a convenience, and another run may have been first
    }
    true
}

/// Removes what a failed start left in a node's data directory, all but its identity. An authority that found anything
/// of an earlier consensus would not vote before the next full hour.
pub fn forget_the_rest(data: &Path) {
    for entry in fs::read_dir(data).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_identity = IDENTITY.iter().any(|name| path.ends_with(name));
        if !is_identity && fs::remove_file(&path).is_err() {
            let _ = fs::remove_dir_all(&path); // left behind, it makes the next start fail in its turn
        }
    }
}

/// The fingerprint of the authority's signing identity, from its certificate.
pub fn v3ident(authority_data: &Path) -> String {
    let certificate = read(&authority_data.join(CERTIFICATE));
    certificate_field(&certificate, "fingerprint").expect("a certificate names its fingerprint").to_owned()
}

/// A relay's RSA and Ed25519 identities, from the files that tor wrote beside its keys.
pub fn relay_identities(data: &Path) -> (String, String) {
    let second_word = |name| {
        let text = read(&data.join(name));
        text.split_whitespace().nth(1).expect("nickname and fingerprint").to_owned()
    };
    (second_word("fingerprint"), second_word("fingerprint-ed25519"))
}

fn is_fresh(authority_data: &Path) -> bool {
    let Ok(certificate) = fs::read_to_string(authority_data.join(CERTIFICATE)) else {
        return false;
    };
    let made = certificate_field(&certificate, "dir-key-published").and_then(parse_time);
    made.and_then(|made| SystemTime::now().duration_since(made).ok()).is_some_and(|age| age < CACHE_AGE_MAX)
}

fn certificate_field<'a>(certificate: &'a str, keyword: &str) -> Option<&'a str> {
    certificate.lines().find_map(|line| line.strip_prefix(keyword)?.strip_prefix(' '))
}

/// Makes all keys at once: the authority's takes as long as all the others together.
fn generate(names: &[String], data_dirs: &[PathBuf]) {
    let mut makers = vec![make_authority_keys(&data_dirs[0])];
    makers.extend(names.iter().zip(data_dirs).map(|(name, data)| make_relay_keys(name, data)));
    for mut maker in makers {
        let status = poll(GENERATION_SECONDS_MAX, || maker.try_wait().expect("a child can be waited for"));
        if status.is_none() {
            let _ = maker.kill();
            let _ = maker.wait();
        }
        let ok = status.is_some_and(|status| status.success());
        assert!(ok, "making the keys of the private Tor network failed: {status:?}; see {}", data_dirs[0].display());
    }
}

fn make_authority_keys(data: &Path) -> Child {
    let keys = data.join("keys");
    private_dir(&keys).expect("the run's directory is writable and new");
    let mut command = Command::new("tor-gencert");
    command
        .args(["--create-identity-key", "--passphrase-fd", "0", "-m", CERTIFICATE_MONTHS])
        .arg("-i")
        .arg(keys.join("authority_identity_key"))
        .arg("-s")
        .arg(keys.join("authority_signing_key"))
        .arg("-c")
        .arg(keys.join("authority_certificate"))
        .stdin(Stdio::piped());
    let mut child = logged(&mut command, &data.join("gencert.log"));
    let mut passphrase = child.stdin.take().expect("piped just above");
    passphrase.write_all(b"not a secret\n").expect("tor-gencert reads a passphrase");
    child
}

fn make_relay_keys(name: &str, data: &Path) -> Child {
    let mut command = Command::new("tor");
    command
        .args(["--hush", "--ignore-missing-torrc", "-f", "/nonexistent", "--defaults-torrc", "/nonexistent"])
        .args(["--list-fingerprint", "--ORPort", "127.0.0.1:9", "--SocksPort", "0", "--Nickname", name])
        .arg("--DataDirectory")
        .arg(data)
        .stdin(Stdio::null());
    logged(&mut command, &data.join("list-fingerprint.log"))
}

fn logged(command: &mut Command, log: &Path) -> Child {
    let file = File::create(log).expect("the run's directory is writable");
    let copy = file.try_clone().expect("a file can be shared");
    spawn(command.stdout(file).stderr(copy))
}

/// Copies the keys into the cache under a passing name and renames them, so that no run sees half a cache.
fn publish(names: &[String], data_dirs: &[PathBuf], cache: &Path) -> io::Result<()> {
    let passing = cache.with_extension(std::process::id().to_string());
    private_dir(&passing)?;
    for (name, data) in names.iter().zip(data_dirs) {
        private_dir(&passing.join(name))?;
        copy_tree(data, &passing.join(name))?;
    }
    if is_fresh(&cache.join(&names[0])) {
        return fs::remove_dir_all(&passing); // another run was first
    }
    let _ = fs::remove_dir_all(cache); // outdated, or not there
    fs::rename(&passing, cache).or_else(|_| fs::remove_dir_all(&passing))
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            private_dir(&target)?;
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}
