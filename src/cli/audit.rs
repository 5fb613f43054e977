//! Is this installation safe? A table for people, JSON for machines, an exit code by weight.

use std::path::PathBuf;

use clap::Args;

use super::{
    failure::{Exit, Failure},
    findings, output,
};
use crate::{
    audit::{self, Kind, Report, Severity, Sources},
    sandbox::{self, Level, Needs, Profile},
};

const HELP: &str = "Severities: `leak` (who or where somebody is can get out; exit code 9), `weak` (a defence is missing; \
    exit code 8), `note` (right for some installations; exit code 0). What could not be read or parsed ends with exit code \
    2 unless a leak was found.";
/// The running program.
const OWN_PROGRAM: &str = "/proc/self/exe";
const MEMORY_FILE: &str = "/proc/meminfo";

#[derive(Args)]
#[command(after_long_help = format!("{HELP}\n\n{}", findings::JSON_HELP))]
pub(super) struct Audit {
    /// Files to judge; what kind each is, its name or its first words tell
    files: Vec<PathBuf>,
    /// A torrc; what it includes is read, too
    #[arg(long, value_name = "FILE")]
    torrc: Vec<PathBuf>,
    /// The file that tor reads before each torrc (`--defaults-torrc`), on Debian
    /// /usr/share/tor/tor-service-defaults-torrc
    #[arg(long, value_name = "FILE")]
    torrc_defaults: Option<PathBuf>,
    /// Settings of an introducer
    #[arg(long, value_name = "FILE")]
    introducer: Vec<PathBuf>,
    /// Settings of a node or a reader
    #[arg(long, value_name = "FILE")]
    node: Vec<PathBuf>,
    /// A service or socket unit of systemd; its drop-ins are read, too
    #[arg(long, value_name = "FILE")]
    unit: Vec<PathBuf>,
    /// i2pd's i2pd.conf
    #[arg(long, value_name = "FILE")]
    i2pd: Vec<PathBuf>,
    /// i2pd's tunnels.conf
    #[arg(long, value_name = "FILE")]
    i2pd_tunnels: Vec<PathBuf>,
    /// Java I2P's i2ptunnel.config
    #[arg(long, value_name = "FILE")]
    java_tunnels: Vec<PathBuf>,
    /// Where the I2P router keeps the keys of its tunnels
    #[arg(long, value_name = "DIR", default_value = "/var/lib/i2pd")]
    i2p_data: PathBuf,
    /// Number of a running introducer or client
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
    /// AF_UNIX socket of a running introducer
    #[arg(long, value_name = "PATH")]
    socket: Vec<PathBuf>,
    /// A program; without a path this one
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = OWN_PROGRAM)]
    binary: Vec<PathBuf>,
    /// Memory of the machine that the files are for, in place of this one's
    #[arg(long, value_name = "MIB")]
    memory_mib: Option<u64>,
    /// Lock this process down as an introducer is (or `unix-connect`, a client; `egress-tcp`, a carrier), attack it, and
    /// judge what this kernel denied. Everything else is judged before
    #[arg(long, value_name = "PROFILE", num_args = 0..=1, require_equals = true, default_missing_value = "unix-accept")]
    attack: Option<Profile>,
    #[cfg(feature = "audit-host")]
    #[command(flatten)]
    host: super::audit_host::Host,
    #[cfg(feature = "client")]
    #[command(flatten)]
    remote: super::audit_remote::Remote,
    /// Only list the addresses that will be published, and where each was typed
    #[arg(long)]
    addresses: bool,
    /// Only list the rules
    #[arg(long)]
    rules: bool,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.rules {
            return findings::list_rules(self.json);
        }
        let sources = self.sources();
        let mut report = audit::examine(&sources);
        let mut asked = !sources.is_empty();
        #[cfg(feature = "audit-host")]
        {
            asked |= self.host.run(&mut report);
        }
        #[cfg(feature = "client")]
        {
            asked |= self.remote.run(&mut report)?;
        }
        asked |= self.attack(&mut report);
        if !asked {
            return Err(Failure::new(Exit::Usage, "there is nothing to judge").hint(
                "name files, such as /etc/tor/torrc and /etc/anteroom/introducer.toml, or a process with --pid; \
                 `anteroom audit --rules` lists what is looked for",
            ));
        }
        report.sort();
        match (self.addresses, self.json) {
            (_, true) => output::data(findings::document(&report))?,
            (true, false) => {
                output::write(findings::address_table(&report))?;
                if report.published.is_empty() {
                    output::say("these files publish no address");
                }
            }
            (false, false) => {
                output::write(findings::table(&report))?;
                output::write(findings::address_table(&report))?;
            }
        }
        findings::gaps(&report);
        verdict(&report)
    }

    /// Whether it was asked for.
    fn attack(&self, report: &mut Report) -> bool {
        let Some(profile) = self.attack else { return false };
        let locked = sandbox::lock(profile, Level::Strict, &Needs::default());
        if let Ok(locked) = &locked {
            let denied = locked.attempts.iter().filter(|attempt| attempt.denied).count();
            output::say(format_args!(
                "attacked a locked process ({}): {denied} of {} attempts denied",
                profile.name(),
                locked.attempts.len()
            ));
            for attempt in locked.attempts.iter().filter(|attempt| !attempt.denied) {
                output::say(format_args!("  {attempt}"));
            }
        }
        report.append(audit::judge_kernel(&locked));
        true
    }

    fn sources(&self) -> Sources {
        let given = [
            (&self.torrc, Kind::Torrc),
            (&self.introducer, Kind::Introducer),
            (&self.node, Kind::Node),
            (&self.unit, Kind::Unit),
            (&self.i2pd, Kind::I2pdRouter),
            (&self.i2pd_tunnels, Kind::I2pdTunnels),
            (&self.java_tunnels, Kind::JavaTunnels),
        ];
        let mut files: Vec<(PathBuf, Option<Kind>)> = self.files.iter().map(|file| (file.clone(), None)).collect();
        for (named, kind) in given {
            files.extend(named.iter().map(|file| (file.clone(), Some(kind))));
        }
        Sources {
            files,
            torrc_defaults: self.torrc_defaults.clone(),
            i2p_data: self.i2p_data.clone(),
            memory_bytes: self.memory_mib.map(|mib| mib << 20).or_else(memory_bytes),
            processes: self.pid.clone(),
            sockets: self.socket.clone(),
            programs: self.binary.clone(),
            ..Sources::default()
        }
    }
}

/// How much memory this machine has. Only ever compared with what the limits need.
fn memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string(MEMORY_FILE).ok()?;
    let kib: u64 = text.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

fn verdict(report: &Report) -> Result<(), Failure> {
    let count = |severity| report.findings.iter().filter(|finding| finding.rule.severity() == severity).count();
    let (leaks, weak, notes) = (count(Severity::Leak), count(Severity::Weak), count(Severity::Note));
    let found = format!("leaks: {leaks}, weaknesses: {weak}, notes: {notes}");
    let exit = match (report.worst(), report.unread.is_empty()) {
        (Some(Severity::Leak), _) => Exit::AuditLeak,
        (_, false) => {
            let message = format!("{found}; not judged: {}", report.unread.len());
            return Err(Failure::new(Exit::Usage, message));
        }
        (Some(Severity::Weak), true) => Exit::AuditWeak,
        (Some(Severity::Note) | None, true) => {
            output::say(found);
            return Ok(());
        }
    };
    Err(Failure::new(exit, found))
}
