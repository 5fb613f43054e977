//! Fixtures that no file of a repository can hold: permissions, processes, programs, services.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use anteroom::{
    audit::{Report, Seen, Sources, examine, judge_kernel, judge_remote},
    sandbox::{self, Layer, LayerReport, Level, Profile, SandboxError, State},
};

use crate::program::{ONION, grid};

/// Number of the process in a made `/proc`.
pub(crate) const PID: u32 = 4711;

/// What the fixture of `rule` yields; `None`: it is not made here.
pub(crate) fn report(rule: &str, directory: &Path) -> Option<Report> {
    let sources = file(rule, directory).or_else(|| process(rule, directory)).or_else(|| program(rule, directory));
    match sources {
        Some(sources) => Some(examine(&sources)),
        None => seen(rule)
            .map(|seen| judge_remote(ONION, &seen))
            .or_else(|| kernel(rule).map(|locked| judge_kernel(&locked)))
            .or_else(|| host(rule, directory)),
    }
}

#[cfg(feature = "audit-host")]
fn host(rule: &str, directory: &Path) -> Option<Report> {
    crate::host::fixture(rule, directory)
}

#[cfg(not(feature = "audit-host"))]
const fn host(_rule: &str, _directory: &Path) -> Option<Report> {
    None
}

fn write(path: &Path, text: impl AsRef<[u8]>, mode: u32) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
}

fn file(rule: &str, directory: &Path) -> Option<Sources> {
    let of = |name: &str, text: String, mode| {
        let file = directory.join(name);
        write(&file, text, mode);
        Some(Sources { files: vec![(file, None)], i2p_data: directory.to_owned(), ..Sources::default() })
    };
    let secret = |name: &str| write(&directory.join(name), "", 0o640);
    let folder = |name: &str| {
        fs::create_dir(directory.join(name)).expect("a folder");
        fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o750)).expect("its mode");
    };
    let node = || format!("version = 1\ngrid = \"{}\"\n", grid());
    match rule {
        "file-writable" => of("node.toml", node(), 0o666),
        "node-key-mode" => {
            secret("node.key");
            of("node.toml", node() + "key = \"node.key\"\n", 0o644)
        }
        "introducer-state-mode" => {
            folder("state");
            of("introducer.toml", node() + "socket = \"socket\"\nstate = \"state\"\n", 0o644)
        }
        "introducer-tor-state-mode" => {
            folder("tor");
            of("introducer.toml", node() + "socket = \"socket\"\nstate = \"state\"\n", 0o644)
        }
        "node-tor-state-mode" => {
            folder("onions");
            of("node.toml", node() + "[tor]\nstate = \"onions\"\n", 0o644)
        }
        "torrc-service-dir-mode" => {
            folder("onion");
            let torrc = format!(
                "SocksPort 0\nHiddenServiceDir {}\nHiddenServicePort 80 unix:/run/x\n\
                 HiddenServiceExportCircuitID haproxy\nHiddenServiceMaxStreams 32\n",
                directory.join("onion").display()
            );
            of("torrc", torrc, 0o644)
        }
        "i2p-key-mode" => {
            secret("introducer.dat");
            of("tunnels.conf", "[x]\ntype = server\nhost = 127.0.0.1\nkeys = introducer.dat\n".into(), 0o644)
        }
        _ => None,
    }
}

/// A `/proc` with a well-kept process, which has two AF_UNIX sockets, one of them made by systemd.
pub(crate) fn proc(directory: &Path) -> PathBuf {
    let own = directory.join(PID.to_string());
    let unix = |inode: u32, path: &str| {
        format!(
            "Num       RefCount Protocol Flags    Type St Inode Path\n\
             0000000000000000: 00000002 00000000 00010000 0001 01 {inode} {path}\n"
        )
    };
    let status = "Name:\tanteroom\nUid:\t990\t990\t990\t990\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n\
                  CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n\
                  Seccomp:\t2\nSeccomp_filters:\t2\n";
    for thread in [PID, PID + 1] {
        write(&own.join(format!("task/{thread}/status")), status, 0o444);
    }
    let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                  Max core file size        0                    0                    bytes     \n";
    write(&own.join("limits"), limits, 0o444);
    write(&own.join("cmdline"), "/usr/bin/anteroom\0introducer\0--config\0/etc/anteroom/introducer.toml\0", 0o444);
    write(&own.join("environ"), "LANG=C\0", 0o444);
    write(&own.join("net/dev"), "Inter-|   Receive\n face |bytes\n    lo:       0\n", 0o444);
    write(&own.join("net/unix"), unix(100, "/run/anteroom/other"), 0o444);
    write(&own.join("net/tcp"), table(1), 0o444);
    write(&directory.join("1/net/unix"), unix(101, "/run/anteroom/introducer.sock"), 0o444);
    write(&directory.join("self/net/unix"), unix(101, "/run/anteroom/introducer.sock"), 0o444);
    fs::create_dir_all(own.join("fd")).expect("a folder");
    symlink("/usr/bin/anteroom", own.join("exe")).expect("a link");
    symlink("/dev/null", own.join("fd/0")).expect("a link");
    symlink("socket:[100]", own.join("fd/3")).expect("a link");
    symlink("socket:[101]", own.join("fd/4")).expect("a link");
    directory.to_owned()
}

