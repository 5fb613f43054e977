//! What a node is called in front of a person: first the owner's own name for it, then what it calls itself, marked as its
//! claim. Whoever claims what another one claims, or what the owner calls another one, is shown as such.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use super::{failure::Failure, output, petname::Named};
use crate::{
    petnames::{Likeness, Petnames},
    record::{ContactRecord, NodeId, Timestamp, VerifiedRecord},
};

/// Nicknames that are compared: some 30 MB when full. Whoever floods a grid with more is told of, and seen anyway.
const NICKNAMES_COMPARED_MAX: usize = 65_536;
/// Others that claim one nickname, told one by one: the rest is a number.
const RIVALS_TOLD_MAX: usize = 4;

/// The owner's names, and who claimed what so far.
pub(super) struct Labels {
    petnames: Option<Petnames>,
    claims: BTreeMap<NodeId, String>,
    claimants: BTreeMap<(usize, String), BTreeSet<NodeId>>,
    overflown: bool,
}

/// What can be said of one node's names.
pub(super) struct Label {
    petname: Option<String>,
    nickname: Option<String>,
    /// Others that claim the nickname, or what looks like it: some, and how many there are at least.
    rivals: (Vec<NodeId>, usize),
    /// Another node, which the owner calls what this one calls itself.
    passes_for: Option<NodeId>,
}

impl Labels {
    /// With the petnames in a file, if there is one.
    pub(super) fn open(petnames: Option<&Path>) -> Result<Self, Failure> {
        let petnames = petnames.map(Petnames::load).transpose()?;
        Ok(Self { petnames, claims: BTreeMap::new(), claimants: BTreeMap::new(), overflown: false })
    }

    /// The node a person means.
    pub(super) fn resolve(&self, named: &Named) -> Result<NodeId, Failure> {
        named.resolve(self.petnames.as_ref())
    }

    /// Takes note of what a node calls itself now.
    pub(super) fn note(&mut self, claims: &ContactRecord) {
        self.forget(&claims.node);
        let Some(nickname) = &claims.nickname else { return };
        if self.claims.len() >= NICKNAMES_COMPARED_MAX {
            self.overflown = true;
            return;
        }
        self.claims.insert(claims.node, nickname.as_str().to_owned());
        for key in keys(nickname.as_str()) {
            self.claimants.entry(key).or_default().insert(claims.node);
        }
    }

    /// A node that is out claims nothing any more.
    pub(super) fn forget(&mut self, node: &NodeId) {
        let Some(nickname) = self.claims.remove(node) else { return };
        for key in keys(&nickname) {
            if let Some(claimants) = self.claimants.get_mut(&key) {
                claimants.remove(node);
                if claimants.is_empty() {
                    self.claimants.remove(&key);
                }
            }
        }
    }

    /// What is known so far.
    pub(super) fn label(&self, claims: &ContactRecord) -> Label {
        let nickname = claims.nickname.as_ref().map(|nickname| nickname.as_str().to_owned());
        let (mut rivals, mut count) = (BTreeSet::new(), 0);
        for claimants in nickname.iter().flat_map(|nickname| keys(nickname)).filter_map(|key| self.claimants.get(&key))
        {
            // Not all of them: a thousand nodes with one nickname must not cost a million steps.
            let others = claimants.iter().filter(|node| **node != claims.node);
            rivals.extend(others.take(RIVALS_TOLD_MAX).copied());
            count = count.max(claimants.len() - usize::from(claimants.contains(&claims.node)));
        }
        count = count.max(rivals.len());
        let owner = self.petnames.as_ref().zip(nickname.as_deref());
        Label {
            petname: self.petname(&claims.node).map(str::to_owned),
            passes_for: owner
                .and_then(|(names, nickname)| names.resembling(nickname))
                .filter(|node| *node != claims.node),
            rivals: (rivals.into_iter().take(RIVALS_TOLD_MAX).collect(), count),
            nickname,
        }
    }

    /// What the owner calls a node.
    pub(super) fn petname(&self, node: &NodeId) -> Option<&str> {
        self.petnames.as_ref().and_then(|names| names.name(node))
    }

    /// A node in few words.
    pub(super) fn who(&self, node: &NodeId) -> String {
        self.petname(node).map_or_else(|| output::short(node), str::to_owned)
    }

