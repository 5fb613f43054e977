//! What can be found: each rule with its name, its weight, the reason and the remedy. Tables are closed: a rule exists only
//! where [`rules!`] made it, and a test asks each for a fixture.

use std::fmt;

/// How much a finding matters. Ordered from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Right for some installations; whoever runs this one should know it.
    Note,
    /// A defence is missing that another one may still make up for.
    Weak,
    /// Who or where somebody is can get out, or the promise that it can't is void.
    Leak,
}

impl Severity {
    /// The word in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Weak => "weak",
            Self::Leak => "leak",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One thing that can be wrong.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    pub(super) id: &'static str,
    pub(super) severity: Severity,
    pub(super) why: &'static str,
    pub(super) hint: &'static str,
}

impl Rule {
    /// Its name, for scripts: it does not change.
    pub const fn id(&self) -> &'static str {
        self.id
    }

    /// How much it matters.
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Why it matters.
    pub const fn why(&self) -> &'static str {
        self.why
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        self.hint
    }
}

/// Rules as constants, and `RULES` with all of them, from one list.
macro_rules! rules {
    ($($name:ident = $id:literal, $severity:ident: $why:literal => $hint:literal;)*) => {
        $(pub(super) const $name: $crate::audit::Rule = $crate::audit::Rule {
            id: $id,
            severity: $crate::audit::Severity::$severity,
            why: $why,
            hint: $hint,
        };)*
        pub(in crate::audit) const RULES: &[&$crate::audit::Rule] = &[$(&$name),*];
    };
}
pub(super) use rules;
