//! `tests/audit/bad/RULE/` holds files that yield that finding and no other; `made` makes what no file can hold.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anteroom::audit::{Report, Sources, examine, rules};

use crate::made;

/// A small machine, the same wherever tests run.
const MEMORY_BYTES: u64 = 1 << 30;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/audit").join(name)
}

/// The files of a folder, without those of its folders.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of fixtures");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

pub(crate) fn judged(files: impl IntoIterator<Item = PathBuf>) -> Report {
    let files = files.into_iter().map(|file| (file, None)).collect();
    examine(&Sources { files, memory_bytes: Some(MEMORY_BYTES), ..Sources::default() })
}

pub(crate) fn found(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.rule.id()).collect()
}

#[test]
fn every_rule_has_a_fixture_that_yields_it_alone() {
    let mut fixtures: BTreeSet<_> = fs::read_dir(folder("bad"))
        .expect("a folder of fixtures")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    for rule in rules() {
        let directory = tempfile::tempdir().expect("a directory");
        let report = match (fixtures.remove(rule.id()), made::report(rule.id(), directory.path())) {
            (true, None) => judged(files(&folder("bad").join(rule.id()))),
            (false, Some(report)) => report,
            (true, Some(_)) => panic!("{} has two fixtures", rule.id()),
            (false, None) => panic!("{} has no fixture", rule.id()),
        };
        assert_eq!(found(&report), [rule.id()], "{:#?}", report.findings);
        assert_eq!(report.unread, [], "{}", rule.id());
    }
    assert_eq!(fixtures, BTreeSet::new(), "fixtures of rules that do not exist");
}

#[test]
fn rules_have_names_of_their_own_and_say_why_and_what_to_do() {
    let ids: BTreeSet<_> = rules().iter().map(|rule| rule.id()).collect();
    assert_eq!(ids.len(), rules().len(), "two rules have one name");
    for rule in rules() {
        assert!(
            rule.id().bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'2')),
            "{}",
            rule.id()
        );
        assert!(rule.why().len() > 20 && rule.hint().len() > 10, "{}", rule.id());
    }
}

#[test]
fn what_is_shipped_yields_nothing() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("torrc-examples");
    let mut torrcs = files(&examples);
    torrcs.retain(|path| path.extension().is_some_and(|extension| extension == "torrc"));
    assert!(torrcs.len() >= 4, "the examples were not found");
    for torrc in torrcs {
        let defaults = PathBuf::from("/usr/share/tor/tor-service-defaults-torrc");
        assert!(defaults.exists(), "Debian's tor is not installed: run tests/all");
        for torrc_defaults in [None, Some(defaults)] {
            let files = vec![(torrc.clone(), None)];
            let report = examine(&Sources { files, torrc_defaults, ..Sources::default() });
            assert_eq!((found(&report), &report.unread), (Vec::new(), &Vec::new()), "{}", torrc.display());
        }
    }
    let report = judged(files(&folder("good")));
    assert_eq!((found(&report), &report.unread), (Vec::new(), &Vec::new()));
}

#[test]
fn a_finding_names_file_and_line() {
    let places = |rule: &str| -> Vec<String> {
        let directory = folder("bad").join(rule);
        let report = judged(files(&directory));
        let place = |finding: &anteroom::audit::Finding| finding.place.to_string();
        let text: Vec<_> = report.findings.iter().map(place).collect();
        text.into_iter().map(|text| text.replace(&format!("{}/", directory.display()), "")).collect()
    };
    assert_eq!(places("torrc-relay"), ["torrc:9"]);
    assert_eq!(places("torrc-listener-public"), ["torrc:2"]);
    assert_eq!(places("torrc-circuit-id"), ["torrc:5"]);
    assert_eq!(places("unit-root"), ["anteroom.service.d/10-override.conf:3"]);
    assert_eq!(places("unit-core"), ["anteroom.service"]);
    assert_eq!(places("introducer-lookup-exact"), ["introducer.toml:6"]);
    assert_eq!(places("introducer-tor-network"), ["introducer.toml:6"]);
    assert_eq!(places("node-tor-network"), ["node.toml:4"]);
    assert_eq!(places("node-public-address"), ["node.toml:10"]);
    assert_eq!(places("i2p-listener-public"), ["i2pd.conf:4"]);
}

#[test]
fn every_address_to_be_published_is_listed_with_its_line() {
    let report = judged(files(&folder("bad").join("node-public-address")));
    let listed: Vec<_> = report
        .published
        .iter()
        .map(|published| (published.address.to_string(), published.service.as_str(), published.place.position))
        .collect();
    let line = |number| Some(anteroom::audit::Position::Line(number));
    let onion = "sgblgwu6s3qplltke246cgan4h4arjxufg7lx3zpjwt3vc3evl7byiid.onion:3457".to_owned();
    let public = "storage.grid.example.org:443".to_owned();
    assert_eq!(listed, [(onion, "storage", line(8)), (public, "storage", line(10))]);
}
