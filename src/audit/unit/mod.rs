//! Does systemd hold the service to what it needs? Units of an introducer need no network; those of a carrier need TCP.

mod parse;

use std::path::{Path, PathBuf};

use parse::{Assignment, Unit, is_yes};

use super::{
    finding::{Place, Report},
    rule::{Rule, rules},
};

const SERVICE: &str = "Service";
const SOCKET: &str = "Socket";
/// What a carrier needs, and nothing else.
const CARRIER_FAMILIES: [&str; 3] = ["AF_UNIX", "AF_INET", "AF_INET6"];
/// Who may connect to a socket: not everybody.
const OTHERS: u32 = 0o007;

rules! {
    NETWORK = "unit-network", Leak:
        "the introducer shares the machine's network: what breaks into it can ask for its addresses and call out"
        => "set PrivateNetwork=yes, and no JoinsNamespaceOf=";
    FAMILIES = "unit-address-families", Leak:
        "the service may open sockets that it has no use for, and learn this machine's addresses with them"
        => "set RestrictAddressFamilies=AF_UNIX (a carrier: AF_UNIX AF_INET AF_INET6)";
    ROOT = "unit-root", Leak:
        "the service runs as root: whoever breaks into it has the machine"
        => "set DynamicUser=yes, or a User= of its own";
    SOCKET_IP = "unit-socket-ip", Leak:
        "the service is reached by something other than a file: without Tor between, or by every local process"
        => "set ListenStream= to a path, and no other Listen line";
    CORE = "unit-core", Leak:
        "a crash may leave the memory of the process, records and addresses in it, on the disk"
        => "set LimitCORE=0";

    SOCKET_MODE = "unit-socket-mode", Weak:
        "every local process may connect in the place of tor; without a SocketMode line systemd allows it"
        => "set SocketMode=0660 and SocketGroup= to tor's group";
    IP_DENY = "unit-ip-deny", Weak:
        "packets of an inherited socket would leave the machine"
        => "set IPAddressDeny=any";
    PRIVILEGES = "unit-new-privileges", Weak:
        "a program with the set-user-id bit could get the process more rights than it was started with"
        => "set NoNewPrivileges=yes";
    CAPABILITIES = "unit-capabilities", Weak:
        "the process keeps rights of root that it has no use for"
        => "set CapabilityBoundingSet= (empty)";
    SYSTEM = "unit-protect-system", Weak:
        "the process may write outside of its state directory"
        => "set ProtectSystem=strict and StateDirectory=";
    HOME = "unit-protect-home", Weak:
        "the process may read the homes of this machine's users, and so who they are"
        => "set ProtectHome=yes";
    DEVICES = "unit-private-devices", Weak:
        "the process may open devices"
        => "set PrivateDevices=yes";
    PROC = "unit-protect-proc", Weak:
        "the process sees the other processes and the kernel's settings, this machine's name and addresses among them"
        => "set ProtectProc=invisible and ProcSubset=pid";
    CALLS = "unit-system-calls", Weak:
        "the process may make every system call; its own filter is not there before it installs it"
        => "set SystemCallFilter=@system-service, and SystemCallArchitectures=native";
    EXECUTE = "unit-memory-execute", Weak:
        "whoever breaks into the process can have it run code of their own"
        => "set MemoryDenyWriteExecute=yes";
}

/// Keys with one value, the value they need, and what it means when they have another.
const NEEDED: &[(&str, &str, &Rule)] = &[
    ("NoNewPrivileges", "yes", &PRIVILEGES),
    ("ProtectSystem", "strict", &SYSTEM),
    ("ProtectHome", "yes", &HOME),
    ("PrivateDevices", "yes", &DEVICES),
    ("MemoryDenyWriteExecute", "yes", &EXECUTE),
    ("LimitCORE", "0", &CORE),
];

/// `systemd`: the folders in which systemd looks for units, the one that counts most last.
pub(super) fn examine(file: &Path, systemd: &[PathBuf], report: &mut Report) {
    let Some(unit) = Unit::read(file, systemd, report) else { return };
    let (service, socket) = (unit.has(SERVICE), unit.has(SOCKET));
    if service {
        judge_service(&unit, file, report);
    }
    if socket {
        judge_socket(&unit, file, report);
    }
    if !service && !socket {
        report.cannot(Place::whole(file), "no [Service] and no [Socket] section", "name the service or socket unit");
    }
}

fn judge_service(unit: &Unit, file: &Path, report: &mut Report) {
    let mut service = Service { unit, file, report };
    for (key, needed, rule) in NEEDED {
        let fits = |value: &str| if *needed == "yes" { is_yes(value) } else { value.eq_ignore_ascii_case(needed) };
        service.needs(key, rule, fits);
    }
    let commands = unit.list(SERVICE, "ExecStart");
    let carrier = commands.iter().any(|line| line.value.split_whitespace().any(|word| word == "carrier"));
    service.families(if carrier { &CARRIER_FAMILIES } else { &["AF_UNIX"] });
    if !carrier {
        service.network();
    }
    service.user();
    service.needs("CapabilityBoundingSet", &CAPABILITIES, str::is_empty);
    service.calls();
    let before = service.report.findings.len();
    service.needs("ProtectProc", &PROC, |value| matches!(value, "invisible" | "ptraceable"));
    if service.report.findings.len() == before {
        service.needs("ProcSubset", &PROC, |value| value == "pid");
    }
}

