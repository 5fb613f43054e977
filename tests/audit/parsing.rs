//! What is hidden in a file is found, and what can't be judged is told.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use anteroom::audit::{Kind, Report, Sources, examine};

use crate::fixtures::found;

const QUIET: &str = "SocksPort 0\nControlPort 0\n";

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("its mode");
}

fn torrc(text: &str) -> Report {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("torrc");
    write(&file, text);
    examine(&Sources { files: vec![(file, Some(Kind::Torrc))], ..Sources::default() })
}

#[test]
fn an_option_is_seen_in_every_spelling_that_tor_reads() {
    for spelling in [
        "ORPort 9001",
        "orport 9001",
        "\tORPORT\t9001\r",
        "ORPort \"9001\"",
        "ORPort \"\\x39001\" # comment",
        "ORPort \\\n# a comment between\n9001",
        "+ORPort 9001",
        "__ORPort 9001",
        "ORPort auto",
        "ORPort [::]:9001",
        "ORPort 0.0.0.0:9001 NoAdvertise",
    ] {
        let report = torrc(&format!("{QUIET}{spelling}\n"));
        assert_eq!(found(&report), ["torrc-relay"], "{spelling}");
    }
    for harmless in ["ORPort 0", "#ORPort 9001", "Nickname a #\\\nORPort 9001\nORPort 0"] {
        let report = torrc(&format!("{QUIET}{harmless}\n"));
        let expected: &[&str] = if harmless.starts_with("Nick") { &["torrc-relay"] } else { &[] };
        assert_eq!(found(&report), expected, "{harmless}");
    }
}

#[test]
fn tor_reads_the_same_lines() {
    // tor prints what it understood; a file whose lines are read otherwise here would be judged wrong.
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("torrc");
    write(
        &file,
        "SocksPort \\\n# a comment between\n127.0.0.1:9050 # eaten with its line end\nContactInfo \"a \\x41\"\n",
    );
    let mut tor = Command::new("tor");
    tor.args(["--dump-config", "short", "--defaults-torrc", "/dev/null", "--DataDirectory"]).arg(directory.path());
    let output = tor.arg("-f").arg(&file).output().expect("tor is installed: run tests/all");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("SocksPort 127.0.0.1:9050 ContactInfo \"a \\x41\""), "{text}");
    let report = examine(&Sources { files: vec![(file, None)], ..Sources::default() });
    let line = report.findings.iter().find(|finding| finding.rule.id() == "torrc-socks-tcp").expect("a finding");
    assert_eq!(line.found, "SocksPort 127.0.0.1:9050 ContactInfo \"a \\x41\"");
}

#[test]
fn no_option_of_tor_is_taken_for_the_beginning_of_another() {
    let output = Command::new("tor").arg("--list-torrc-options").output().expect("tor is installed: run tests/all");
    let options = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(options.lines().count() > 300, "tor lists its options");
    for option in options.lines() {
        let report = torrc(&format!("{QUIET}/{option}\n{option} x\n"));
        assert!(!found(&report).contains(&"torrc-abbreviation"), "{option}");
    }
}

#[test]
fn what_lies_in_included_files_is_judged_in_its_own_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let folder = directory.path().join("torrc.d");
    fs::create_dir(&folder).expect("a folder");
    write(&folder.join("10-a.conf"), "ORPort 9001\n");
    write(&folder.join(".hidden"), "TestingTorNetwork 1\n");
    let file = directory.path().join("torrc");
    for pattern in ["torrc.d", "torrc.d/*.conf", "torrc.*/??-a.conf", "torrc.d/10-a.conf"] {
        write(&file, &format!("{QUIET}%include {}\n", directory.path().join(pattern).display()));
        let report = examine(&Sources { files: vec![(file.clone(), None)], ..Sources::default() });
        assert_eq!(found(&report), ["torrc-relay"], "{pattern}");
        assert!(report.findings[0].place.to_string().ends_with("10-a.conf:1"), "{}", report.findings[0].place);
    }
}

