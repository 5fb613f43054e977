//! The steps of a rehearsal, and what is told of them.

use std::path::Path;

use crate::ambient;

/// A part of the rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The private Tor network.
    Network,
    /// The introducer, until its onion service is published.
    Introducer,
    /// A node that reaches it.
    Node,
    /// A reader that watches.
    Watch,
    /// The node's record is accepted, and the reader hears of it.
    Publish,
    /// The reader finds it.
    Find,
    /// The node takes it back, and an old record is refused.
    Withdraw,
}

impl Step {
    /// A word for scripts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Introducer => "introducer",
            Self::Node => "node",
            Self::Watch => "watch",
            Self::Publish => "publish",
            Self::Find => "find",
            Self::Withdraw => "withdraw",
        }
    }

    /// A line for a person.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Network => {
                "A private Tor network: an authority and five relays on this machine's loopback; nothing leaves it"
            }
            Self::Introducer => "The introducer, with a copy of the configuration, behind an onion service",
            Self::Node => "A node elsewhere, with a tor of its own; its addresses are typed by hand",
            Self::Watch => "A reader elsewhere, with a third tor, follows the grid",
            Self::Publish => "The node publishes its record",
            Self::Find => "The reader finds the node",
            Self::Withdraw => "The node withdraws, and its old record stays refused",
        }
    }
}

/// What happens, as it happens.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A step begins.
    Begins(Step),
    /// A command, as a person would type it in the directory of the rehearsal.
    Command(&'a str),
    /// What came of it.
    Note(&'a str),
    /// A step is done.
    Done {
        /// Which.
        step: Step,
        /// How long it took.
        millis: u64,
    },
    /// All is done, and what was started is stopped.
    Over {
        /// How long it took.
        millis: u64,
        /// What is kept, if it was asked for.
        kept: Option<&'a Path>,
    },
}

/// Tells each step with its time.
pub(super) struct Teller<'a> {
    tell: &'a mut dyn FnMut(Event<'_>),
    step: Option<(Step, u64)>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(tell: &'a mut dyn FnMut(Event<'_>)) -> Self {
        Self { tell, step: None }
    }

    pub(super) fn begin(&mut self, step: Step) {
        self.end();
        self.step = Some((step, ambient::steady_millis()));
        (self.tell)(Event::Begins(step));
    }

    pub(super) fn end(&mut self) {
        if let Some((step, begun)) = self.step.take() {
            (self.tell)(Event::Done { step, millis: ambient::steady_millis().saturating_sub(begun) });
        }
    }

    pub(super) fn command(&mut self, line: &str) {
        (self.tell)(Event::Command(line));
    }

    pub(super) fn note(&mut self, text: &str) {
        (self.tell)(Event::Note(text));
    }
}
