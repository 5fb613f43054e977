//! Which texts a person could take for one another.

use unicode_security::skeleton;

/// What two texts have in common when they look alike.
///
/// Two texts are alike when either form of both is equal: the skeleton of UTS #39, section 4, with all letters made small
/// before it, or behind it. So case, spacing, and characters of other scripts that look the same make no difference
/// ("Bob", "BOB", "B0b" and Cyrillic "Воb"), nor do `l`, `I` and `1`. What merely resembles ("Bob" and "Bobby", "Böb") is
/// not alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likeness([String; 2]);

impl Likeness {
    /// Of `text`.
    pub fn of(text: &str) -> Self {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let look = |text: &str| skeleton(text).collect::<String>();
        Self([look(&words.to_lowercase()).to_lowercase(), look(&words).to_lowercase()])
    }

    /// Could one be taken for the other?
    pub fn resembles(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(one, another)| one == another)
    }

    /// The two forms, each with its number: keys of an index in which what is alike meets.
    pub fn keys(&self) -> impl Iterator<Item = (usize, &str)> {
        self.0.iter().map(String::as_str).enumerate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_alike_and_nothing_else() {
        let alike = |one, another| Likeness::of(one).resembles(&Likeness::of(another));
        for (one, another) in [
            ("bob", "bob"),
            ("bob", "BOB"),
            ("Bob", "B0b"),
            ("Bob", "\u{412}\u{43e}b"),
            ("paypal", "paypaI"),
            ("paypal", "paypa1"),
            ("Irene", "irene"),
            ("corner", "comer"),
            ("Straße", "straße"),
            ("вов", "ВОВ"),
            ("two words", " two \u{a0} words "),
            ("e\u{301}", "\u{e9}"),
        ] {
            assert!(alike(one, another) && alike(another, one), "{one} and {another} look alike");
        }
        for (one, another) in [("Bob", "Bobby"), ("Bob", "B\u{f6}b"), ("node 1", "node 2"), ("two words", "twowords")] {
            assert!(!alike(one, another), "{one} and {another} do not");
        }
    }
}
