//! What an audit found, for people and for programs.

use std::{cmp::Reverse, collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use super::{failure::Failure, output};
use crate::audit::{self, Gap, Place, Position, Report, Rule};

/// The fields of [`document`], for `--help`: scripts hold on to them.
pub(super) const JSON_HELP: &str = "JSON: findings, a list of {rule, severity, file, line, offset, found, why, hint}; unread \
    and unseen, lists of {file, line, offset, why, hint}; addresses, a list of {address, service, file, line, offset}. line \
    and offset are null where there is none. Fields may be added, none will change.";

/// Every rule, the heaviest first.
///
/// # Errors
/// See [`output::data`].
pub(super) fn list_rules(json: bool) -> Result<(), Failure> {
    let mut rules = audit::rules();
    rules.sort_by_key(|rule| (Reverse(rule.severity()), rule.id()));
    if json {
        let rules: Vec<_> = rules.into_iter().map(rule_json).collect();
        return output::data(json!({ "rules": rules }));
    }
    for rule in rules {
        output::data(format_args!(
            "{:4}  {}\n      {}\n      → {}",
            rule.severity(),
            rule.id(),
            rule.why(),
            rule.hint()
        ))?;
    }
    Ok(())
}

fn rule_json(rule: &Rule) -> Value {
    json!({ "rule": rule.id(), "severity": rule.severity().name(), "why": rule.why(), "hint": rule.hint() })
}

/// The findings, one paragraph a rule.
pub(super) fn table(report: &Report) -> String {
    let mut by_rule: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for finding in &report.findings {
        by_rule.entry((Reverse(finding.rule.severity()), finding.rule.id())).or_default().push(finding);
    }
    let mut text = String::new();
    for ((Reverse(severity), id), findings) in by_rule {
        let Some(rule) = findings.first().map(|finding| finding.rule) else { continue };
        let _ = writeln!(text, "{severity:4}  {id}: {}", rule.why());
        for finding in findings {
            let _ = writeln!(text, "{}", format!("      {}  {}", finding.place, finding.found).trim_end());
        }
        let _ = writeln!(text, "      → {}", rule.hint());
    }
    text
}

/// The addresses, one a line.
pub(super) fn address_table(report: &Report) -> String {
    let mut text = String::new();
    for published in &report.published {
        let _ = writeln!(
            text,
            "published  {}  for `{}`, typed in {}",
            published.address, published.service, published.place
        );
    }
    text
}

/// All of it, for programs.
pub(super) fn document(report: &Report) -> Value {
    let findings: Vec<_> = report
        .findings
        .iter()
        .map(|finding| {
            let mut value = rule_json(finding.rule);
            place_into(&mut value, &finding.place);
            set(&mut value, "found", json!(finding.found));
            value
        })
        .collect();
    let addresses: Vec<_> = report
        .published
        .iter()
        .map(|published| {
            let mut value = json!({ "address": published.address.to_string(), "service": published.service });
            place_into(&mut value, &published.place);
            value
        })
        .collect();
    json!({
        "findings": findings,
        "unread": report.unread.iter().map(gap_json).collect::<Vec<_>>(),
        "unseen": report.unseen.iter().map(gap_json).collect::<Vec<_>>(),
        "addresses": addresses,
    })
}

fn gap_json(gap: &Gap) -> Value {
    let mut value = json!({ "why": gap.why, "hint": gap.hint });
    place_into(&mut value, &gap.place);
    value
}

fn place_into(value: &mut Value, place: &Place) {
    set(value, "file", json!(place.file.to_string_lossy()));
    let (line, offset) = match place.position {
        Some(Position::Line(line)) => (Some(line), None),
        Some(Position::Offset(offset)) => (None, Some(offset)),
        None => (None, None),
    };
    set(value, "line", json!(line));
    set(value, "offset", json!(offset));
}

fn set(value: &mut Value, key: &str, content: Value) {
    if let Some(object) = value.as_object_mut() {
        object.insert(key.to_owned(), content);
    }
}

/// What was not judged, for people.
pub(super) fn gaps(report: &Report) {
    for gap in &report.unread {
        output::say(format_args!("not judged: {}: {}\n  → {}", gap.place, gap.why, gap.hint));
    }
    for gap in &report.unseen {
        output::say(format_args!("not seen from here: {}: {}", gap.place, gap.why));
    }
    if let Some(gap) = report.unseen.first() {
        output::say(format_args!("  → {}", gap.hint));
    }
}
