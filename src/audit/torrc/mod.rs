//! Is this torrc safe to carry an introducer or a client?

pub(super) mod address;
mod include;
mod judge;
mod lex;
mod listener;
mod options;
pub(super) mod rules;
mod service;

use std::path::Path;

use include::Located;
use lex::Action;

use super::finding::Report;

/// Judges `file`, with the lines that `defaults` adds to it (`--defaults-torrc` of tor).
pub(super) fn examine(file: &Path, defaults: Option<&Path>, report: &mut Report) {
    let defaults = defaults.map(|defaults| include::read(defaults, report)).unwrap_or_default();
    let unread = report.unread.len();
    let own = include::read(file, report);
    // Half a torrc would be called safe for what its other half says.
    if report.unread.len() == unread {
        judge::judge(&Torrc { lines: merge(defaults, own) }, file, report);
    }
}

/// The settings that are in force, in their order.
pub(super) struct Torrc {
    lines: Vec<Located>,
}

impl Torrc {
    /// Of an option that can be set several times every line counts, but tor skips those without a value.
    fn all<'a>(&'a self, option: &'a str) -> impl Iterator<Item = &'a Located> {
        self.lines.iter().filter(move |located| located.line.is(option) && !located.line.value.is_empty())
    }

    /// Of an option that can be set once the last line counts; without a value it stands for tor's default.
    fn last<'a>(&'a self, option: &'a str) -> Option<&'a Located> {
        self.lines.iter().rfind(|located| located.line.is(option))
    }

    /// The line that sets `option` to `value`.
    fn set<'a>(&'a self, option: &'a str, value: &str) -> Option<&'a Located> {
        self.last(option).filter(|located| located.line.value == value)
    }
}

/// Lines of the defaults file hold for options that the file itself does not set.
fn merge(defaults: Vec<Located>, own: Vec<Located>) -> Vec<Located> {
    let mut lines = defaults;
    let from_defaults = lines.len();
    let mut kept = vec![true; from_defaults];
    for located in own {
        let option = located.line.option();
        if located.line.action != Action::Append {
            for (keep, default) in kept.iter_mut().zip(&lines) {
                *keep &= !same_list(&default.line.option(), &option);
            }
        }
        match located.line.action {
            Action::Clear => {
                let mut index = 0;
                lines.retain(|line| {
                    index += 1;
                    index <= from_defaults || !same_list(&line.line.option(), &option)
                });
            }
            Action::Set | Action::Append => lines.push(located),
        }
    }
    let keeps = kept.into_iter().chain(std::iter::repeat(true));
    lines.into_iter().zip(keeps).filter_map(|(line, keep)| keep.then_some(line)).collect()
}

/// tor keeps what belongs to services in one list: a line of it replaces all of the defaults.
fn same_list(a: &str, b: &str) -> bool {
    a == b || (service::is_of_service(a) && service::is_of_service(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(defaults: &str, own: &str) -> Vec<String> {
        let located = |text: &str| -> Vec<_> {
            let lines = lex::lines(text).unwrap();
            lines.into_iter().map(|line| Located { line, file: "torrc".into() }).collect()
        };
        merge(located(defaults), located(own)).iter().map(Located::written).collect()
    }

    #[test]
    fn the_file_has_the_last_word_over_the_defaults() {
        let defaults = "SocksPort 1\nSocksPort 2\nLog notice syslog";
        assert_eq!(merged(defaults, "socksport 0"), ["Log notice syslog", "socksport 0"]);
        assert_eq!(merged(defaults, "+SocksPort 3").len(), 4);
        assert_eq!(merged(defaults, "/SocksPort"), ["Log notice syslog"]);
        assert_eq!(merged(defaults, "SocksPort 3\nSocksPort 4\n/SocksPort").len(), 1);
        assert_eq!(merged("HiddenServiceDir a\nHiddenServicePort 1", "HiddenServiceDir b"), ["HiddenServiceDir b"]);
        assert_eq!(merged("HiddenServiceSingleHopMode 1", "HiddenServiceDir b").len(), 2);
    }
}
