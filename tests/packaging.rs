//! What is installed: a program without paths of who built it, units that give away nothing, packages of one role each.
#![cfg(all(feature = "server", feature = "audit"))]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anteroom::{
    audit::{Report, Sources, examine},
    config::{GRID_PLACEHOLDER, IntroducerConfig},
    record::GridSecret,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_anteroom");
const INTRODUCER: &str = "anteroom-introducer.service";
const CARRIER: &str = "anteroom-carrier.service";
const SOCKET: &str = "anteroom-introducer.socket";
/// Exposure by `systemd-analyze security`, in tenths: what remains is AF_UNIX, the users that must be told apart, and the
/// clock device that ProtectClock= itself admits.
const INTRODUCER_TENTHS_MAX: u32 = 3;
/// The network of the machine, and addresses of any relay.
const CARRIER_TENTHS_MAX: u32 = 12;

fn unit(name: &str) -> PathBuf {
    Path::new("packaging/systemd").join(name)
}

/// All values of a key, in the order of their lines.
fn values(unit: &str, key: &str) -> Vec<String> {
    let text = fs::read_to_string(self::unit(unit)).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    lines.map(str::to_owned).collect()
}

fn value(unit: &str, key: &str) -> String {
    values(unit, key).pop().unwrap_or_else(|| panic!("no {key}= in {unit}"))
}

fn analyze(arguments: &[&str]) -> Output {
    let ended = Command::new("systemd-analyze").args(arguments).output();
    ended.expect("systemd-analyze is missing: run tests/install systemd, or tests/all")
}

#[test]
fn the_program_holds_no_path_of_the_machine_that_built_it() {
    let directory = tempfile::tempdir().unwrap();
    let shipped = directory.path().join("anteroom");
    // As a release build is: what C compilers write for debuggers names the sources of ring and others.
    let strip = Command::new("strip").arg("--strip-debug").arg("-o").arg(&shipped).arg(PROGRAM).status();
    assert!(strip.expect("strip is missing: run tests/install binutils, or tests/all").success());
    let report = examine(&Sources { programs: vec![shipped.clone()], ..Sources::default() });
    let hint = "built without packaging/rustc? RUSTC_WRAPPER takes its place, and cargo looks for .cargo/config.toml from \
                the current directory; what was built before it came is built again after `cargo clean`";
    assert_eq!(report, Report::default(), "{hint}");
    let target = Path::new(PROGRAM).parent().and_then(Path::parent).unwrap();
    let program = fs::read(&shipped).unwrap();
    for path in [Path::new(env!("CARGO_MANIFEST_DIR")), target] {
        let path = path.to_str().unwrap().as_bytes();
        assert!(!program.windows(path.len()).any(|window| window == path), "{hint}");
    }
}

#[test]
fn the_wrapper_takes_each_path_out() {
    let directory = tempfile::tempdir().unwrap();
    let source = fs::canonicalize("packaging/rustc").unwrap();
    let run = |file: &str, out: &str| {
        let mut command = Command::new(&source);
        command
            .args(["rustc", "--edition=2024", "--crate-name=probe", "-Cdebuginfo=2", "--out-dir"])
            .arg(directory.path());
        command.arg(directory.path().join(file)).env("OUT_DIR", directory.path().join(out));
        command.env("HOME", directory.path().join("alice")).env("RUSTUP_HOME", rustup()).env_remove("CARGO_HOME");
        let ended = command.output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        fs::read(directory.path().join("probe")).unwrap()
    };
    let place = |file: &str| {
        fs::create_dir_all(directory.path().join(file).parent().unwrap()).unwrap();
        fs::write(directory.path().join(file), "fn main() { panic!() }").unwrap();
    };
    for (file, expected) in [
        ("alice/main.rs", "/home/main.rs"),
        ("alice/.cargo/registry/src/index/probe-1.0.0/src/main.rs", "/crates/index/probe-1.0.0/src/main.rs"),
        ("out/generated.rs", "/generated/generated.rs"),
    ] {
        place(file);
        let program = run(file, "out");
        let holds = |text: &str| program.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(holds(expected), "{expected}");
        assert!(!holds(directory.path().join(file).to_str().unwrap()), "{file}");
    }
}

/// Where the compiler of this test is: the wrapped one has another HOME.
fn rustup() -> PathBuf {
    std::env::var_os("RUSTUP_HOME")
        .map_or_else(|| Path::new(&std::env::var_os("HOME").expect("a home")).join(".rustup"), PathBuf::from)
}

