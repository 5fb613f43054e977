//! What holds for tor as a whole.

use std::path::Path;

use super::{
    Torrc,
    address::{End, end},
    include::Located,
    listener, options, rules, service,
};
use crate::audit::{Rule, finding::Report};

/// Whoever has the list of these options' lines in hand sees a relay.
const RELAY_PORTS: [&str; 3] = ["orport", "dirport", "extorport"];
/// Log levels below notice.
const DETAILED: [&str; 2] = ["debug", "info"];

/// An option, the value that matters, and what it means. Of each option the last line counts.
const VALUES: &[(&str, &str, &Rule)] = &[
    ("bridgerelay", "1", &rules::RELAY),
    ("testingtornetwork", "1", &rules::TESTING),
    ("useentryguards", "0", &rules::GUARDS_OFF),
    ("safelogging", "0", &rules::SAFE_LOGGING),
    ("safelogging", "relay", &rules::SAFE_LOGGING),
    ("vanguardsliteenabled", "0", &rules::VANGUARDS),
    ("connectionpadding", "0", &rules::PADDING),
    ("reducedconnectionpadding", "1", &rules::PADDING),
    ("circuitpadding", "0", &rules::PADDING),
    ("reducedcircuitpadding", "1", &rules::PADDING),
    ("datadirectorygroupreadable", "1", &rules::GROUP_READABLE),
    ("disabledebuggerattachment", "0", &rules::DEBUGGER),
    ("sandbox", "0", &rules::SANDBOX_OFF),
];
/// Options whose mere presence matters.
const PRESENT: &[(&str, &Rule)] =
    &[("dirauthority", &rules::TESTING), ("entrynodes", &rules::OWN_PATH), ("middlenodes", &rules::OWN_PATH)];

pub(super) fn judge(torrc: &Torrc, file: &Path, report: &mut Report) {
    for (option, value, rule) in VALUES {
        let matched = torrc.last(option).filter(|located| located.line.value.eq_ignore_ascii_case(value));
        find(report, rule, matched);
    }
    for (option, rule) in PRESENT {
        find(report, rule, torrc.all(option).last());
    }
    for option in RELAY_PORTS {
        let mut opened = torrc
            .all(option)
            .filter(|located| end(located.line.value.split_whitespace().next().unwrap_or_default()) != End::None);
        find(report, &rules::RELAY, opened.next());
    }
    let modes = ["hiddenservicesinglehopmode", "hiddenservicenonanonymousmode"];
    find(report, &rules::SINGLE_HOP, modes.iter().find_map(|mode| torrc.set(mode, "1")));
    for line in torrc.all("log").filter(|located| is_detailed(&located.line.value)) {
        report.find(&rules::LOG_DETAIL, line.place(), line.written());
    }
    for line in torrc.lines.iter().filter(|located| options::abbreviated(&located.line.key).is_some()) {
        report.find(&rules::ABBREVIATION, line.place(), line.written());
    }
    listener::judge(torrc, file, report);
    service::judge(torrc, report);
}

fn find(report: &mut Report, rule: &'static Rule, line: Option<&Located>) {
    if let Some(line) = line {
        report.find(rule, line.place(), line.written());
    }
}

/// `info file …`, `debug-notice …`, `[circ,~net]info`: any level or range that begins below notice.
fn is_detailed(value: &str) -> bool {
    let levels = value.to_ascii_lowercase();
    let mut outside = String::new();
    let mut depth = 0_usize;
    for c in levels.chars() {
        match c {
            '[' => depth += 1,
            ']' => {
                depth = depth.saturating_sub(1);
                outside.push(' ');
            }
            c if depth == 0 => outside.push(c),
            _ => {}
        }
    }
    let words = outside.split_whitespace().take_while(|word| !matches!(*word, "file" | "stdout" | "stderr" | "syslog"));
    words.flat_map(|word| word.split([',', '-'])).any(|level| DETAILED.contains(&level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_below_notice_is_seen_in_every_form() {
        for value in ["debug", "info file /var/log/tor", "info-err stdout", "[circ]debug [net]notice syslog", "INFO"] {
            assert!(is_detailed(value), "{value}");
        }
        for value in ["notice file /var/log/info", "warn", "notice-err", "[info]notice stdout", "err file debug"] {
            assert!(!is_detailed(value), "{value}");
        }
    }
}
