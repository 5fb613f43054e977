//! A running service, as the kernel shows it below `/proc`: what it holds, what it may do, what it tells.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{
    finding::{Place, Report},
    rule::{Rule, rules},
};
use crate::record::{GridSecret, NodeSecret};

/// Tables of sockets that have addresses, or name the machine's; and the column of the inode, from 0.
const ADDRESS_TABLES: [(&str, usize); 12] = [
    ("tcp", 9),
    ("tcp6", 9),
    ("udp", 9),
    ("udp6", 9),
    ("udplite", 9),
    ("udplite6", 9),
    ("raw", 9),
    ("raw6", 9),
    ("icmp", 9),
    ("icmp6", 9),
    ("packet", 8),
    ("netlink", 9),
];
/// The same of AF_UNIX sockets, which have paths at most.
const UNIX_COLUMN: usize = 6;
/// The most of a file below `/proc` that is read: a table of 100,000 sockets.
const TABLE_BYTES_MAX: u64 = 32 * 1024 * 1024;
const UNREADABLE: &str = "run the audit as root, or as the user that the process runs as";
/// State of a TCP socket that listens, and the two spellings of loopback in the kernel's tables.
const TCP_LISTENS: &str = "0A";
const TCP_LOOPBACK: [&str; 2] = ["0100007F:", "00000000000000000000000001000000:"];
/// `Seccomp:` of a process with a filter (proc_pid_status(5)).
const SECCOMP_FILTER: &str = "2";

rules! {
    IP_SOCKET = "process-ip-socket", Leak:
        "the process holds a socket that has an address, or can ask for the machine's"
        => "end it and find out where it got the socket; a carrier belongs into a process of its own";
    SECCOMP = "process-seccomp", Leak:
        "no filter of system calls holds the process: whoever breaks into it can open any socket"
        => "set `sandbox` to \"strict\" in its configuration, or SystemCallFilter= in its unit, and start it again";
    SECRET = "process-secret", Leak:
        "a secret key stands in the arguments or the environment, where other processes can read it"
        => "make a new key, and name a key file instead";
    CORE = "process-core", Leak:
        "a crash may leave the memory of the process on the disk"
        => "set LimitCORE=0 in its unit";
    CAPABILITIES = "process-capabilities", Weak:
        "the process has rights of root that it has no use for"
        => "set CapabilityBoundingSet= (empty) in its unit";
    PRIVILEGES = "process-new-privileges", Weak:
        "a program with the set-user-id bit could get the process more rights than it was started with"
        => "set NoNewPrivileges=yes in its unit";
    ROOT = "process-root", Weak:
        "the process runs as root"
        => "give it a user of its own: DynamicUser=yes or User= in its unit";
    NETWORK = "process-network", Weak:
        "the process is in a network that has more than a loopback interface"
        => "set PrivateNetwork=yes in its unit";
    SOCKET_UNKNOWN = "process-socket-unknown", Weak:
        "the process holds a socket that is in no table which can be seen from here: of which kind it is, nobody knows"
        => "run the audit as root in the machine's first network namespace";
    DELETED = "process-deleted", Weak:
        "the program was replaced on the disk and the old one still runs, with the faults that were corrected since"
        => "start the service again";
}

/// Judges process `pid` as `proc` (`/proc`) shows it.
pub(super) fn examine(proc: &Path, pid: u32, report: &mut Report) {
    let process = Process { proc, folder: proc.join(pid.to_string()) };
    if !process.folder.is_dir() {
        return report.cannot(Place::whole(&process.folder), "there is no such process", "check its number");
    }
    let carrier = match process.read("cmdline") {
        Ok(words) => words.split('\0').any(|word| word == "carrier"),
        Err((file, error)) => return report.cannot(Place::whole(&file), error, UNREADABLE),
    };
    let judged = [
        judge_threads(&process, report),
        judge_limits(&process, report),
        judge_words(&process, report),
        judge_program(&process, report),
        if carrier { Ok(()) } else { judge_network(&process, report) },
        judge_sockets(&process, carrier, report),
    ];
    for (file, error) in judged.into_iter().filter_map(Result::err) {
        report.cannot(Place::whole(&file), error, UNREADABLE);
    }
}

