//! Ports through which others use or control this tor.

use std::path::Path;

use super::{
    Torrc,
    address::{End, end},
    include::Located,
    rules,
};
use crate::audit::finding::{Place, Report};

/// Ways into Tor for programs that are not asked to speak SOCKS.
const CLIENT_PORTS: [&str; 4] = ["dnsport", "transport", "natdport", "httptunnelport"];

pub(super) fn judge(torrc: &Torrc, file: &Path, report: &mut Report) {
    socks(torrc, file, report);
    for option in CLIENT_PORTS {
        for line in torrc.all(option) {
            match listens(line) {
                End::None => {}
                End::Elsewhere => report.find(&rules::LISTENER_PUBLIC, line.place(), line.written()),
                End::Unix | End::Loopback => report.find(&rules::CLIENT_PORT, line.place(), line.written()),
            }
        }
    }
    for line in torrc.all("metricsport") {
        match listens(line) {
            End::None => {}
            End::Elsewhere => report.find(&rules::LISTENER_PUBLIC, line.place(), line.written()),
            End::Unix | End::Loopback => report.find(&rules::METRICS, line.place(), line.written()),
        }
    }
    control(torrc, report);
}

fn listens(line: &Located) -> End {
    end(line.line.value.split_whitespace().next().unwrap_or_default())
}

fn has(line: &Located, flag: &str) -> bool {
    line.line.value.split_whitespace().skip(1).any(|word| word.eq_ignore_ascii_case(flag))
}

fn socks(torrc: &Torrc, file: &Path, report: &mut Report) {
    if torrc.all("socksport").next().is_none() {
        report.find(&rules::SOCKS_TCP, Place::whole(file), "no SocksPort line");
    }
    for line in torrc.all("socksport") {
        match listens(line) {
            End::None => continue,
            End::Elsewhere => report.find(&rules::LISTENER_PUBLIC, line.place(), line.written()),
            End::Loopback => report.find(&rules::SOCKS_TCP, line.place(), line.written()),
            End::Unix if has(line, "WorldWritable") => report.find(&rules::SOCKS_WORLD, line.place(), line.written()),
            End::Unix => {}
        }
        if has(line, "NoIsolateSOCKSAuth") {
            report.find(&rules::SOCKS_SHARED, line.place(), line.written());
        }
        if !has(line, "OnionTrafficOnly") {
            report.find(&rules::SOCKS_EXITS, line.place(), line.written());
        }
    }
}

fn control(torrc: &Torrc, report: &mut Report) {
    let passwords = ["hashedcontrolpassword", "hashedcontrolsessionpassword"];
    let guarded = torrc.set("cookieauthentication", "1").is_some()
        || passwords.iter().any(|option| torrc.all(option).next().is_some());
    let group = torrc.set("controlsocketsgroupwritable", "1").is_some();
    for line in torrc.all("controlport").chain(torrc.all("controlsocket")) {
        let socket = line.line.is("controlsocket");
        let shared = has(line, "GroupWritable") || has(line, "WorldWritable") || (socket && group);
        let rule = match listens(line) {
            End::None => continue,
            // A socket's path may stand without `unix:`.
            _ if socket && shared => &rules::CONTROL_SHARED,
            _ if socket => &rules::CONTROL,
            End::Elsewhere => &rules::LISTENER_PUBLIC,
            End::Loopback if !guarded => &rules::CONTROL_OPEN,
            End::Unix if shared => &rules::CONTROL_SHARED,
            End::Loopback | End::Unix => &rules::CONTROL,
        };
        report.find(rule, line.place(), line.written());
    }
}