    /// What a person has to know about the names of a node, a sentence each.
    pub(super) fn warnings(&self, label: &Label) -> Vec<String> {
        let mut warnings = Vec::new();
        let Some(nickname) = &label.nickname else { return warnings };
        if let Some(other) = &label.passes_for {
            warnings.push(format!("this is not {}, whom you know: that is {}", self.who(other), output::short(other)));
        }
        let (told, count) = &label.rivals;
        if !told.is_empty() {
            let mut text = told.iter().map(|node| self.who(node)).collect::<Vec<_>>().join(", ");
            if *count > told.len() {
                let _ = write!(text, " and {} more", count - told.len());
            }
            warnings.push(format!("{nickname:?}, or what looks like it, is also claimed by {text}"));
        }
        warnings
    }

    /// A record for people, several lines.
    pub(super) fn text(&self, record: &VerifiedRecord, now: Timestamp) -> String {
        let label = self.label(record.claims());
        let mut head = record.claims().node.to_string();
        match label.line() {
            line if line.is_empty() => {}
            line => {
                let _ = write!(head, "  {line}");
            }
        }
        for warning in self.warnings(&label) {
            let _ = write!(head, "\n  ! {warning}");
        }
        output::described(head, record, now)
    }

    /// A record for programs.
    pub(super) fn json(&self, record: &VerifiedRecord) -> serde_json::Value {
        let mut json = output::json(record);
        if let Some(fields) = json.as_object_mut() {
            self.label(record.claims()).fill(fields);
        }
        json
    }

    /// A record as data, for a program or for a person.
    ///
    /// # Errors
    /// See [`output::data`].
    pub(super) fn tell(&self, record: &VerifiedRecord, json: bool) -> Result<(), Failure> {
        if json { output::data(self.json(record)) } else { output::data(self.text(record, crate::ambient::wall())) }
    }

    /// Says at the end which nicknames are no name, since the first who claimed one was shown before the second was known.
    pub(super) fn tell_rivals(&self) {
        let mut told = BTreeSet::new();
        for nodes in self.claimants.values().filter(|nodes| nodes.len() > 1) {
            if told.insert(nodes) && told.len() <= RIVALS_TOLD_MAX {
                let first: Vec<_> = nodes.iter().take(RIVALS_TOLD_MAX).map(|node| self.who(node)).collect();
                let name = nodes.first().and_then(|node| self.claims.get(node)).map_or("", String::as_str);
                output::say(format_args!(
                    "{} nodes call themselves {name:?}, or what looks like it: {}{}",
                    nodes.len(),
                    first.join(", "),
                    if nodes.len() > first.len() { ", …" } else { "" }
                ));
            }
        }
        if told.len() > RIVALS_TOLD_MAX {
            output::say(format_args!("So it is with {} more nicknames.", told.len() - RIVALS_TOLD_MAX));
        }
        if self.overflown {
            output::say(format_args!(
                "More than {NICKNAMES_COMPARED_MAX} nodes claim nicknames: those of the others were not compared."
            ));
        }
    }
}

impl Label {
    /// `Bob, calls itself "cellar"`; empty for a node without any name.
    pub(super) fn line(&self) -> String {
        // A nickname is claimed, not verified: quotes keep it apart from what is, and escapes keep it in them.
        let claimed = self.nickname.as_ref().map(|nickname| format!("calls itself {nickname:?}"));
        self.petname.iter().cloned().chain(claimed).collect::<Vec<_>>().join(", ")
    }

    /// The owner's name for the node.
    pub(super) fn petname(&self) -> Option<&str> {
        self.petname.as_deref()
    }

    /// What it calls itself.
    pub(super) fn nickname(&self) -> Option<&str> {
        self.nickname.as_deref()
    }

    /// The fields that [`output::JSON_HELP`] describes.
    pub(super) fn fill(&self, fields: &mut serde_json::Map<String, serde_json::Value>) {
        let (rivals, count) = &self.rivals;
        let rivals: Vec<_> = rivals.iter().map(ToString::to_string).collect();
        fields.insert("petname".into(), self.petname.clone().into());
        fields.insert("nickname_also_claimed_by".into(), rivals.into());
        fields.insert("nickname_also_claimed_by_count".into(), (*count).into());
        fields.insert("nickname_is_petname_of".into(), self.passes_for.map(|node| node.to_string()).into());
    }
}

fn keys(nickname: &str) -> Vec<(usize, String)> {
    Likeness::of(nickname).keys().map(|(form, key)| (form, key.to_owned())).collect()
}
