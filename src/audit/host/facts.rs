//! What this machine is called and where it is, as the kernel and a few files tell it. No socket, no program, no library is
//! asked.

use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr},
    path::Path,
};

use data_encoding::HEXLOWER_PERMISSIVE;

use super::needles::Facts;
use crate::audit::finding::{Place, Report};

/// Users of persons have numbers from here on (login.defs(5)); `nobody` is the one exception.
const PERSON_UID_MIN: u32 = 1_000;
const NOBODY_UID: u32 = 65_534;

impl Facts {
    /// From the files below `root`. What is not there (no IPv6, no D-Bus) has nothing to tell; what can't be read is told.
    pub(super) fn read(root: &Path, report: &mut Report) -> Self {
        let mut text = |name: &str| match fs::read_to_string(root.join(name)) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                report.cannot(Place::whole(&root.join(name)), error, "run the audit as root");
                String::new()
            }
        };
        let mut ids = Vec::new();
        for name in ["etc/machine-id", "var/lib/dbus/machine-id", "proc/sys/kernel/random/boot_id"] {
            ids.extend(id(&text(name)));
        }
        ids.sort_unstable();
        ids.dedup();
        let hosts = hosts(&text("proc/sys/kernel/hostname"), &text("etc/hostname"));
        let is_nameless = hosts.is_empty();
        let mut names: Vec<_> = hosts.into_iter().map(|name| ("host name", name)).collect();
        names.extend(users(&text("etc/passwd")).into_iter().map(|name| ("user name", name)));
        let facts =
            Self { v4: v4(&text("proc/net/fib_trie")), v6: v6(&text("proc/net/if_inet6")), ids, names, mac: mac(root) };
        if facts.v4.is_empty() && facts.v6.is_empty() && is_nameless {
            let hint = "run the audit in the machine's first network namespace, outside of a container";
            report.cannot(Place::whole(root), "this machine has neither an address nor a name that can be seen", hint);
        }
        facts
    }
}

/// `|-- 192.0.2.7` and in the next line `/32 host LOCAL`.
fn v4(trie: &str) -> Vec<Ipv4Addr> {
    let (mut found, mut last) = (Vec::new(), None);
    for line in trie.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.contains("/32 host LOCAL") {
            found.extend(last.take().filter(|address| !address.is_loopback()));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// 32 digits, then numbers and the name of the interface.
fn v6(table: &str) -> Vec<Ipv6Addr> {
    let address = |line: &str| {
        let digits = HEXLOWER_PERMISSIVE.decode(line.split_whitespace().next()?.as_bytes()).ok()?;
        Some(Ipv6Addr::from(<[u8; 16]>::try_from(digits).ok()?))
    };
    table.lines().filter_map(address).filter(|address| !address.is_loopback()).collect()
}

fn mac(root: &Path) -> Vec<[u8; 6]> {
    let interfaces = fs::read_dir(root.join("sys/class/net")).into_iter().flatten();
    let mut found = Vec::new();
    for interface in interfaces.filter_map(Result::ok) {
        // Some kinds of interfaces have no such address.
        let text = fs::read_to_string(interface.path().join("address")).unwrap_or_default();
        let bytes: Vec<u8> = text.trim().split(':').filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
        found.extend(<[u8; 6]>::try_from(bytes).ok().filter(|mac| mac.iter().any(|byte| *byte != 0)));
    }
    found
}

fn id(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?.try_into().ok()
}

/// The whole name, and its first part where it has several.
fn hosts(kernel: &str, file: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in [kernel.trim(), file.trim()] {
        let first = name.split('.').next().unwrap_or_default();
        found.extend(
            [name, first].into_iter().filter(|name| !name.is_empty() && *name != "localhost").map(str::to_owned),
        );
    }
    found.sort();
    found.dedup();
    found
}

fn users(passwd: &str) -> Vec<String> {
    let person = |line: &str| {
        let mut fields = line.split(':');
        let (name, uid) = (fields.next()?, fields.nth(1)?.parse::<u32>().ok()?);
        (uid >= PERSON_UID_MIN && uid != NOBODY_UID).then(|| name.to_owned())
    };
    passwd.lines().filter_map(person).collect()
}
