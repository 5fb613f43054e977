//! Tunnels: where they lead, how long they are, and what they add to a stream.

use std::{collections::BTreeMap, path::Path};

use super::{ini::Setting, is_yes};
use crate::audit::{
    file,
    finding::{Place, Report},
    rule::rules,
    torrc::address::is_loopback,
};

/// Routers on the way, by default; with fewer than two the first one knows both ends.
const LENGTH_MIN: u32 = 2;
/// Ed25519, and its blinded form for encrypted lease sets (I2P's "Common structures" specification).
const SIGNATURES: [&str; 6] = ["7", "11", "ed25519", "eddsa_sha512_ed25519", "reddsa_sha512_ed25519", "red25519"];
/// Group and others: nothing.
const KEY_OTHERS: u32 = 0o077;

rules! {
    SHORT = "i2p-tunnel-length", Leak:
        "with fewer than two routers on the way, one of them knows this machine and whom it talks to"
        => "remove the line (3 is the default)";
    REMOTE = "i2p-tunnel-remote", Leak:
        "what comes through the tunnel leaves this machine again, unprotected, towards another one"
        => "set host = 127.0.0.1 (Java: targetHost=127.0.0.1)";
    KEY_MODE = "i2p-key-mode", Leak:
        "others than the router's user can read the key of this destination; whoever has it is the destination"
        => "run: chmod 0600 on it, and if others were on this machine make a new one";
    HTTP = "i2p-tunnel-http", Weak:
        "a tunnel for HTTP changes what passes and adds headers; anteroom does not speak HTTP, its streams would break"
        => "set type = server";
    SIGNATURE = "i2p-signature-type", Weak:
        "the destination's signatures are of an old kind, slower and easier to forge than Ed25519"
        => "set signaturetype = 7; this makes a new address";
    NOT_UNIQUE = "i2p-unique-local", Weak:
        "all clients come from one address of this machine: nobody can be fair between them"
        => "remove enableuniquelocal = false";
}

pub(super) fn judge(settings: &[Setting], data: &Path, report: &mut Report) {
    let mut tunnels: BTreeMap<&str, Vec<&Setting>> = BTreeMap::new();
    for setting in settings {
        tunnels.entry(&setting.section).or_default().push(setting);
    }
    for tunnel in tunnels.values() {
        one(&Tunnel(tunnel), data, report);
    }
}

struct Tunnel<'a>(&'a [&'a Setting]);

impl<'a> Tunnel<'a> {
    /// The last of these keys: i2pd's word for a thing, and Java's.
    fn last(&self, keys: &[&str]) -> Option<&'a Setting> {
        self.0.iter().rev().find(|setting| keys.contains(&setting.key.as_str())).copied()
    }
}

fn one(tunnel: &Tunnel<'_>, data: &Path, report: &mut Report) {
    let Some(kind) = tunnel.last(&["type"]) else { return };
    for key in ["inbound.length", "outbound.length"] {
        if let Some(line) = tunnel.last(&[key]).filter(|line| line.value.parse::<u32>().is_ok_and(|n| n < LENGTH_MIN)) {
            report.find(&SHORT, line.place(), line.written());
        }
    }
    match kind.value.as_str() {
        "server" | "udpserver" | "ircserver" | "streamrserver" => {}
        "http" | "httpserver" | "irc" | "websocks" | "httpbidirserver" => {
            report.find(&HTTP, kind.place(), kind.written());
        }
        // Tunnels of clients lead out of this machine by their nature.
        _ => return,
    }
    if let Some(host) = tunnel.last(&["host", "targethost"]).filter(|line| !is_loopback(&line.value)) {
        report.find(&REMOTE, host.place(), host.written());
    }
    if let Some(line) = tunnel.last(&["signaturetype", "i2cp.destination.sigtype"])
        && !SIGNATURES.contains(&line.value.to_ascii_lowercase().as_str())
    {
        report.find(&SIGNATURE, line.place(), line.written());
    }
    if let Some(line) = tunnel.last(&["enableuniquelocal"]).filter(|line| !is_yes(&line.value)) {
        report.find(&NOT_UNIQUE, line.place(), line.written());
    }
    if let Some(line) = tunnel.last(&["keys", "privkeyfile"]) {
        let key = data.join(&line.value);
        if let Some(mode) = file::named_mode(&key, report)
            && mode & KEY_OTHERS != 0
        {
            report.find(&KEY_MODE, Place::whole(&key), format!("mode {mode:04o}"));
        }
    }
}
