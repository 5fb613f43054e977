//! The options that are judged, and how tor lets one write them.

/// Every option that [`judge`](super::judge) looks at, in lower case.
const JUDGED: &[&str] = &[
    "bridgerelay",
    "circuitpadding",
    "connectionpadding",
    "controlport",
    "controlsocket",
    "controlsocketsgroupwritable",
    "cookieauthentication",
    "datadirectorygroupreadable",
    "dirauthority",
    "dirport",
    "disabledebuggerattachment",
    "dnsport",
    "entrynodes",
    "extorport",
    "hashedcontrolpassword",
    "hashedcontrolsessionpassword",
    "hiddenserviceallowunknownports",
    "hiddenservicedir",
    "hiddenservicedirgroupreadable",
    "hiddenserviceexportcircuitid",
    "hiddenservicemaxstreams",
    "hiddenservicenonanonymousmode",
    "hiddenservicenumintroductionpoints",
    "hiddenserviceport",
    "hiddenservicepowdefensesenabled",
    "hiddenservicepowqueuerate",
    "hiddenservicesinglehopmode",
    "hiddenserviceversion",
    "httptunnelport",
    "log",
    "metricsport",
    "middlenodes",
    "natdport",
    "orport",
    "reducedcircuitpadding",
    "reducedconnectionpadding",
    "safelogging",
    "sandbox",
    "socksport",
    "testingtornetwork",
    "transport",
    "useentryguards",
    "vanguardsliteenabled",
];
/// Other options, with which the names of judged ones begin: written like this they are meant. A test asks tor whether
/// there are more.
const OTHERS: [&str; 2] = ["bridge", "datadirectory"];

/// The option that `key` means: tor knows no case, takes a beginning for the whole (with a warning), and has a second
/// spelling with `__` for many.
pub(super) fn full_name(key: &str) -> String {
    let lower = key.to_ascii_lowercase();
    let name = lower.strip_prefix("__").unwrap_or(&lower);
    match abbreviated(name) {
        Some(full) => full.to_owned(),
        None => name.to_owned(),
    }
}

/// The judged option that `key` is only a beginning of.
pub(super) fn abbreviated(key: &str) -> Option<&'static str> {
    let lower = key.to_ascii_lowercase();
    let name = lower.strip_prefix("__").unwrap_or(&lower);
    if name.is_empty() || JUDGED.contains(&name) || OTHERS.contains(&name) {
        return None;
    }
    JUDGED.iter().copied().find(|option| option.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_option_is_the_option() {
        for spelling in ["SocksPort", "socksport", "SOCKSPORT", "__SocksPort", "SocksPor"] {
            assert_eq!(full_name(spelling), "socksport");
        }
        assert_eq!(full_name("Nickname"), "nickname");
        assert_eq!(abbreviated("SocksPor"), Some("socksport"));
        assert_eq!(abbreviated("__SocksPort"), None);
        assert_eq!(full_name("HiddenServiceMaxStreams"), "hiddenservicemaxstreams");
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(JUDGED.is_sorted());
    }
}
