//! A carrier's way to being reachable, for people: a bar on a terminal, lines elsewhere. All of it on standard error.

use std::{fmt, io::IsTerminal as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output;
use crate::carrier::Report;

/// Without a terminal, so many points between two lines of the same words: a log is no place for a bar.
const POINTS_A_LINE: u8 = 25;
const BAR: &str = "Tor {bar:30} {pos:>3} %  {wide_msg}";

/// Shows reports.
pub(super) struct Progress {
    terminal: bool,
    bar: Option<ProgressBar>,
    /// The last line of a bootstrap, and of what is in the way: neither is said twice in a row.
    bootstrap: (u8, String),
    trouble: String,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            bar: None,
            bootstrap: (0, String::new()),
            trouble: String::new(),
        }
    }

    pub(super) fn show(&mut self, report: &Report) {
        match report {
            Report::Bootstrap { percent, doing } => self.bootstrap((*percent).min(100), plain(doing)),
            Report::Blocked { why, hint } => self.trouble(format!("Tor does not get through: {}", plain(why)), hint),
            Report::Online => {
                self.finish();
                self.say("Tor is up.");
            }
            Report::Onion { address } => self.say(format_args!("The address: {}", plain(address))),
            Report::Published => self.say("The Tor network knows the address; a first stream is on its way."),
            Report::Reachable { seconds } => {
                self.trouble.clear();
                self.say(format_args!("Reachable through Tor, {seconds} s after the start."));
            }
            Report::NotReachable { why, hint } => self.trouble(format!("Not reachable yet: {}", plain(why)), hint),
        }
    }

    /// A line that does not run into the bar.
    pub(super) fn say(&self, line: impl fmt::Display) {
        self.aside(|| output::say(line));
    }

    /// Anything that writes to the terminal.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away; a bootstrap after that starts another.
    pub(super) fn finish(&mut self) {
        self.bootstrap = (0, String::new());
        self.trouble.clear();
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn bootstrap(&mut self, percent: u8, doing: String) {
        if self.terminal {
            let bar = self.bar.get_or_insert_with(bar);
            bar.set_position(percent.into());
            bar.set_message(doing);
        } else if doing != self.bootstrap.1 || percent >= self.bootstrap.0.saturating_add(POINTS_A_LINE) {
            self.say(format_args!("Tor {percent} %: {doing}"));
            self.bootstrap = (percent, doing);
        }
    }

    fn trouble(&mut self, what: String, hint: &str) {
        if what != self.trouble {
            self.say(format_args!("{what}\n  → {}", plain(hint)));
            self.trouble = what;
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
    // The template is a constant, and without it the bar looks plainer.
    match ProgressStyle::with_template(BAR) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The carrier reads what strangers send: what it says gets to the terminal as text, not as commands.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_carrier_says_can_not_steer_a_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\r\nc"), "a [2Jb  c");
    }

    #[test]
    fn the_template_of_the_bar_is_one() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }
}
