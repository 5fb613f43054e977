//! The panel for people: a table that fits a terminal, with marks on what needs a look.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::panel::{Member, Panel, Standing, admission};
use crate::{
    cli::{labels::Labels, output},
    record::{NodeId, Timestamp},
};

/// Columns of the first line, with two spaces between them: 100 in all, behind a mark of two.
const NAME_COLUMNS: usize = 28;
const NODE_COLUMNS: usize = 18;
const ISSUER_COLUMNS: usize = 16;
const HOURS_COLUMNS: usize = 7;
const SERVICES_COLUMNS: usize = 12;
/// A grant that ends sooner is marked: two weeks are time to make and carry another one.
const GRANT_SOON_HOURS: u32 = 14 * 24;
/// Up to here hours are told beside days.
const DAYS_WITH_HOURS_MAX: u32 = 9;

/// Everything, several lines.
pub(super) fn text(panel: &Panel, labels: &Labels, now: Timestamp, ids: bool) -> String {
    let mut text = head(panel, now);
    let mut members: Vec<&Member> = panel.members().collect();
    members.sort_by_cached_key(|member| {
        let label = labels.label(member.record.claims());
        // Whoever has a petname comes first; what is merely claimed must not order anything.
        (label.petname().is_none(), label.petname().map(str::to_lowercase), member.record.claims().node)
    });
    match members.is_empty() {
        true => text.push_str("\nNobody is listed.\n"),
        false => {
            text.push('\n');
            line(&mut text, ' ', ["NAME", "NODE", "LET IN BY", "GRANT", "OFFERS", "RECORD"]);
            for member in members {
                row(&mut text, panel, labels, member, now, ids);
            }
        }
    }
    if !panel.complete {
        text.push_str("There are more: `anteroom list` shows them all.\n");
    }
    out(&mut text, panel, labels, now, ids);
    text
}

fn head(panel: &Panel, now: Timestamp) -> String {
    let mut text = format!("{}\n", panel.grid);
    for heard in &panel.heard {
        let Some(answer) = &heard.answer else {
            let _ = writeln!(text, "! {}: no answer", heard.introducer);
            continue;
        };
        let older = answer.list_seq < panel.list().map(|list| list.seq);
        let mark = if older { '!' } else { ' ' };
        let kind = admission(answer.admission);
        let _ = writeln!(text, "{mark} {}: {kind}, {} listed", heard.introducer, answer.records);
        match answer.list_seq.filter(|_| older) {
            Some(seq) => {
                let _ = writeln!(text, "  ! it has list {seq} of revoked keys, which is an old one");
            }
            None if older => text.push_str("  ! it has no list of revoked keys\n"),
            None => {}
        }
    }
    let _ = match panel.list() {
        None => writeln!(text, "  no list of revoked keys"),
        Some(list) if now < list.next_update() => {
            writeln!(
                text,
                "  list {} of revoked keys; the next one is due within {}",
                list.seq,
                left(now, list.next_update())
            )
        }
        Some(list) => writeln!(
            text,
            "! list {} of revoked keys is stale: the next one is overdue by {} h",
            list.seq,
            now.hours_since(list.next_update())
        ),
    };
    text
}

fn row(text: &mut String, panel: &Panel, labels: &Labels, member: &Member, now: Timestamp, ids: bool) {
    let claims = member.record.claims();
    let label = labels.label(claims);
    let notes = notes(panel, member, now).into_iter().chain(labels.warnings(&label)).collect::<Vec<_>>();
    let claimed = label.nickname().map(|nickname| format!("claims {nickname:?}"));
    let name = match (label.petname(), claimed) {
        (Some(petname), Some(claimed)) => format!("{petname} ({claimed})"),
        (Some(petname), None) => petname.to_owned(),
        (None, Some(claimed)) => format!("({claimed})"),
        (None, None) => "-".into(),
    };
    let issuers = member.issuers().map_or_else(|| "-".into(), |issuers| issued_by(labels, issuers));
    let services: Vec<_> = claims.services.iter().map(|service| service.name.as_str()).collect();
    let services = if claims.is_withdrawal() { "(withdrawn)".into() } else { services.join(", ") };
    let grant = member.granted_until().map_or_else(|| "-".into(), |until| left(now, until));
    let record = left(now, claims.expires());
    let mark = if notes.is_empty() { ' ' } else { '!' };
    line(text, mark, [&name, &output::short(&claims.node), &issuers, &grant, &services, &record]);
    if ids {
        let _ = writeln!(text, "    {}", claims.node);
    }
    for note in notes {
        let _ = writeln!(text, "  ! {note}");
    }
}

