//! Is this installation safe? Judges configurations, units, a running process and a program, and says what to do.
//!
//! An audit reads and does not speak: nothing here opens a socket or starts a program. What a service shows from outside is
//! asked by `cli` through a client, and judged by [`judge_remote`]; what the kernel denies is tried by [`crate::sandbox`], and
//! judged by [`judge_kernel`].
//!
//! Rules are constants beside what judges them, in closed tables; [`rules`] lists all of them, and each has a fixture in
//! `tests/audit/` that yields it alone. A file that can't be read or parsed is told, never left out.

mod binary;
mod file;
mod finding;
#[cfg(feature = "audit-host")]
mod host;
mod i2p;
mod kernel;
mod kind;
mod process;
mod remote;
mod rule;
mod scan;
mod settings;
mod torrc;
mod unit;

use std::path::{Path, PathBuf};

pub use finding::{Finding, Gap, Place, Position, Published, Report};
#[cfg(feature = "audit-host")]
pub use host::scan_host;
pub use kernel::judge_kernel;
pub use kind::Kind;
pub use remote::{Seen, judge_remote};
pub use rule::{Rule, Severity};

/// systemd.unit(5), "Unit file load path", from the least to the most important.
const SYSTEMD_FOLDERS: [&str; 5] = [
    "/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/usr/local/lib/systemd/system",
    "/run/systemd/system",
    "/etc/systemd/system",
];

/// Every rule there is.
pub fn rules() -> Vec<&'static Rule> {
    let tables = [
        file::RULES,
        torrc::rules::RULES,
        settings::INTRODUCER_RULES,
        settings::NODE_RULES,
        i2p::ROUTER_RULES,
        i2p::TUNNEL_RULES,
        unit::RULES,
        process::RULES,
        kernel::RULES,
        binary::RULES,
        remote::RULES,
        #[cfg(feature = "audit-host")]
        host::RULES,
    ];
    tables.concat()
}

/// What there is to judge, and where the rest of the machine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Files; without a kind it is recognised.
    pub files: Vec<(PathBuf, Option<Kind>)>,
    /// The file that tor reads before each torrc (`--defaults-torrc`).
    pub torrc_defaults: Option<PathBuf>,
    /// The directory in which an I2P router keeps the keys of its tunnels.
    pub i2p_data: PathBuf,
    /// The folders in which systemd looks for units and their drop-ins, the one that counts most last.
    pub systemd: Vec<PathBuf>,
    /// Memory of the machine, when that is known.
    pub memory_bytes: Option<u64>,
    /// Numbers of running processes.
    pub processes: Vec<u32>,
    /// AF_UNIX sockets of running processes.
    pub sockets: Vec<PathBuf>,
    /// Programs.
    pub programs: Vec<PathBuf>,
    /// Where the kernel shows processes.
    pub proc: PathBuf,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            torrc_defaults: None,
            i2p_data: "/var/lib/i2pd".into(),
            systemd: SYSTEMD_FOLDERS.map(PathBuf::from).to_vec(),
            memory_bytes: None,
            processes: Vec::new(),
            sockets: Vec::new(),
            programs: Vec::new(),
            proc: "/proc".into(),
        }
    }
}

impl Sources {
    /// Is there anything to judge?
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.processes.is_empty() && self.sockets.is_empty() && self.programs.is_empty()
    }
}

/// Judges everything in `sources`.
pub fn examine(sources: &Sources) -> Report {
    let mut report = Report::default();
    for (file, kind) in &sources.files {
        if let Some(kind) = kind.or_else(|| recognise(file, &mut report)) {
            examine_file(file, kind, sources, &mut report);
        }
    }
    let listening = sources.sockets.iter().filter_map(|path| process::listening_on(&sources.proc, path, &mut report));
    let listening: Vec<u32> = listening.collect();
    for pid in sources.processes.iter().copied().chain(listening) {
        process::examine(&sources.proc, pid, &mut report);
    }
    for program in &sources.programs {
        binary::examine(program, &mut report);
    }
    report.sort();
    report
}

fn recognise(file: &Path, report: &mut Report) -> Option<Kind> {
    // What is wrong with the file itself is told when it is judged, or here where it is not.
    let mut first_look = Report::default();
    let Some(text) = file::text(file, &mut first_look) else {
        report.unread.append(&mut first_look.unread);
        return None;
    };
    let kind = Kind::of(file, &text);
    if kind.is_none() {
        report.cannot(
            Place::whole(file),
            "can't tell what kind of file this is",
            "name its kind, such as --torrc FILE",
        );
    }
    kind
}

fn examine_file(file: &Path, kind: Kind, sources: &Sources, report: &mut Report) {
    match kind {
        Kind::Torrc => torrc::examine(file, sources.torrc_defaults.as_deref(), report),
        Kind::Introducer => settings::introducer(file, sources.memory_bytes, report),
        Kind::Node => settings::node(file, report),
        Kind::Unit => unit::examine(file, &sources.systemd, report),
        Kind::I2pdRouter => i2p::router(file, report),
        Kind::I2pdTunnels => i2p::tunnels(file, &sources.i2p_data, report),
        Kind::JavaTunnels => i2p::java(file, &sources.i2p_data, report),
    }
}
