//! The words of a configuration: what a process is for, and how much is asked of the kernel.

use std::{fmt, str::FromStr};

/// What a process is for, and so what it may ask of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// An introducer: takes streams of an AF_UNIX socket that was made before, and makes no other.
    UnixAccept,
    /// A client: connects to AF_UNIX sockets.
    UnixConnect,
    /// A carrier: connects by TCP, takes streams of an AF_UNIX socket that was made before, connects to AF_UNIX sockets. No
    /// UDP, no resolver, no listener, no way to ask for its own address.
    EgressTcp,
    /// Starts carriers and introducers, which lock themselves further. Filters are inherited: it may ask for what any of them
    /// needs, and reads no byte from outside.
    Supervisor,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::UnixAccept, Self::UnixConnect, Self::EgressTcp, Self::Supervisor];

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnixAccept => "unix-accept",
            Self::UnixConnect => "unix-connect",
            Self::EgressTcp => "egress-tcp",
            Self::Supervisor => "supervisor",
        }
    }
}

/// How much is asked of the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Every layer. Namespaces, Landlock and the executable memory are what this kernel offers of them; the rest is required.
    #[default]
    Strict,
    /// As `Strict`, and a call that is not in the list ends the process (SIGSYS), which the kernel logs with the number of
    /// the call. To find out what a machine or a new library needs.
    Kill,
    /// Without namespaces and Landlock. For machines where files lie in places that can't be named beforehand.
    Seccomp,
    /// Nothing.
    Off,
}

impl Level {
    /// The words of a configuration.
    pub const NAMES: [&'static str; 4] = ["strict", "kill", "seccomp", "off"];

    pub(super) const fn all_layers(self) -> bool {
        matches!(self, Self::Strict | Self::Kill)
    }
}

/// A word that is none of those known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", .0.join(", "))]
pub struct UnknownWord(&'static [&'static str]);

impl FromStr for Level {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "strict" => Ok(Self::Strict),
            "kill" => Ok(Self::Kill),
            "seccomp" => Ok(Self::Seccomp),
            "off" => Ok(Self::Off),
            _ => Err(UnknownWord(&Self::NAMES)),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "strict",
            Self::Kill => "kill",
            Self::Seccomp => "seccomp",
            Self::Off => "off",
        })
    }
}

impl FromStr for Profile {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        const NAMES: [&str; 4] = ["unix-accept", "unix-connect", "egress-tcp", "supervisor"];
        Self::ALL.into_iter().find(|profile| profile.name() == word).ok_or(UnknownWord(&NAMES))
    }
}
