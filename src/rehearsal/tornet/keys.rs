//! The identities of the nodes: made by tor's own programs, and cached from run to run if the caller wants it.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use super::{
    TornetError,
    date::parse_date,
    home::{Home, private_dir},
    process::{log_pair, spawn},
};
use crate::{
    ambient,
    rehearsal::{
        Patience,
        child::{Child, Command},
    },
};

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

/// A node that gets its keys: its name and its data directory.
type Owner<'a> = (&'a String, PathBuf);

/// Puts the keys of all nodes into `<home>/<name>/data`; the first node is the authority. Returns whether they had to
/// be made.
pub(super) fn prepare(
    home: &Home,
    names: &[String],
    cache_parent: Option<&Path>,
    patience: &Patience,
) -> Result<bool, TornetError> {
    let mut owners: Vec<Owner> = Vec::new();
    for name in names {
        home.subdir(name)?;
        owners.push((name, home.subdir(&format!("{name}/data"))?));
    }
    let cache = cache_parent.map(|parent| parent.join(CACHE_NAME));
    if let Some(cache) = cache.as_deref().filter(|cache| is_fresh(cache, names)) {
        let copied = owners.iter().try_for_each(|(name, data)| copy_tree(&cache.join(name), data));
        copied.map_err(TornetError::system(format!("can't copy the keys in {}", cache.display())))?;
        return Ok(false);
    }
    generate(&owners, patience)?;
    if let Some(cache) = cache {
        let _ = publish(&owners, names, &cache); // a cache is a convenience, and another run may have been first
    }
    Ok(true)
}

/// Removes what a failed start left in a node's data directory, all but its identity. An authority that found anything
/// of an earlier consensus would not vote before the next full hour.
pub(super) fn forget_the_rest(data: &Path) {
    for entry in fs::read_dir(data).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_identity = IDENTITY.iter().any(|name| path.ends_with(name));
        if !is_identity && fs::remove_file(&path).is_err() {
            let _ = fs::remove_dir_all(&path); // left behind, it makes the next start fail in its turn
        }
    }
}

/// The fingerprint of the authority's signing identity, from its certificate.
pub(super) fn v3ident(authority_data: &Path) -> Result<String, TornetError> {
    let path = authority_data.join(CERTIFICATE);
    let certificate = read(&path)?;
    certificate_field(&certificate, "fingerprint").map(str::to_owned).ok_or(TornetError::Keys(path))
}

/// A relay's RSA and Ed25519 identities, from the files that tor wrote beside its keys: hexadecimal, and base64 without
/// padding.
pub(super) fn relay_identities(data: &Path) -> Result<(String, String), TornetError> {
    let second_word = |name| {
        let path = data.join(name);
        let word = read(&path)?.split_whitespace().nth(1).map(|word| word.trim_end_matches('=').to_owned());
        word.ok_or(TornetError::Keys(path))
    };
    Ok((second_word("fingerprint")?, second_word("fingerprint-ed25519")?))
}

fn is_fresh(cache: &Path, names: &[String]) -> bool {
    let Some(certificate) = names.first().and_then(|name| fs::read_to_string(cache.join(name).join(CERTIFICATE)).ok())
    else {
        return false;
    };
    let made = certificate_field(&certificate, "dir-key-published").and_then(parse_date);
    made.and_then(|made| ambient::wall_seconds().checked_sub(made)).is_some_and(|age| age < CACHE_AGE_MAX.as_secs())
}

fn certificate_field<'a>(certificate: &'a str, keyword: &str) -> Option<&'a str> {
    certificate.lines().find_map(|line| line.strip_prefix(keyword)?.strip_prefix(' '))
}

/// Makes all keys at once: the authority's takes as long as all the others together.
fn generate(owners: &[Owner], patience: &Patience) -> Result<(), TornetError> {
    let mut makers = Vec::new();
    if let Some((_, data)) = owners.first() {
        makers.push((make_authority_keys(data)?, data));
    }
    for (name, data) in owners {
        makers.push((make_relay_keys(name, data)?, data));
    }
    for (mut maker, data) in makers {
        match patience.poll(GENERATION_SECONDS_MAX, || maker.ended())? {
            Some(status) if status.success() => {}
            Some(status) => {
                return Err(TornetError::Ended(format!("no keys in {} ({status}), see its logs", data.display())));
            }
            None => {
                let why = format!("no keys in {} within {GENERATION_SECONDS_MAX} s", data.display());
                return Err(TornetError::Stalled(why));
            }
        }
    }
    Ok(())
}

fn make_authority_keys(data: &Path) -> Result<Child, TornetError> {
    let keys = data.join("keys");
    private_dir(&keys).map_err(TornetError::system(format!("can't make {}", keys.display())))?;
    let mut command = Command::new("tor-gencert");
    command
        .args(["--create-identity-key", "--passphrase-fd", "0", "-m", CERTIFICATE_MONTHS])
        .arg("-i")
        .arg(keys.join("authority_identity_key"))
        .arg("-s")
        .arg(keys.join("authority_signing_key"))
        .arg("-c")
        .arg(data.join(CERTIFICATE))
        .stdin(Stdio::piped());
    let mut child = logged(&mut command, "tor-gencert", &data.join("gencert.log"))?;
    let passphrase = child.stdin().map_or(Ok(()), |mut stdin| stdin.write_all(b"not a secret\n"));
    passphrase.map_err(TornetError::system("tor-gencert takes no passphrase"))?;
    Ok(child)
}

fn make_relay_keys(name: &str, data: &Path) -> Result<Child, TornetError> {
    let mut command = Command::new("tor");
    command
        .args(["--hush", "--ignore-missing-torrc", "-f", "/nonexistent", "--defaults-torrc", "/nonexistent"])
        .args(["--list-fingerprint", "--ORPort", "127.0.0.1:9", "--SocksPort", "0", "--Nickname", name])
        .arg("--DataDirectory")
        .arg(data)
        .stdin(Stdio::null());
    logged(&mut command, "tor", &data.join("list-fingerprint.log"))
}

fn logged(command: &mut Command, name: &'static str, log: &Path) -> Result<Child, TornetError> {
    let (out, error) = log_pair(log)?;
    spawn(command.stdout(out).stderr(error), name)
}

/// Copies the keys into the cache under a passing name and renames them, so that no run sees half a cache.
fn publish(owners: &[Owner], names: &[String], cache: &Path) -> io::Result<()> {
    let passing = cache.with_extension(std::process::id().to_string());
    private_dir(&passing)?;
    for (name, data) in owners {
        private_dir(&passing.join(name))?;
        copy_tree(data, &passing.join(name))?;
    }
    if is_fresh(cache, names) {
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

fn read(path: &Path) -> Result<String, TornetError> {
    fs::read_to_string(path).map_err(TornetError::system(format!("can't read {}", path.display())))
}
