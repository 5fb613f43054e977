//! The plan of the house, held: who may import whom, where effects are, what the lock file may contain.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// module → what it may import. `src/lib.rs` explains the order.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("record", &[]),
    ("grid", &["record"]),
    ("directory", &["record", "grid"]),
    ("protocol", &["record"]),
    ("ambient", &["record", "directory"]),
    ("armor", &["record", "grid"]),
    ("redact", &[]),
    ("sandbox", &[]),
    ("net", &["redact"]),
    ("carrier", &["net", "redact", "ambient", "keys"]),
    ("supervisor", &["net", "ambient"]),
    ("keys", &["record"]),
    ("petnames", &["record", "keys"]),
    ("vault", &["record", "keys"]),
    ("store", &["record", "grid", "ambient"]),
    ("config", &["record", "grid", "directory", "net", "sandbox"]),
    ("audit", &["record", "config", "sandbox"]),
    ("client", &["record", "grid", "directory", "protocol", "net", "ambient", "redact"]),
    ("server", &["record", "grid", "directory", "protocol", "net", "ambient", "armor", "redact", "store", "config"]),
    ("rehearsal", &["record", "config", "ambient"]),
    (
        "cli",
        &[
            "record",
            "grid",
            "directory",
            "protocol",
            "ambient",
            "armor",
            "redact",
            "sandbox",
            "net",
            "carrier",
            "keys",
            "petnames",
            "vault",
            "store",
            "config",
            "audit",
            "client",
            "server",
            "supervisor",
            "rehearsal",
        ],
    ),
];

/// Modules that give the same answer for the same inputs.
const PURE: [&str; 4] = ["record", "grid", "directory", "protocol"];

/// What no pure module names.
const EFFECTS: [&str; 9] =
    ["std::", "tokio", "tracing", "rustix", "getrandom", "redb", "SystemTime", "Instant", "println"];

/// The places that may lift a fence, file by file. A new one is a decision: it changes this number.
const LIFTED_FENCES: &[(&str, usize)] = &[
    ("src/ambient.rs", 3),
    // Where they are set.
    ("src/lib.rs", 2),
    ("src/carrier/socks_bridge.rs", 1),
    // Where Tor is.
    ("src/carrier/tor/mod.rs", 2),
    ("src/net/listen.rs", 6),
    ("src/net/mod.rs", 2),
    // Starts processes, of this program alone.
    ("src/supervisor/mod.rs", 1),
    ("src/rehearsal/child.rs", 1),
    ("src/rehearsal/tornet/control.rs", 1),
];

/// The places with `unsafe` code, file by file: blocks, each with the reason why it is sound.
const UNSAFE: &[(&str, usize)] = &[("src/sandbox/syscall.rs", 6)];

/// The sandbox with a hole, which `sandbox-check` asks for to show that the attack finds it; defined and used in one, used by
/// the command.
const HOLED_SANDBOX: &[(&str, usize)] = &[("src/cli/sandbox_check.rs", 1), ("src/sandbox/mod.rs", 2)];

/// Crates that learn addresses, ask others for ours, resolve names or tell who we are. `.deny.toml` has the same list.
const DENY_TOML: &str = include_str!("../.deny.toml");
const LOCK: &str = include_str!("../Cargo.lock");

fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.join("src")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src can be read") {
            let path: PathBuf = entry.expect("src can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).expect("below the root").display().to_string();
                found.insert(name, fs::read_to_string(&path).expect("a source is text"));
            }
        }
    }
    found
}

