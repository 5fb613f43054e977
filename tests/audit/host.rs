//! A made machine, and its traces in every form.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anteroom::audit::{Report, scan_host};

use crate::fixtures::found;

/// 10.211.55.77, fd5a:ca4a:9:8:7:6:5:4d, 02:ca:4a:12:34:56, and names of its own.
fn machine(root: &Path) {
    let write = |name: &str, text: &str| {
        let file = root.join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
    };
    let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.211.55.0\n        /24 link UNICAST\n     |-- 10.211.55.77\n        \
                /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
    write("proc/net/fib_trie", trie);
    write("proc/net/if_inet6", "fd5aca4a00090008000700060005004d 02 40 00 80     eth0\n");
    write("sys/class/net/eth0/address", "02:ca:4a:12:34:56\n");
    write("sys/class/net/lo/address", "00:00:00:00:00:00\n");
    write("proc/sys/kernel/hostname", "canary-zx81.example.org\n");
    write("etc/machine-id", "00112233445566778899aabbccddeeff\n");
    write(
        "etc/passwd",
        "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\ncanaryuser:x:1000:1000::/:/bin/sh\n",
    );
}

fn scanned(root: &Path, name: &str, bytes: &[u8]) -> Report {
    let file = root.join("state").join(name);
    fs::create_dir_all(root.join("state")).expect("a folder");
    fs::write(&file, bytes).expect("a file");
    let report = scan_host(root, &[root.join("state")]);
    fs::remove_file(file).expect("it can be removed");
    report
}

pub(crate) fn fixture(rule: &str, directory: &Path) -> Option<Report> {
    (rule == "host-trace").then(|| {
        machine(directory);
        scanned(directory, "log", b"a client came, address redacted\nlistening on 10.211.55.77\n")
    })
}

#[test]
fn every_form_is_found_and_none_is_repeated() {
    let root = tempfile::tempdir().expect("a directory");
    machine(root.path());
    let forms: [&[u8]; 30] = [
        b"x 10.211.55.77:80",
        b"77.55.211.10.in-addr.arpa",
        b"ip-10-211-55-77",
        b"010.211.055.077",
        b"{181614413}",
        b"{1295504138}",
        b"\x0a\xd3\x37\x4d",
        b"\x4d\x37\xd3\x0a",
        b"0ad3374d",
        b"0A:D3:37:4D",
        b"[10, 211, 55, 77]",
        b"::ffff:ad3:374d",
        // Base64 of the four bytes alone, behind one byte and behind two.
        b"CtM3TQ==",
        b"AArTN00=",
        b"AAAK0zdN",
        b"fd5a:ca4a:9:8:7:6:5:4d",
        b"FD5A:CA4A:0009:0008:0007:0006:0005:004D",
        b"\xfd\x5a\xca\x4a\x00\x09\x00\x08\x00\x07\x00\x06\x00\x05\x00\x4d",
        b"02:ca:4a:12:34:56",
        b"02CA4A123456",
        b"fe80::ca:4aff:fe12:3456",
        b"node CANARY-ZX81",
        b"c\0a\0n\0a\0r\0y\0-\0z\0x\08\x001\0",
        b"18xz-yranac",
        b"63616e6172792d7a783831",
        // Base32 of the host name's first part.
        b"mnqw4ylspewxu6byge",
        b"/home/canaryuser/",
        b"00112233-4455-6677-8899-aabbccddeeff",
        b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff",
        // SHA-256 of the user's name.
        b"c949247a93f639dc898dc7dea66c2508d0bb28e26e87b85f38016bc1f6e22161",
    ];
    for form in forms {
        let text = String::from_utf8_lossy(form);
        let report = scanned(root.path(), "log", &[b"some text before it ", form, b" and behind"].concat());
        assert!(!report.findings.is_empty(), "not found: {text}");
        let shown = format!("{report:?}").to_lowercase();
        for secret in ["10.211", "canary", "ca:4a", "ca4a", "00112233"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let places = report.findings.iter().map(|finding| finding.place.to_string());
        assert!(places.clone().all(|place| place.contains("log at byte ")), "{:?}", places.collect::<Vec<_>>());
    }
}

#[test]
fn what_is_clean_yields_nothing() {
    let root = tempfile::tempdir().expect("a directory");
    machine(root.path());
    let text = "127.0.0.1 root nobody example localhost 10.211.55.0/24 192.0.2.1 00:00:00:00:00:00\n".repeat(1000);
    let report = scanned(root.path(), "log", text.as_bytes());
    assert_eq!((found(&report), &report.unread), (Vec::new(), &Vec::new()), "{report:#?}");
}

#[test]
fn names_of_files_count_and_what_is_packed_is_told() {
    let root = tempfile::tempdir().expect("a directory");
    machine(root.path());
    let report = scanned(root.path(), "core.canary-zx81", b"");
    assert!(!report.findings.is_empty() && !format!("{report:?}").contains("zx81"), "{report:#?}");
    let report = scanned(root.path(), "log.1.gz", b"\x1f\x8b\x08\0");
    assert_eq!((report.findings.len(), report.unread.len()), (0, 1));
    let report = scan_host(root.path(), &[PathBuf::from("/nonexistent")]);
    assert_eq!(report.unread.len(), 1);
}

#[test]
fn a_machine_that_shows_nothing_is_no_clean_bill() {
    let root = tempfile::tempdir().expect("a directory");
    assert_eq!(scan_host(root.path(), &[]).unread.len(), 1);
}

#[test]
fn the_command_looks_for_the_machine_it_runs_on() {
    let place = crate::program::Place::new();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a kernel has it");
    place.write("log", &format!("started in {}\n", boot.trim()));
    let ended = place.run(&["audit", "--scan", "log", "--json"]);
    assert_eq!(ended.code, 9, "{ended:?}");
    let finding = &ended.json()["findings"][0];
    assert_eq!((&finding["rule"], &finding["file"]), (&"host-trace".into(), &"log".into()));
    assert_eq!(finding["offset"], 11);
    assert!(!ended.out.contains(boot.trim()) && !ended.said.contains(boot.trim()), "{ended:?}");
}