#[test]
fn nothing_is_skipped_in_silence() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    write(&path("hosts"), "127.0.0.1 localhost\n");
    write(&path("binary.torrc"), "SocksPort 0\0\n");
    write(&path("quote.torrc"), "SocksPort \"0\nORPort 9001\n");
    write(&path("missing.torrc"), "%include /nonexistent/file\nORPort 9001\n");
    write(&path("brackets.torrc"), "%include /etc/[t]orrc\n");
    write(&path("introducer.toml"), "version = 1\nhost = \"x\"\n");
    write(&path("node.toml"), "version = 1\ngrid = \"grid1x\"\n");
    write(&path("x.service"), "[Service]\nnonsense\n");
    write(&path("none.service"), "[Unit]\nDescription=x\n");
    write(&path("tunnels.conf"), "[x]\nnonsense\n");
    fs::create_dir(path("folder.torrc")).expect("a folder");
    let names = [
        "hosts",
        "binary.torrc",
        "quote.torrc",
        "missing.torrc",
        "brackets.torrc",
        "introducer.toml",
        "node.toml",
        "x.service",
        "none.service",
        "tunnels.conf",
        "folder.torrc",
        "absent.torrc",
    ];
    for name in names {
        let report = examine(&Sources { files: vec![(path(name), None)], ..Sources::default() });
        assert_eq!(report.unread.len(), 1, "{name}: {report:#?}");
        assert!(!report.unread[0].hint.is_empty() && !report.unread[0].why.is_empty(), "{name}");
        // Half of a file is not judged: what its other half says is not known.
        assert_eq!(found(&report), Vec::<&str>::new(), "{name}");
    }
    let pattern = format!("{QUIET}%include {}/*.none\n", directory.path().display());
    write(&path("torrc"), &pattern);
    let report = examine(&Sources { files: vec![(path("torrc"), None)], ..Sources::default() });
    assert_eq!((report.unread.len(), report.unseen.len()), (0, 1));
}

#[test]
fn later_lines_and_defaults_count_as_they_do_for_tor() {
    for (text, expected) in [
        ("SafeLogging 0\nSafeLogging 1", &[][..]),
        ("SafeLogging 1\nSafeLogging 0", &["torrc-safe-logging"]),
        ("SafeLogging 0\n/SafeLogging", &[]),
        ("ORPort 9001\nORPort 0", &["torrc-relay"]),
        ("UseEntryGuards 0\nUseEntryGuards 1", &[]),
        // A line without a value is skipped where there may be several, and stands for the default where not.
        ("ORPort", &[]),
        ("SafeLogging 0\nSafeLogging", &[]),
        ("+ControlPort 9051\nHashedControlPassword", &["torrc-control-open"]),
        ("+ControlPort 9051\nCookieAuthentication 1\nCookieAuthentication", &["torrc-control-open"]),
        ("+ControlPort 9051\nCookieAuthentication 1", &["torrc-control"]),
    ] {
        assert_eq!(found(&torrc(&format!("{QUIET}{text}\n"))), expected, "{text}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let (file, defaults) = (directory.path().join("torrc"), directory.path().join("defaults"));
    write(&defaults, "SocksPort 9050\nControlPort 9051\n");
    let judged = |text: &str| {
        write(&file, text);
        let torrc_defaults = Some(defaults.clone());
        found(&examine(&Sources { files: vec![(file.clone(), None)], torrc_defaults, ..Sources::default() }))
    };
    assert_eq!(judged(QUIET), Vec::<&str>::new());
    assert_eq!(judged("SocksPort 0\n"), ["torrc-control-open"]);
    assert_eq!(judged("SocksPort 0\nControlPort 0\n+ControlPort 9052\nCookieAuthentication 1\n"), ["torrc-control"]);
}

#[test]
fn a_command_that_systemd_runs_as_root_is_seen() {
    let good = include_str!("good/anteroom.service");
    for line in
        ["ExecStartPre=+/bin/true", "ExecStop=-!/bin/true", "ExecStartPost=!!/bin/true", "ExecReload=@-+/bin/x y"]
    {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("x.service");
        write(&file, &format!("{good}{line}\n"));
        let report = examine(&Sources { files: vec![(file, None)], ..Sources::default() });
        assert_eq!(found(&report), ["unit-root"], "{line}");
        assert_eq!(report.findings[0].found, line);
    }
}
