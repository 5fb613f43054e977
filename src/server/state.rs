//! What the event loop's thread owns.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use tokio::sync::{Notify, oneshot, watch};

use super::{fairness::Fairness, load::Load};
use crate::{
    config::{IntroducerConfig, LookupRule, WatchRule},
    directory::{Change, Directory, Evidence, InvitationUse, Marks, Revision},
    store::{self, Backlog, CommitError, GroupCommit, Write},
};

/// Shared by all tasks of one thread. Borrow it between awaits only.
pub(super) type Shared = Rc<RefCell<State>>;

/// What rides along with a group to the disk and back.
#[derive(Debug)]
pub(super) enum Token {
    /// A publish, and who waits for it.
    Publish { change: Box<Change>, waiting: oneshot::Sender<Outcome> },
    /// A proof.
    Evidence(Evidence),
    /// What became of an invitation, and who waits for it; nobody, when it is a proof.
    Invitation { used: Box<InvitationUse>, waiting: Option<oneshot::Sender<Outcome>> },
    /// A document of the grid, and who waits for it; nobody, when it came from a file.
    Revision { revision: Box<Revision>, waiting: Option<oneshot::Sender<Outcome>> },
    /// Deletions and marks: nobody waits.
    Housekeeping,
}

/// What became of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Durable,
    NotStored,
}

/// A group that is done.
#[derive(Debug)]
pub(super) struct Completed {
    pub(super) tokens: Vec<Token>,
    pub(super) result: Result<(), CommitError>,
}

pub(super) struct State {
    /// `None` while the store is being checked.
    pub(super) directory: Option<Directory>,
    committer: Option<GroupCommit<Token>>,
    pub(super) fairness: Fairness,
    pub(super) load: Load,
    pub(super) rules: Rules,
    /// The last publish found no room, and the log says so.
    pub(super) store_is_full: bool,
    /// The log says that the clock is in doubt.
    pub(super) clock_doubt_told: bool,
    /// Housekeeping is due now.
    pub(super) reloaded: Rc<Notify>,
    changes: watch::Sender<u64>,
    revisions: watch::Sender<u64>,
    stopping: watch::Sender<bool>,
    pub(super) streams: watch::Sender<usize>,
}

/// Rules that are no matter of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) lookup: LookupRule,
    pub(super) watch: WatchRule,
}

impl Rules {
    pub(super) const fn new(config: &IntroducerConfig) -> Self {
        Self { lookup: config.lookup, watch: config.watch }
    }
}

impl State {
    pub(super) fn new(config: &IntroducerConfig) -> Self {
        Self {
            directory: None,
            committer: None,
            fairness: Fairness::new(&config.limits),
            load: Load::default(),
            rules: Rules::new(config),
            store_is_full: false,
            clock_doubt_told: false,
            reloaded: Rc::new(Notify::new()),
            changes: watch::Sender::new(0),
            revisions: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
            streams: watch::Sender::new(0),
        }
    }

    /// From now on requests are answered.
    pub(super) fn open(&mut self, directory: Directory, committer: GroupCommit<Token>) {
        self.directory = Some(directory);
        self.committer = Some(committer);
    }

    /// From now on they are not.
    pub(super) fn close(&mut self) -> Option<GroupCommit<Token>> {
        self.committer.take()
    }

    /// Sends writes on their way to the disk; gives the token back when too many are on it already.
    pub(super) fn store(&self, writes: Vec<Write>, token: Token) -> Result<(), Token> {
        match (&self.committer, &self.directory) {
            (Some(committer), Some(directory)) => {
                let Marks { latest_hour, forgotten_until } = directory.marks();
                let marks = store::Marks { latest_hour, forgotten_until };
                committer.submit(writes, Some(marks), token).map_err(|Backlog(token)| token)
            }
            _ => Err(token),
        }
    }

    /// Wakes who waits for changes.
    pub(super) fn announce_change(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Tells watchers that records may be gone without another record that says so.
    pub(super) fn announce_revision(&self) {
        self.revisions.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(super) fn revisions(&self) -> watch::Receiver<u64> {
        self.revisions.subscribe()
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Asks streams to end at their next pause; the receiver counts those that are left.
    pub(super) fn announce_stop(&self) -> watch::Receiver<usize> {
        self.stopping.send_replace(true);
        self.streams.subscribe()
    }

    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}

/// A record's row for the store.
pub(super) fn put(change: &Change) -> Write {
    Write::Put {
        node: change.node,
        accepted: change.accepted,
        floor_until: change.floor_until,
        record: Arc::clone(&change.record),
    }
}

/// What became of an invitation, for the store.
pub(super) fn invitation(used: &InvitationUse) -> Write {
    Write::Invitation {
        key: used.invitation,
        first: Arc::clone(&used.first),
        grants: used.grants.clone(),
        second: used.second.clone(),
    }
}