/// What needs a look, a sentence each.
fn notes(panel: &Panel, member: &Member, now: Timestamp) -> Vec<String> {
    let mut notes = Vec::new();
    match member.standing(panel.list(), now) {
        Standing::Revoked => {
            notes.push("revoked, and shown all the same: the introducer does not heed the list".into())
        }
        Standing::Expired => notes.push("its grant has ended".into()),
        Standing::Bad => notes.push("its grants do not allow what its record says".into()),
        Standing::Holds if member.granted_until().is_some_and(|until| until.hours_since(now) < GRANT_SOON_HOURS) => {
            notes.push("its grant ends soon: it needs another one".into());
        }
        Standing::Holds | Standing::None => {}
    }
    if member.listed_by.len() < panel.answered() {
        notes.push(format!("listed by {} of {} introducers that answered", member.listed_by.len(), panel.answered()));
    }
    notes
}

/// `grid > Dora > Alice`: whoever let the node in is last.
fn issued_by(labels: &Labels, issuers: &[NodeId]) -> String {
    let keys = issuers.iter().map(|key| labels.who(key));
    std::iter::once("grid".to_owned()).chain(keys).collect::<Vec<_>>().join(" > ")
}

/// Who was revoked.
fn out(text: &mut String, panel: &Panel, labels: &Labels, now: Timestamp, ids: bool) {
    let Some(list) = panel.list().filter(|list| !list.revoked.is_empty()) else { return };
    text.push('\n');
    line(text, ' ', ["OUT", "NODE", "ENTRY STANDS", "", "", ""]);
    let mut entries: Vec<_> = list.revoked.iter().map(|entry| (labels.petname(&entry.key), entry)).collect();
    entries.sort_by_key(|(petname, entry)| (petname.is_none(), petname.map(str::to_lowercase), entry.key));
    for (petname, entry) in entries {
        line(text, 'x', [petname.unwrap_or("-"), &output::short(&entry.key), &left(now, entry.until), "", "", ""]);
        if ids {
            let _ = writeln!(text, "    {}", entry.key);
        }
    }
}

/// `31 h`, `3 d 4 h`, `120 d`.
pub(super) fn left(now: Timestamp, until: Timestamp) -> String {
    let hours = until.hours_since(now);
    match hours / 24 {
        _ if hours == 0 => "ended".into(),
        0 => format!("{hours} h"),
        days if days <= DAYS_WITH_HOURS_MAX => format!("{days} d {} h", hours % 24),
        days => format!("{days} d"),
    }
}

fn line(text: &mut String, mark: char, cells: [&str; 6]) {
    let columns = [NAME_COLUMNS, NODE_COLUMNS, ISSUER_COLUMNS, HOURS_COLUMNS, SERVICES_COLUMNS, HOURS_COLUMNS];
    let mut new = format!("{mark} ");
    for (cell, columns) in cells.into_iter().zip(columns) {
        new.push_str(&fitted(cell, columns));
        new.push_str("  ");
    }
    text.push_str(new.trim_end());
    text.push('\n');
}

/// Exactly so many columns wide: cut with a mark, or filled with spaces.
pub(super) fn fitted(cell: &str, columns: usize) -> String {
    let mut text = String::new();
    if cell.width() <= columns {
        text.push_str(cell);
    } else {
        let mut used = 1;
        for c in cell.chars() {
            used += c.width().unwrap_or(0);
            if used > columns {
                break;
            }
            text.push(c);
        }
        text.push('…');
    }
    text.extend(std::iter::repeat_n(' ', columns.saturating_sub(text.width())));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_as_wide_as_their_column_in_every_script() {
        for (cell, expected) in [
            ("abc", "abc   "),
            ("abcdef", "abcdef"),
            ("abcdefg", "abcde…"),
            ("日本", "日本  "),
            ("日本語だ", "日本… "),
            ("e\u{301}a", "e\u{301}a    "),
            ("", "      "),
        ] {
            assert_eq!(fitted(cell, 6), expected);
            assert_eq!(fitted(cell, 6).width(), 6, "{cell}");
        }
    }

    #[test]
    fn a_line_fits_a_hundred_columns() {
        let long = "x".repeat(200);
        let mut text = String::new();
        line(&mut text, '!', [&long; 6]);
        assert_eq!(text.trim_end().width(), 100);
    }

    #[test]
    fn hours_left_are_told_in_days_when_there_are_many() {
        let now = Timestamp::from_hours(1000);
        for (hours, expected) in
            [(0, "ended"), (1, "1 h"), (23, "23 h"), (24, "1 d 0 h"), (76, "3 d 4 h"), (239, "9 d 23 h"), (240, "10 d")]
        {
            assert_eq!(left(now, now.plus_hours(hours)), expected);
        }
        assert_eq!(left(now, now.minus_hours(5)), "ended");
        assert_eq!(left(now, Timestamp::from_hours(u32::MAX)).len(), 11);
    }
}