#[test]
fn systemd_knows_every_line_of_the_units() {
    let directory = tempfile::tempdir().unwrap();
    for name in [SOCKET, INTRODUCER, CARRIER] {
        // The program is not installed here.
        let text = fs::read_to_string(unit(name)).unwrap().replace("/usr/bin/anteroom", PROGRAM);
        fs::write(directory.path().join(name), text).unwrap();
    }
    fs::create_dir(directory.path().join(format!("{SOCKET}.d"))).unwrap();
    fs::copy(unit("c-tor.conf"), directory.path().join(format!("{SOCKET}.d/c-tor.conf"))).unwrap();
    for name in [SOCKET, INTRODUCER, CARRIER] {
        let ended = analyze(&["verify", "--man=no", directory.path().join(name).to_str().unwrap()]);
        let said = String::from_utf8_lossy(&ended.stderr);
        // It loads what the units name, and has something to say of other units of this machine.
        let ours = said.lines().filter(|line| line.contains("anteroom")).collect::<Vec<_>>();
        assert!(ours.is_empty(), "{ours:#?}");
    }
}

#[test]
fn the_units_leave_little_exposed() {
    for (name, tenths_max) in [(INTRODUCER, INTRODUCER_TENTHS_MAX), (CARRIER, CARRIER_TENTHS_MAX)] {
        let unit = unit(name);
        let ended = analyze(&["security", "--offline=true", "--no-pager", unit.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&ended.stdout);
        let score = said
            .lines()
            .find_map(|line| line.split_once("Overall exposure level for ")?.1.split_once(": "))
            .map(|(_, score)| score);
        let score = score.and_then(|score| score.split(' ').next()).unwrap_or_else(|| panic!("no score in {said}"));
        let tenths: u32 = score.replace('.', "").parse().unwrap();
        assert!(tenths <= tenths_max, "{name}: {score}\n{said}");
    }
}

/// Calls of the program's own lists that a unit may refuse: a service has no capability to give up and no host to rename, and
/// its files keep their owner.
const CALLS_WITHOUT: [&str; 4] = ["capset", "fchown", "setdomainname", "sethostname"];

/// The calls that a word of `SystemCallFilter=` stands for.
fn calls(word: &str) -> BTreeSet<String> {
    if !word.starts_with('@') {
        return BTreeSet::from([word.to_owned()]);
    }
    let ended = analyze(&["syscall-filter", "--no-pager", word]);
    assert!(ended.status.success(), "systemd has no {word}");
    let listed = String::from_utf8(ended.stdout).unwrap();
    let lines = listed.lines().skip(1).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(calls).collect()
}

#[test]
fn the_units_admit_every_call_that_the_sandbox_within_them_does() {
    let source = fs::read_to_string("src/sandbox/calls.rs").unwrap();
    let names =
        source.split(['(', '[']).filter_map(|rest| rest.strip_prefix('"')?.split_once('"')).map(|(name, _)| name);
    let own: BTreeSet<_> = names.filter(|name| !CALLS_WITHOUT.contains(name)).map(str::to_owned).collect();
    assert!(own.len() > 100 && own.contains("accept4"), "the lists were not read: {own:?}");
    for unit in [INTRODUCER, CARRIER] {
        let mut admitted = BTreeSet::new();
        for line in values(unit, "SystemCallFilter") {
            let words = line.strip_prefix('~').unwrap_or(&line).split(' ');
            let listed: BTreeSet<_> = words.flat_map(calls).collect();
            admitted = if line.starts_with('~') { &admitted - &listed } else { &admitted | &listed };
        }
        assert_eq!(&own - &admitted, BTreeSet::new(), "{unit}");
    }
}

#[test]
fn an_audit_finds_nothing_in_the_units() {
    let files = [SOCKET, INTRODUCER, CARRIER].map(|name| (unit(name), None));
    let report = examine(&Sources { files: files.into(), ..Sources::default() });
    assert_eq!(report, Report::default());
}

/// The package's configuration, filled in as an operator would.
fn configuration() -> IntroducerConfig {
    let text = fs::read_to_string("packaging/introducer.toml").unwrap();
    let file = Path::new("/etc/anteroom/introducer.toml");
    assert!(IntroducerConfig::parse(&text, file).is_err(), "it starts only with a grid and a carrier");
    let grid = GridSecret::from_seed([1; 32]).id().to_string();
    let filled = text.replace(GRID_PLACEHOLDER, &grid).replace("carrier_uids = []", "carrier_uids = [110]");
    IntroducerConfig::parse(&filled, file).unwrap()
}

#[test]
fn units_and_configuration_name_the_same_places() {
    let config = configuration();
    assert_eq!(config.socket, Path::new(&value(SOCKET, "ListenStream")));
    assert_eq!(format!("{:04o}", config.socket_mode), value(SOCKET, "SocketMode"));
    let state = |unit: &str| Path::new("/var/lib").join(value(unit, "StateDirectory"));
    assert_eq!((config.state, config.tor.state), (state(INTRODUCER), state(CARRIER)));
    let users = fs::read_to_string("packaging/sysusers.conf").unwrap();
    for unit in [INTRODUCER, CARRIER] {
        assert!(value(unit, "ExecStart").ends_with(" --config /etc/anteroom/introducer.toml"));
        assert!(users.lines().any(|line| line.starts_with(&format!("u {} ", value(unit, "User")))), "{unit}");
    }
    assert_eq!(value(SOCKET, "SocketGroup"), value(CARRIER, "Group"), "the carrier may connect");
    let root = value(INTRODUCER, "RootDirectory");
    assert!(fs::read_to_string("packaging/tmpfiles.conf").unwrap().contains(&format!("d {root} ")));
}

#[test]
fn the_introducer_may_use_what_its_limits_come_to_and_no_more() {
    let config = configuration();
    let mib = config.memory_bytes_max().div_ceil(1 << 20);
    assert_eq!(value(INTRODUCER, "MemoryMax"), format!("{mib}M"));
    let files: u32 = value(INTRODUCER, "LimitNOFILE").parse().unwrap();
    assert_eq!(files, config.limits.streams_max + 64);
}

/// The formula in the unit, for who changes a limit.
#[test]
fn the_formula_beside_the_number_is_the_one_of_the_program() {
    let text = fs::read_to_string(unit(INTRODUCER)).unwrap();
    let formula = "128 MiB + 1.5 × (2.5 KiB × records_max + 5 KiB × evidence_max + 20 KiB × streams_max)";
    assert!(text.contains(formula), "another formula");
    let mut config = configuration();
    (config.policy.records_max, config.policy.evidence_max, config.limits.streams_max) = (7_000, 300, 20);
    let kib = (128 << 10) as f64 + 1.5 * (2.5 * 7_000.0 + 5.0 * 300.0 + 20.0 * 20.0);
    assert_eq!(config.memory_bytes_max(), (kib * 1024.0) as u64);
}

/// `[package.metadata.deb.variants]`.
fn variants() -> toml::Table {
    let manifest: toml::Table = include_str!("../Cargo.toml").parse().unwrap();
    manifest["package"]["metadata"]["deb"]["variants"].as_table().unwrap().clone()
}

fn strings(list: &toml::Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn a_package_is_for_one_role() {
    let script = fs::read_to_string("packaging/deb").unwrap();
    for (name, other) in [("server", "client"), ("client", "server")] {
        let variant = &variants()[name];
        let features = strings(&variant["features"]);
        assert!(features.contains(&name) && variant["default-features"].as_bool() == Some(false));
        for never in [other, "rehearse", "grid-admin", "audit-host", "pow-lgpl"] {
            assert!(!features.contains(&never), "the package {name} has {never}");
        }
        assert!(
            script.contains(&format!("{name}) features={} ;;", features.join(","))),
            "packaging/deb differs: {name}"
        );
    }
    assert_eq!(variants().len(), 2);
}

#[test]
fn every_file_of_a_package_exists_and_every_unit_is_in_one() {
    let mut packed = BTreeSet::new();
    for (name, variant) in &variants() {
        for asset in variant["assets"].as_array().unwrap() {
            let file = strings(asset)[0];
            if file.starts_with("target/release/") {
                continue;
            }
            let (folder, pattern) = file.rsplit_once('/').unwrap_or((".", file));
            let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
            let fits = |found: &str| found.starts_with(start) && found.ends_with(end);
            let found = fs::read_dir(folder)
                .unwrap()
                .filter(|found| fits(found.as_ref().unwrap().file_name().to_str().unwrap()));
            assert!(found.count() > 0, "{name}: no {file}");
            packed.insert(file.to_owned());
        }
        if let Some(scripts) = variant.get("maintainer-scripts") {
            for script in fs::read_dir(scripts.as_str().unwrap()).unwrap() {
                let script = fs::read_to_string(script.unwrap().path()).unwrap();
                for network in ["curl", "wget", "apt", "http", "git "] {
                    assert!(!script.contains(network), "{name}: a maintainer script names {network}");
                }
            }
        }
    }
    for file in fs::read_dir("packaging/systemd").unwrap() {
        let file = file.unwrap().path().display().to_string();
        assert!(packed.contains(&file), "{file} is in no package");
    }
}
