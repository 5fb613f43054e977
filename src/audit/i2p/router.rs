//! i2pd.conf: what the router itself offers and writes down.

use super::{ini::Setting, is_yes};
use crate::audit::{finding::Report, rule::rules, torrc::address::is_loopback};

/// Parts of the router that listen, and where none of them has to be reached from.
const LISTENERS: [&str; 8] = ["sam", "i2cp", "bob", "http", "httpproxy", "socksproxy", "i2pcontrol", "i2pproxy"];
/// The public network.
const NET_ID: &str = "2";

rules! {
    LISTENER = "i2p-listener-public", Leak:
        "other machines can use the router: open tunnels, read its console, see what it carries"
        => "set address = 127.0.0.1 in this section";
    NETWORK = "i2p-testing-network", Leak:
        "the router is in a network of tests, where nobody is anonymous"
        => "remove netid, or set netid = 2";
    LOG_DETAIL = "i2p-log-detail", Weak:
        "the router logs who talks to whom through it"
        => "set loglevel = warn";
    UPNP = "i2p-upnp", Weak:
        "the router asks the local network for this machine's address and to open a port to it"
        => "set enabled = false in [upnp]";
}

pub(super) fn judge(settings: &[Setting], report: &mut Report) {
    for setting in settings {
        // `sam.address` at the top is `address` in [sam].
        let (section, key) = match (setting.section.as_str(), setting.key.split_once('.')) {
            ("", Some((section, key))) => (section.to_ascii_lowercase(), key),
            (section, _) => (section.to_ascii_lowercase(), setting.key.as_str()),
        };
        let rule = match (section.as_str(), key) {
            (section, "address") if LISTENERS.contains(&section) && !is_loopback(&setting.value) => &LISTENER,
            ("upnp", "enabled") if is_yes(&setting.value) => &UPNP,
            ("", "netid") if setting.value != NET_ID => &NETWORK,
            ("", "loglevel") if matches!(setting.value.as_str(), "debug" | "info") => &LOG_DETAIL,
            _ => continue,
        };
        report.find(rule, setting.place(), setting.written());
    }
}
