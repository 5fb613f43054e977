//! The operator's configuration, copied for a rehearsal: its rules and limits, and nothing of its places.

use std::path::Path;

use toml::{Table, Value};

use crate::config::CarrierKind;

/// A tick of a minute would make the rehearsal wait for minutes and show nothing else.
const TICK_SECONDS_MAX: i64 = 3;

/// A copy, and what in it is not as in the original, in words for the operator.
#[derive(Debug)]
pub(super) struct Copied {
    /// The copy, without comments.
    pub(super) text: String,
    /// Differences that matter to who judges the rehearsal.
    pub(super) told: Vec<String>,
}

/// What `introducer.toml` would be on the stage. `original` is known to be a valid configuration; every path in the copy
/// is seen from the directory of the copy.
///
/// # Security
/// Bridges and transports are left out and the carrier is led to `network`, the file of a private Tor network: a copy
/// that kept any of them would reach for the Tor network.
///
/// # Errors
/// When `original` is not TOML.
pub(super) fn copy(original: &str, carrier: CarrierKind, network: &Path) -> Result<Copied, toml::de::Error> {
    let mut copy: Table = original.parse()?;
    let mut told = Vec::new();
    set(&mut copy, "socket", "introducer.sock");
    set(&mut copy, "state", "state");
    set(
        &mut copy,
        "carrier",
        match carrier {
            CarrierKind::Tor => "tor",
            CarrierKind::External => "external",
        },
    );
    copy.remove("carrier_uids");

    let admission = take_table(&mut copy, "admission");
    if admission.get("policy").is_some_and(|policy| policy.as_str() != Some("open")) {
        told.push("everybody may publish: the rehearsal has no key that your grid let in (`policy` is open)".into());
    }

    if copy.remove("sealed").and_then(|given| given.as_bool()) == Some(true) {
        told.push("records are in clear: the rehearsal has no group key of your grid (`sealed` is off)".into());
    }

    let mut tor = take_table(&mut copy, "tor");
    for place in ["state", "socks", "bridges", "transports"] {
        tor.remove(place);
    }
    set(&mut tor, "network", &network.display().to_string());
    if tor.remove("client_auth").and_then(|given| given.as_bool()) == Some(true) {
        told.push("everybody may connect: the rehearsal has no keys of your clients (`client_auth` is off)".into());
    }
    copy.insert("tor".into(), tor.into());

    let mut watch = take_table(&mut copy, "watch");
    let ticks = watch.get("delivery").and_then(Value::as_str) != Some("immediate");
    if ticks && watch.get("tick_seconds").and_then(Value::as_integer).is_none_or(|seconds| seconds > TICK_SECONDS_MAX) {
        watch.insert("tick_seconds".into(), TICK_SECONDS_MAX.into());
        told.push(format!("a watch ticks every {TICK_SECONDS_MAX} s, so that you need not wait (`tick_seconds`)"));
    }
    copy.insert("watch".into(), watch.into());
    Ok(Copied { text: copy.to_string(), told })
}

fn set(table: &mut Table, key: &str, text: &str) {
    table.insert(key.into(), text.into());
}

/// A table of the file; an empty one if it is not there.
fn take_table(file: &mut Table, name: &str) -> Table {
    match file.remove(name) {
        Some(Value::Table(table)) => table,
        _ => Table::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{GRID_PLACEHOLDER, INTRODUCER_TEMPLATE, IntroducerConfig, WatchRule};

    fn grid() -> String {
        crate::record::GridId::from_bytes([7; 32]).to_string()
    }

    fn copied(original: &str, carrier: CarrierKind) -> (IntroducerConfig, Copied) {
        let copied = copy(original, carrier, Path::new("/stage/network.toml")).unwrap();
        (IntroducerConfig::parse(&copied.text, Path::new("/stage/introducer.toml")).unwrap(), copied)
    }

    #[test]
    fn the_template_can_be_rehearsed() {
        let (copy, told) = copied(&INTRODUCER_TEMPLATE.replace(GRID_PLACEHOLDER, &grid()), CarrierKind::Tor);
        assert_eq!(copy.socket, Path::new("/stage/introducer.sock"));
        assert_eq!(copy.state, Path::new("/stage/state"));
        assert_eq!(copy.tor.network.as_deref(), Some(Path::new("/stage/network.toml")));
        assert_eq!(copy.watch, WatchRule::Tick { seconds: 3 });
        assert_eq!(told.told.len(), 1, "{told:?}");
    }

    #[test]
    fn a_closed_grid_is_open_on_the_stage_and_this_is_told() {
        for admission in ["policy = \"listed\"\nlist = \"/etc/members\"", "policy = \"granted\""] {
            let original = format!(
                "version = 1\ngrid = \"{}\"\nsocket = \"s\"\nstate = \"state\"\n[admission]\n{admission}\n\
                 revocations = \"/etc/revoked\"\n[watch]\ndelivery = \"immediate\"\n\
                 [limits]\nrecords_per_issuer_max = 7\n",
                grid()
            );
            let (copy, told) = copied(&original, CarrierKind::External);
            let open = copied(&original.replace(admission, ""), CarrierKind::External).0.policy;
            assert_eq!((copy.policy.admission, copy.list, copy.revocations), (open.admission, None, None));
            assert_eq!(copy.policy.records_per_issuer_max, 7);
            assert!(matches!(told.told.as_slice(), [told] if told.contains("publish")), "{told:?}");
        }
    }

    #[test]
    fn rules_and_limits_stay_and_places_do_not() {
        let original = format!(
            "version = 1\ngrid = \"{}\"\nsocket = \"/run/anteroom/s\"\nsocket_mode = \"0600\"\nstate = \"/var/lib/x\"\n\
             carrier_uids = [4242]\ncarrier = \"tor\"\nsealed = true\n[watch]\ndelivery = \"immediate\"\n[lookup]\nmode = \"exact\"\n\
             [tor]\nstate = \"/var/lib/tor\"\nport = 4321\nclient_auth = true\nsocks = \"/run/socks\"\n\
             bridges = [\"192.0.2.1:443 0123456789ABCDEF0123456789ABCDEF01234567\"]\n\
             transports = {{ obfs4 = \"127.0.0.1:47000\" }}\n[limits]\nrecords_max = 77\n",
            grid()
        );
        let place = Path::new("/stage/introducer.toml");
        let own = IntroducerConfig::parse(&original, place).unwrap();
        let (copy, told) = copied(&original, CarrierKind::External);
        assert_eq!(copy.carrier, CarrierKind::External);
        assert_eq!(copy.state, Path::new("/stage/state"));
        assert_eq!(copy.tor.state, Path::new("/stage/tor"));
        assert!(copy.tor.bridges.is_empty() && copy.tor.transports.is_empty());
        assert_eq!((copy.onion.port, copy.onion.client_auth, &copy.onion.socks), (4321, false, &None));
        assert!(!copy.carrier_uids.contains(&4242));
        let mut clear = own.policy.clone();
        clear.sealed = false;
        assert_eq!((copy.policy, own.policy.sealed), (clear, true));
        assert_eq!(
            (copy.limits, copy.lookup, copy.watch, copy.socket_mode),
            (own.limits, own.lookup, own.watch, own.socket_mode)
        );
        assert_eq!(told.told.len(), 2, "{told:?}");
    }
}