/// The kernel's table of TCP sockets with one in it.
pub(crate) fn table(inode: u32) -> String {
    format!(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: \
         0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0 100 0 0 10 0\n"
    )
}

fn process(rule: &str, directory: &Path) -> Option<Sources> {
    let rule = rule.strip_prefix("process-")?;
    let own = proc(directory).join(PID.to_string());
    let replace = |name: &str, from: &str, to: &str| {
        let text = fs::read_to_string(own.join(name)).expect("a file");
        assert!(text.contains(from), "{name} has no {from}");
        fs::remove_file(own.join(name)).expect("a file");
        write(&own.join(name), text.replace(from, to), 0o444);
    };
    match rule {
        "ip-socket" => {
            symlink("socket:[7]", own.join("fd/5")).expect("a link");
            write(&own.join("net/udp6"), table(7), 0o444);
        }
        "socket-unknown" => symlink("socket:[8]", own.join("fd/5")).expect("a link"),
        "seccomp" => replace("task/4712/status", "Seccomp:\t2", "Seccomp:\t0"),
        "new-privileges" => replace("task/4712/status", "NoNewPrivs:\t1", "NoNewPrivs:\t0"),
        "capabilities" => replace("task/4712/status", "CapPrm:\t0000000000000000", "CapPrm:\t0000000000000400"),
        "root" => replace("task/4712/status", "990\t990\t990\t990", "990\t0\t0\t990"),
        "core" => replace("limits", "0                    0 ", "unlimited            unlimited "),
        "network" => replace("net/dev", "    lo:", "  eth0:       0\n    lo:"),
        "secret" => {
            let secret = anteroom::record::NodeSecret::from_seed([1; 32]).to_text();
            replace("environ", "LANG=C", &format!("KEY={}", *secret));
        }
        "deleted" => {
            fs::remove_file(own.join("exe")).expect("a link");
            symlink("/usr/bin/anteroom (deleted)", own.join("exe")).expect("a link");
        }
        _ => return None,
    }
    Some(Sources { processes: vec![PID], proc: directory.to_owned(), ..Sources::default() })
}

fn program(rule: &str, directory: &Path) -> Option<Sources> {
    if rule != "binary-build-path" {
        return None;
    }
    let program = directory.join("anteroom");
    write(&program, b"\x7fELF\0panicked at /home/alice/src/main.rs\0", 0o755);
    Some(Sources { programs: vec![program], ..Sources::default() })
}

fn seen(rule: &str) -> Option<Seen> {
    let answers = |bytes| vec![("ShelfExact".to_owned(), bytes)];
    let quiet = Seen { known: Some(answers(4096)), unknown: vec![answers(4096); 3], ..Seen::default() };
    Some(match rule {
        "remote-banner" => Seen { spoke_first: true, ..quiet },
        "remote-answers-strangers" => Seen { answered_strangers: true, ..quiet },
        "remote-size" => Seen { odd_length: true, ..quiet },
        "remote-known-unknown" => Seen { known: Some(answers(1024)), ..quiet },
        "remote-other-port" => Seen { other_ports: [22].into(), ..quiet },
        "remote-clearnet" => Seen { admits_clearnet: true, ..quiet },
        "remote-lookup-exact" => Seen { exact: true, ..quiet },
        "remote-watch-immediate" => Seen { immediate: true, ..quiet },
        "remote-address-kind" => Seen { wrong_kind: 1, ..quiet },
        "remote-unverifiable" => Seen { unverifiable: 1, ..quiet },
        _ => return None,
    })
}

fn kernel(rule: &str) -> Option<Result<sandbox::Report, SandboxError>> {
    let locked = |state| {
        let layers = vec![LayerReport { layer: Layer::Files, state }];
        sandbox::Report { profile: Profile::UnixAccept, level: Level::Strict, layers, attempts: Vec::new() }
    };
    Some(match rule {
        "kernel-attack" => Err(SandboxError::Leaks { name: "a UDP socket", layer: Layer::Calls }),
        "kernel-required" => Err(SandboxError::List("no such processor".into())),
        "kernel-layer" => Ok(locked(State::NotApplied("this kernel has no Landlock".into()))),
        _ => return None,
    })
}

#[test]
fn what_is_well_kept_yields_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let sources = Sources { processes: vec![PID], proc: proc(directory.path()), ..Sources::default() };
    assert_eq!(examine(&sources), Report::default());
    let quiet = Seen { unknown: vec![vec![("ShelfExact".to_owned(), 4096)]; 3], ..Seen::default() };
    assert_eq!(judge_remote(ONION, &quiet), Report::default());
}
