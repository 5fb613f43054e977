//! node.toml: what is published, and with what key.

use std::{collections::BTreeSet, path::Path};

use super::lines::{Lines, texts};
use crate::{
    audit::{
        file,
        finding::{Place, Published, Report},
        rule::rules,
    },
    config::NodeConfig,
    record::{Address, AddressKind},
};

/// Group and others: nothing.
const KEY_OTHERS: u32 = 0o077;

rules! {
    PUBLIC_ADDRESS = "node-public-address", Leak:
        "everybody who reads this record learns where this machine is"
        => "remove it, unless this machine's address is public anyway";
    KEY_MODE = "node-key-mode", Leak:
        "others than its owner can read or write the key file; whoever has the key is the node"
        => "run: chmod 0600 on it; who read it before has the key, so make a new one";
    SANDBOX_OFF = "node-sandbox-off", Leak:
        "the kernel holds what talks to introducers to nothing: whoever breaks into it can open any socket and read any file"
        => "remove `sandbox = \"off\"`";
    SANDBOX_PART = "node-sandbox-part", Weak:
        "the kernel does not hold what talks to introducers to its own files, nor to a network without interfaces"
        => "remove `sandbox = \"seccomp\"`, unless this machine refuses to start with more";
    TOR_NETWORK = "node-tor-network", Leak:
        "Tor inside this program joins the network of that file, not the Tor network: whoever runs it can see who asks whom"
        => "remove `network` from [tor]: it is for rehearsals";
    TOR_STATE_MODE = "node-tor-state-mode", Weak:
        "other users of this machine can enter Tor's directory: they can learn its guards, or exchange them"
        => "run: chmod 0700 on it";
    CLEARNET = "node-clearnet", Weak:
        "records with addresses on the open internet are shown: programs that use them show this machine's own address"
        => "remove `clearnet = true` unless the grid's rules admit such addresses";
    TWO_NETWORKS = "node-two-networks", Note:
        "one record names a Tor and an I2P address: everybody learns that both are one machine"
        => "run two nodes, if that matters to you";
    ONE_INTRODUCER = "node-one-introducer", Note:
        "one introducer alone can hide what it wants, and knows when you ask"
        => "add introducers of other people";
}

pub(in crate::audit) fn examine(file: &Path, report: &mut Report) {
    let Some(text) = file::text(file, report) else { return };
    let config = match NodeConfig::parse(&text, file) {
        Ok(config) => config,
        Err(error) => return super::refuse(file, &error, report),
    };
    let Some(lines) = Lines::parse(&text, file) else { return };
    let public_before = report.findings.len();
    publish(&lines, report);
    if config.addresses.clearnet && report.findings.len() == public_before {
        report.find(&CLEARNET, lines.place(&["addresses", "clearnet"]), "clearnet = true");
    }
    for service in &config.services {
        let kinds: BTreeSet<_> = service.addresses.iter().map(Address::kind).collect();
        if kinds.contains(&AddressKind::Onion) && kinds.contains(&AddressKind::I2p) {
            report.find(&TWO_NETWORKS, Place::whole(file), format!("service `{}`", service.name));
        }
    }
    super::judge_sandbox(config.sandbox, &SANDBOX_OFF, &SANDBOX_PART, &lines, report);
    if config.introducers.len() == 1 {
        report.find(&ONE_INTRODUCER, lines.place(&["introducers"]), "");
    }
    if let Some(key) = &config.key
        && let Some(mode) = file::named_mode(key, report)
        && mode & KEY_OTHERS != 0
    {
        report.find(&KEY_MODE, Place::whole(key), format!("mode {mode:04o}"));
    }
    super::judge_network(&config.tor, &TOR_NETWORK, &lines, report);
    // With a socket Tor is another program, and its directory that one's.
    if config.socks.is_none() {
        super::judge_directory(&config.tor.state, &TOR_STATE_MODE, report);
    }
}

/// Every address of the file, with its line. The configuration parsed, so each of them does.
fn publish(lines: &Lines<'_>, report: &mut Report) {
    for table in lines.tables("service") {
        let name = table.get("name").and_then(|name| name.get_ref().as_str()).unwrap_or_default();
        for (text, value) in texts(table, "addresses").into_iter().chain(texts(table, "public_addresses")) {
            let Ok(address) = text.parse::<Address>() else { continue };
            let place = lines.place_of(value);
            if address.kind() == AddressKind::Clearnet {
                report.find(&PUBLIC_ADDRESS, place.clone(), text);
            }
            report.published.push(Published { address, service: name.to_owned(), place });
        }
    }
}