/// The process that listens on the AF_UNIX socket at `path`.
pub(super) fn listening_on(proc: &Path, path: &Path, report: &mut Report) -> Option<u32> {
    let found = find_listener(proc, path);
    match found {
        Ok(Some(pid)) => return Some(pid),
        Ok(None) => {
            let hint = "is the service running? Run the audit as root, or name the process with --pid";
            report.cannot(Place::whole(path), "no process that can be seen listens on this socket", hint);
        }
        Err(error) => report.cannot(Place::whole(proc), error, "is /proc mounted?"),
    }
    None
}

fn find_listener(proc: &Path, path: &Path) -> io::Result<Option<u32>> {
    let table = table(&proc.join("self/net/unix"))?;
    let inodes: BTreeSet<u64> = table
        .lines()
        .filter(|line| path.to_str().is_some_and(|path| line.ends_with(&format!(" {path}"))))
        .filter_map(|line| line.split_whitespace().nth(UNIX_COLUMN)?.parse().ok())
        .collect();
    let mut holders = Vec::new();
    for entry in fs::read_dir(proc)? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // Processes of others, and those that ended meanwhile, can't be looked into; the one that is sought is then not
        // found, and that is told.
        let held = sockets(&proc.join(format!("{pid}/fd"))).unwrap_or_default();
        if held.iter().any(|inode| inodes.contains(inode)) {
            holders.push(pid);
        }
    }
    // systemd (1) keeps a socket that it made; the service has it from there.
    Ok(holders.into_iter().max())
}

struct Process<'a> {
    proc: &'a Path,
    folder: PathBuf,
}

type Unread = (PathBuf, io::Error);

impl Process<'_> {
    fn read(&self, name: &str) -> Result<String, Unread> {
        let file = self.folder.join(name);
        table(&file).map_err(|error| (file, error))
    }

    fn find(&self, report: &mut Report, rule: &'static Rule, name: &str, found: impl AsRef<str>) {
        report.find(rule, Place::whole(&self.folder.join(name)), found);
    }
}

/// Filters and rights belong to threads: one without them is enough.
fn judge_threads(process: &Process<'_>, report: &mut Report) -> Result<(), Unread> {
    let folder = process.folder.join("task");
    let threads = fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let threads = threads.map_err(|error| (folder, error))?;
    let mut names: Vec<_> = threads.into_iter().map(|thread| thread.file_name()).collect();
    names.sort();
    let mut found = Report::default();
    for name in names {
        match judge_status(process, &format!("task/{}/status", name.to_string_lossy()), &mut found) {
            // A thread that ended meanwhile has no rights.
            Err((_, error)) if has_ended(&error) => {}
            judged => judged?,
        }
    }
    let mut told = BTreeSet::new();
    found.findings.retain(|finding| told.insert(finding.rule.id()));
    report.append(found);
    Ok(())
}

fn judge_status(process: &Process<'_>, file: &str, report: &mut Report) -> Result<(), Unread> {
    let status = process.read(file)?;
    let mut find = |rule, found: String| process.find(report, rule, file, found);
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map_or("", str::trim);
    if field("Seccomp") != SECCOMP_FILTER {
        find(&SECCOMP, format!("Seccomp: {}", field("Seccomp")));
    }
    if field("NoNewPrivs") != "1" {
        find(&PRIVILEGES, format!("NoNewPrivs: {}", field("NoNewPrivs")));
    }
    let sets = ["CapEff", "CapPrm", "CapInh", "CapAmb"];
    if let Some(set) = sets.into_iter().find(|set| field(set).bytes().any(|digit| digit != b'0')) {
        find(&CAPABILITIES, format!("{set}: {}", field(set)));
    }
    if field("Uid").split_whitespace().any(|uid| uid == "0") {
        find(&ROOT, String::new());
    }
    Ok(())
}

fn judge_limits(process: &Process<'_>, report: &mut Report) -> Result<(), Unread> {
    let limits = process.read("limits")?;
    let core = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
    let soft = core.and_then(|line| line.split_whitespace().next()).unwrap_or("unknown");
    if soft != "0" {
        process.find(report, &CORE, "limits", format!("Max core file size {soft}"));
    }
    Ok(())
}

fn judge_words(process: &Process<'_>, report: &mut Report) -> Result<(), Unread> {
    for name in ["cmdline", "environ"] {
        let words = process.read(name)?;
        for prefix in [NodeSecret::PREFIX, GridSecret::PREFIX] {
            // The text form of a secret key begins like this; what it says is not repeated.
            if words.to_ascii_lowercase().contains(&format!("{}1", prefix.to_ascii_lowercase())) {
                process.find(report, &SECRET, name, "");
            }
        }
    }
    Ok(())
}

