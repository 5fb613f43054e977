//! What was applied, what was not and why, and what the attack found.

use std::fmt;

use super::{Attempt, Level, Profile};

/// A way in which the kernel holds this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// What came with the process.
    Descriptors,
    /// Network, host name and IPC of its own.
    Namespaces,
    /// Landlock.
    Files,
    /// Capabilities, and the way to new privileges.
    Privileges,
    /// Core dumps, and other processes that look in.
    Dumps,
    /// Memory that becomes executable.
    Memory,
    /// seccomp.
    Calls,
}

impl Layer {
    const ALL: [Self; 7] =
        [Self::Descriptors, Self::Namespaces, Self::Files, Self::Privileges, Self::Dumps, Self::Memory, Self::Calls];
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Descriptors => "inherited descriptors",
            Self::Namespaces => "namespaces",
            Self::Files => "files (Landlock)",
            Self::Privileges => "privileges",
            Self::Dumps => "core dumps",
            Self::Memory => "executable memory",
            Self::Calls => "system calls (seccomp)",
        })
    }
}

/// How far a layer was applied.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum State {
    /// As asked.
    Applied,
    /// Not all that was asked; what is missing.
    Partly(String),
    /// Not at all; why.
    NotApplied(String),
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LayerReport {
    /// Which.
    pub layer: Layer,
    /// How far.
    #[serde(flatten)]
    pub state: State,
}

impl fmt::Display for LayerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Applied => write!(f, "{}: applied", self.layer),
            State::Partly(missing) => write!(f, "{}: applied, but {missing}", self.layer),
            State::NotApplied(why) => write!(f, "{}: not applied: {why}", self.layer),
        }
    }
}

/// What [`super::lock`] did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// What the process is for.
    pub profile: Profile,
    /// What was asked.
    pub level: Level,
    /// A line a layer.
    pub layers: Vec<LayerReport>,
    /// A line an attack; none when nothing was applied.
    pub attempts: Vec<Attempt>,
}

impl Report {
    pub(super) const fn new(profile: Profile, level: Level) -> Self {
        Self { profile, level, layers: Vec::new(), attempts: Vec::new() }
    }

    pub(super) fn add(&mut self, layer: Layer, state: State) {
        self.layers.push(LayerReport { layer, state });
    }

    pub(super) fn skip_rest(&mut self, why: &str) {
        for layer in Layer::ALL {
            self.add(layer, State::NotApplied(why.into()));
        }
    }

    /// Whether `layer` holds, so that what it should deny must be denied.
    pub fn holds(&self, layer: Layer) -> bool {
        self.layers.iter().any(|line| line.layer == layer && !matches!(line.state, State::NotApplied(_)))
    }

    /// The first attempt that a layer which was applied should have denied and did not.
    pub(super) fn leak(&self) -> Option<(&'static str, Layer)> {
        self.attempts.iter().filter(|attempt| !attempt.denied).find_map(|attempt| {
            let layer = attempt.layer?;
            self.holds(layer).then_some((attempt.name, layer))
        })
    }
}