fn module_of(file: &str) -> &str {
    file.trim_start_matches("src/").split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// Code without comments, strings left in: good enough to see names.
fn code(source: &str) -> String {
    source.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Names after `crate::` (one level of braces).
fn imports(source: &str) -> BTreeSet<String> {
    let code = code(source);
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => found.insert(first_word(rest)),
            Some(group) => {
                let (mut depth, mut start) = (0, true);
                for (index, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if depth == 0 && start && !c.is_whitespace() => {
                            found.insert(first_word(&group[index..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
                true
            }
        };
    }
    found
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn modules_import_only_what_the_plan_allows() {
    let allowed: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    for (file, source) in sources() {
        let module = module_of(&file);
        if module == "lib" || module == "main" {
            continue;
        }
        let may = allowed.get(module).unwrap_or_else(|| panic!("{module} is not in the plan: give it a place"));
        for import in imports(&source) {
            assert!(import == module || may.contains(&import.as_str()), "{file} imports {import}");
        }
    }
}

#[test]
fn pure_modules_have_no_effects() {
    for (file, source) in sources() {
        if PURE.contains(&module_of(&file)) {
            for effect in EFFECTS {
                let used = code(&source).lines().any(|line| line.contains(effect) && !line.contains("proc_macro"));
                assert!(!used, "{file} uses {effect}");
            }
        }
    }
}

#[test]
fn fences_are_lifted_in_known_places_only() {
    let pinned: BTreeMap<_, _> = LIFTED_FENCES.iter().copied().collect();
    for (file, source) in sources() {
        let lifted =
            source.matches("clippy::disallowed_types").count() + source.matches("clippy::disallowed_methods").count();
        assert_eq!(lifted, pinned.get(file.as_str()).copied().unwrap_or(0), "lifted fences in {file}");
    }
}

#[test]
fn no_lint_is_lifted_unseen() {
    for (file, source) in sources() {
        for hidden in ["#[allow(", "#![allow(", "clippy::all", "clippy::style"] {
            assert!(!code(&source).contains(hidden), "{file} contains `{hidden}`");
        }
        assert_pinned(&file, code(&source).matches("unsafe ").count(), UNSAFE);
        assert_pinned(&file, source.matches("dangerously_lock_but(").count(), HOLED_SANDBOX);
    }
}

fn assert_pinned(file: &str, found: usize, pinned: &[(&str, usize)]) {
    let expected = pinned.iter().find(|(name, _)| *name == file).map_or(0, |(_, count)| *count);
    assert_eq!(found, expected, "{file}");
}

#[test]
fn ip_sockets_are_named_in_the_carrier_alone() {
    for (file, source) in sources() {
        for name in ["TcpStream", "TcpListener", "TcpSocket", "UdpSocket", "ToSocketAddrs", "lookup_host"] {
            let named = code(&source).contains(name);
            assert!(!named || module_of(&file) == "carrier", "{file} names {name}");
        }
    }
}

#[test]
fn no_role_brings_the_code_that_reads_who_this_machine_is() {
    let manifest: toml::Table = include_str!("../Cargo.toml").parse().expect("Cargo.toml is TOML");
    let features = manifest["features"].as_table().expect("Cargo.toml has features");
    assert!(features.contains_key("audit-host"), "the feature has another name now");
    for (name, brings) in features {
        let brings = brings.as_array().expect("a list").iter().any(|feature| feature.as_str() == Some("audit-host"));
        assert!(!brings, "the feature {name} brings audit-host");
    }
}

/// Banned crate → the crates that may bring it all the same.
fn banned() -> BTreeMap<String, BTreeSet<String>> {
    let list: toml::Table = DENY_TOML.parse().expect(".deny.toml is TOML");
    let text = |value: &toml::Value| value.as_str().expect("a name").to_owned();
    list["bans"]["deny"]
        .as_array()
        .expect(".deny.toml has a list `deny`")
        .iter()
        .map(|entry| match entry.as_str() {
            Some(name) => (name.to_owned(), BTreeSet::new()),
            None => (text(&entry["crate"]), entry["wrappers"].as_array().expect("a list").iter().map(text).collect()),
        })
        .collect()
}

#[test]
fn no_banned_crate_is_in_the_lock_file() {
    let banned = banned();
    assert!(banned.len() > 50, "the list of banned crates was not read");
    let lock: toml::Table = LOCK.parse().expect("Cargo.lock is TOML");
    let packages = lock["package"].as_array().expect("Cargo.lock has packages");
    assert!(packages.iter().any(|package| package["name"].as_str() == Some("tokio")), "the lock file was not read");
    for package in packages {
        let name = package["name"].as_str().expect("a package has a name");
        for dependency in package.get("dependencies").and_then(toml::Value::as_array).into_iter().flatten() {
            let dependency = first_of(dependency.as_str().expect("a dependency is text"));
            let allowed = banned.get(dependency).is_none_or(|wrappers| wrappers.contains(name));
            assert!(allowed, "{name} brings the banned crate {dependency}");
        }
    }
}

/// `name` of `name 1.2.3`.
fn first_of(dependency: &str) -> &str {
    dependency.split(' ').next().unwrap_or_default()
}

/// What holds a secret key or a passphrase.
const SECRETS: [&str; 6] = ["SigningKey", "NodeSecret", "GridSecret", "ClientSecret", "SecretString", "Zeroizing<"];
/// What would print a secret, leave copies of it, compare it in a time that tells of it, or write it down.
const NOT_FOR_SECRETS: [&str; 8] =
    ["Debug", "Clone", "Copy", "PartialEq", "PartialOrd", "Hash", "Serialize", "Deserialize"];
/// The form of an invitation, which is made to be written; it wipes itself.
const SECRETS_WRITTEN: [&str; 1] = ["WireInvitation"];

/// Each type with its name, its attributes, and its fields.
fn types(source: &str) -> Vec<(String, String, String)> {
    let code = code(source);
    let shipped = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut found = Vec::new();
    for (at, keyword) in shipped.match_indices("struct ").chain(shipped.match_indices("enum ")) {
        let line = shipped[..at].rfind('\n').map_or(0, |end| end + 1);
        if !["", "pub ", "pub(crate) ", "pub(super) "].contains(&shipped[line..at].trim_start()) {
            continue;
        }
        // Attributes are the lines above, up to one that is something else.
        let above: Vec<_> = shipped[..line].lines().rev().map(str::trim).collect();
        let attributes = above.iter().take_while(|line| !line.ends_with(['}', ';', '{']) || line.starts_with('#'));
        let attributes = attributes.copied().collect::<Vec<_>>().join(" ");
        let rest = &shipped[at + keyword.len()..];
        let end = match (rest.find(';'), rest.find('{')) {
            (Some(end), None) => end,
            (Some(end), Some(open)) if end < open => end,
            (_, Some(_)) => rest.find("\n}").unwrap_or(rest.len()),
            (None, None) => rest.len(),
        };
        found.push((first_word(rest), attributes, rest[..end].to_owned()));
    }
    found
}

#[test]
fn secrets_are_wiped_and_are_neither_printed_copied_nor_written() {
    let mut seen = BTreeSet::new();
    for (file, source) in sources() {
        for (name, attributes, fields) in types(&source) {
            // The types that a macro makes have its variable for a name.
            let wiped = attributes.contains("ZeroizeOnDrop") || source.contains(&format!("ZeroizeOnDrop for {name}"));
            let is_secret = name.ends_with("Secret") || wiped || SECRETS.iter().any(|secret| fields.contains(secret));
            if !is_secret {
                continue;
            }
            seen.insert(name.clone());
            let derived = attributes.split("derive(").skip(1).flat_map(|list| list.split(')').next());
            let derived: Vec<_> = derived.flat_map(|list| list.split(',')).map(|word| word.trim().to_owned()).collect();
            for never in NOT_FOR_SECRETS {
                let written = format!("{never} for {name}");
                assert!(!derived.iter().any(|word| word == never), "{file}: {name} derives {never}");
                // By hand, `Debug` may say that there is a secret, and no more.
                assert!(never == "Debug" || !source.contains(&written), "{file}: {name} has {never}");
            }
            let holds = SECRETS.iter().any(|secret| fields.contains(secret));
            assert!(wiped || holds, "{file}: {name} is not wiped when it is dropped");
        }
        for written in SECRETS_WRITTEN {
            let wipes = source.contains(&format!("impl Drop for {written}"));
            assert!(!source.contains(&format!("struct {written}")) || wipes, "{file}: {written} stays in memory");
        }
    }
    for known in ["ClientSecret", "IsolationSecret", "Invitation", "Identity", "Locked", "Vault"] {
        assert!(seen.contains(known), "{known} was not looked at");
    }
    let keys = &sources()["src/record/secret.rs"];
    assert!(keys.contains("pub struct $name(SigningKey);") && !keys.contains("derive(Debug"), "the types of the macro");
}

#[test]
fn no_file_has_two_jobs() {
    for (file, source) in sources() {
        assert!(source.lines().count() <= 450, "{file} makes you scroll");
    }
}