fn judge_program(process: &Process<'_>, report: &mut Report) -> Result<(), Unread> {
    let link = process.folder.join("exe");
    let program = fs::read_link(&link).map_err(|error| (link, error))?;
    if program.to_string_lossy().ends_with(" (deleted)") {
        process.find(report, &DELETED, "exe", program.to_string_lossy());
    }
    Ok(())
}

fn judge_network(process: &Process<'_>, report: &mut Report) -> Result<(), Unread> {
    let interfaces = process.read("net/dev")?;
    // Two lines of headings, then a line an interface.
    let names = interfaces.lines().skip(2).filter_map(|line| line.split(':').next());
    if names.map(str::trim).any(|name| name != "lo") {
        process.find(report, &NETWORK, "net/dev", "");
    }
    Ok(())
}

/// A carrier may call out by TCP, and listen to this machine alone; nobody else may have any socket with an address.
fn judge_sockets(process: &Process<'_>, carrier: bool, report: &mut Report) -> Result<(), Unread> {
    let folder = process.folder.join("fd");
    let held = sockets(&folder).map_err(|error| (folder.clone(), error))?;
    // A socket is in the tables of the namespace it was made in: that of the process, of systemd, or of who audits.
    let (mut fine, mut addressed) = (BTreeSet::new(), BTreeSet::new());
    for seen_by in [process.folder.clone(), process.proc.join("1"), process.proc.join("self")] {
        fine.extend(inodes(&seen_by.join("net/unix"), UNIX_COLUMN, |_| true));
        for (table, column) in ADDRESS_TABLES {
            let file = seen_by.join("net").join(table);
            if carrier && matches!(table, "tcp" | "tcp6") {
                fine.extend(inodes(&file, column, |row| !listens_to_others(row)));
                addressed.extend(inodes(&file, column, listens_to_others));
            } else {
                addressed.extend(inodes(&file, column, |_| true));
            }
        }
    }
    let strangers: Vec<_> = held.iter().filter(|inode| addressed.contains(inode)).collect();
    if !strangers.is_empty() {
        process.find(report, &IP_SOCKET, "fd", format!("{} of {} sockets", strangers.len(), held.len()));
    }
    // A stream that ended while the tables were read is in none of them.
    let still = sockets(&folder).map_err(|error| (folder, error))?;
    let in_no_table = |inode: &&u64| !addressed.contains(inode) && !fine.contains(inode);
    let unknown = held.iter().filter(in_no_table).filter(|inode| still.contains(inode)).count();
    if unknown > 0 {
        process.find(report, &SOCKET_UNKNOWN, "fd", format!("{unknown} of {} sockets", held.len()));
    }
    Ok(())
}

/// Inodes of the sockets among the open files.
fn sockets(folder: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        // A file that was closed meanwhile is not held any more.
        let Ok(target) = fs::read_link(entry?.path()) else { continue };
        let target = target.to_string_lossy();
        let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        found.extend(inode.and_then(|inode| inode.parse::<u64>().ok()));
    }
    Ok(found)
}

/// The text of a file below `/proc`; words of arguments and the environment may be no UTF-8.
fn table(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(file)?.take(TABLE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > TABLE_BYTES_MAX {
        return Err(io::Error::other("larger than can be read here"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn has_ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// A row of a TCP table: number, local address, remote address, state.
fn listens_to_others(row: &str) -> bool {
    let mut columns = row.split_whitespace().skip(1);
    let (local, state) = (columns.next().unwrap_or_default(), columns.nth(1).unwrap_or_default());
    state == TCP_LISTENS && !TCP_LOOPBACK.iter().any(|loopback| local.starts_with(loopback))
}

/// The inodes of the rows that are `wanted` in a table of sockets. A table that is not there (no IPv6, no such protocol)
/// lists none; sockets that no table lists are told.
fn inodes(table: &Path, column: usize, wanted: impl Fn(&str) -> bool) -> BTreeSet<u64> {
    let text = self::table(table).unwrap_or_default();
    let rows = text.lines().skip(1).filter(|row| wanted(row));
    rows.filter_map(|row| row.split_whitespace().nth(column)?.parse().ok()).collect()
}