/// The `[Service]` section under judgement.
struct Service<'a> {
    unit: &'a Unit,
    file: &'a Path,
    report: &'a mut Report,
}

impl Service<'_> {
    /// A key with one value, which must fit.
    fn needs(&mut self, key: &str, rule: &'static Rule, fits: impl FnOnce(&str) -> bool) {
        let line = self.unit.last(SERVICE, key);
        if !line.is_some_and(|line| fits(&line.value)) {
            self.refuse(rule, line, key);
        }
    }

    /// The line that is wrong, or the whole file where there is none.
    fn refuse(&mut self, rule: &'static Rule, line: Option<&Assignment>, missing: &str) {
        match line {
            Some(line) => self.report.find(rule, line.place(), line.written()),
            None => self.report.find(rule, Place::whole(self.file), format!("no {missing}= line")),
        }
    }

    fn families(&mut self, allowed: &[&str]) {
        let lines = self.unit.list(SERVICE, "RestrictAddressFamilies");
        // A list that starts with `~` allows everything else, and no such word is allowed.
        let stranger = |line: &&Assignment| line.value.split_whitespace().any(|family| !allowed.contains(&family));
        let stranger = lines.iter().copied().find(stranger);
        if lines.is_empty() || stranger.is_some() {
            self.refuse(&FAMILIES, stranger, "RestrictAddressFamilies");
        }
    }

    fn network(&mut self) {
        let own = self.unit.last(SERVICE, "PrivateNetwork");
        let joins = self.unit.last("Unit", "JoinsNamespaceOf").filter(|line| !line.value.is_empty());
        if joins.is_some() || !own.is_some_and(|line| is_yes(&line.value)) {
            self.refuse(&NETWORK, joins.or(own), "PrivateNetwork");
        }
        let denied = self.unit.list(SERVICE, "IPAddressDeny");
        let any = denied.iter().any(|line| line.value.split_whitespace().any(|word| word == "any"));
        let allowed = self.unit.list(SERVICE, "IPAddressAllow");
        if !any || !allowed.is_empty() {
            self.refuse(&IP_DENY, allowed.first().or(denied.first()).copied(), "IPAddressDeny");
        }
    }

    fn user(&mut self) {
        let dynamic = self.unit.last(SERVICE, "DynamicUser").is_some_and(|line| is_yes(&line.value));
        let user = self.unit.last(SERVICE, "User").filter(|line| !line.value.is_empty());
        let root = user.map_or(!dynamic, |line| matches!(line.value.as_str(), "root" | "0"));
        let commands =
            self.unit.assignments.iter().filter(|line| line.section == SERVICE && line.key.starts_with("Exec"));
        // systemd.service(5), "Command lines": `+` and `!` run a command as root, whatever User= says.
        let mut raised = commands.filter(|line| {
            let prefix = line.value.chars().take_while(|c| matches!(c, '@' | '-' | ':' | '+' | '!' | '|'));
            prefix.into_iter().any(|c| matches!(c, '+' | '!'))
        });
        if let Some(command) = raised.next() {
            self.refuse(&ROOT, Some(command), "User");
        } else if root {
            self.refuse(&ROOT, user, "User");
        }
    }

    fn calls(&mut self) {
        let filters = self.unit.list(SERVICE, "SystemCallFilter");
        let first = filters.first().copied();
        // The first line says whether the list allows or denies; a mere deny-list misses what is new.
        if first.is_none_or(|line| line.value.starts_with('~')) {
            return self.refuse(&CALLS, first, "SystemCallFilter");
        }
        // Calls of another architecture have other numbers.
        self.needs("SystemCallArchitectures", &CALLS, |value| value == "native");
    }
}

fn judge_socket(unit: &Unit, file: &Path, report: &mut Report) {
    for line in unit.assignments.iter().filter(|line| line.section == SOCKET && line.key.starts_with("Listen")) {
        let path = line.key == "ListenStream" && line.value.starts_with('/');
        if !path && !line.value.is_empty() {
            report.find(&SOCKET_IP, line.place(), line.written());
        }
    }
    let mode = unit.last(SOCKET, "SocketMode");
    // systemd's default is 0666.
    match mode {
        None => report.find(&SOCKET_MODE, Place::whole(file), "no SocketMode= line"),
        Some(line) if u32::from_str_radix(&line.value, 8).is_ok_and(|mode| mode & OTHERS == 0) => {}
        Some(line) => report.find(&SOCKET_MODE, line.place(), line.written()),
    }
}
