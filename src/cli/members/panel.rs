//! What the introducers of a grid say of its members, and what of that the members' own grants bear out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    cli::{failure::Failure, introducers::Asked, labels::Labels, output},
    client::{Client, ClientError, Introducer},
    grid::{Chain, KnownGrants, RevocationList, VerifiedChain, VerifiedRevocations},
    protocol::AdmissionKind,
    record::{GridId, NodeId, Seq, Timestamp, VerifiedRecord},
};

/// Members on one panel: some 50 MB, and far more than a person reads. `anteroom list` has no such limit.
const MEMBERS_MAX: usize = 16_384;
/// Grants remembered as verified, so that those which many members share are checked once.
const GRANTS_KNOWN_MAX: usize = 4 * MEMBERS_MAX;

/// Who is in, and who is out.
pub(super) struct Panel {
    pub(super) grid: GridId,
    pub(super) heard: Vec<Heard>,
    /// The newest that any of them has.
    list: Option<VerifiedRevocations>,
    members: BTreeMap<NodeId, Member>,
    known: KnownGrants,
    /// Nobody was left out.
    pub(super) complete: bool,
}

/// What came of one introducer.
pub(super) struct Heard {
    pub(super) introducer: Introducer,
    /// `None`: it did not answer, or not to the end.
    pub(super) answer: Option<Answer>,
}

/// What an introducer says of itself.
pub(super) struct Answer {
    pub(super) admission: AdmissionKind,
    pub(super) list_seq: Option<Seq>,
    pub(super) records: usize,
}

/// A node with a record.
pub(super) struct Member {
    /// The newest that any introducer lists.
    pub(super) record: VerifiedRecord,
    /// Which of them list it.
    pub(super) listed_by: Vec<usize>,
    grants: Grants,
}

/// What the grants in a record come to.
enum Grants {
    None,
    /// They do not lead from the grid to this node.
    Bad,
    Hold(VerifiedChain),
}

/// Why a member is in, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// No grant in its record.
    None,
    /// Grants allow what it offers.
    Holds,
    /// One of them has ended.
    Expired,
    /// One of them is of a key that is out, or for one.
    Revoked,
    /// They allow nothing of what its record says.
    Bad,
}

impl Panel {
    /// Asks every introducer.
    ///
    /// # Errors
    /// When none of them answers; others are told.
    pub(super) async fn gather(asked: &Asked) -> Result<Self, Failure> {
        let mut panel = Self {
            grid: asked.grid,
            heard: Vec::new(),
            list: None,
            members: BTreeMap::new(),
            known: KnownGrants::new(GRANTS_KNOWN_MAX),
            complete: true,
        };
        let mut last = None;
        for introducer in &asked.introducers {
            let answer = match panel.hear(&asked.client, introducer).await {
                Ok(answer) => Some(answer),
                Err(error) => {
                    output::say(format_args!("{introducer}: {error}"));
                    last = Some(error);
                    None
                }
            };
            panel.heard.push(Heard { introducer: *introducer, answer });
        }
        match last {
            Some(error) if panel.heard.iter().all(|heard| heard.answer.is_none()) => Err(error.into()),
            _ => Ok(panel),
        }
    }

    async fn hear(&mut self, client: &Client, introducer: &Introducer) -> Result<Answer, ClientError> {
        let admission = client.about(introducer).await?.admission;
        let list = client.revocations(introducer).await?;
        let list_seq = list.as_ref().map(|list| list.list().seq);
        if list_seq > self.list().map(|list| list.seq) {
            self.list = list;
        }
        let (mut listing, mut records) = (client.list(introducer, None, None).await?, 0);
        while let Some(record) = listing.next().await? {
            records += 1;
            self.take(record);
        }
        Ok(Answer { admission, list_seq, records })
    }

    fn take(&mut self, record: VerifiedRecord) {
        let (node, from) = (record.claims().node, self.heard.len());
        if !self.members.contains_key(&node) && self.members.len() >= MEMBERS_MAX {
            self.complete = false;
            return;
        }
        let mut listed_by = self.members.get(&node).map(|member| member.listed_by.clone()).unwrap_or_default();
        if listed_by.last() != Some(&from) {
            listed_by.push(from);
        }
        match self.members.get_mut(&node) {
            Some(known) if known.record.claims().seq >= record.claims().seq => known.listed_by = listed_by,
            _ => {
                let grants = self.grants(&record);
                self.members.insert(node, Member { record, listed_by, grants });
            }
        }
    }

    fn grants(&mut self, record: &VerifiedRecord) -> Grants {
        let claims = record.claims();
        if claims.grants.is_empty() {
            return Grants::None;
        }
        let chain = Chain::read(&self.grid, &claims.node, &claims.grants).ok();
        let verified = chain.and_then(|chain| chain.verify(&self.known).ok());
        match verified {
            Some(chain) if chain.rights().admit(claims) && claims.expires() <= chain.expires() => {
                self.known.learn(&chain);
                Grants::Hold(chain)
            }
            _ => Grants::Bad,
        }
    }

    /// The newest list of revoked keys.
    pub(super) fn list(&self) -> Option<&RevocationList> {
        self.list.as_ref().map(VerifiedRevocations::list)
    }

    /// Everybody, by id.
    pub(super) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// How many introducers answered.
    pub(super) fn answered(&self) -> usize {
        self.heard.iter().filter(|heard| heard.answer.is_some()).count()
    }

    /// For programs; [`super::JSON_HELP`] describes it.
    pub(super) fn json(&self, labels: &Labels, now: Timestamp) -> Value {
        let introducers = self.heard.iter().map(|heard| {
            let answer = heard.answer.as_ref();
            json!({
                "introducer": heard.introducer.to_string(),
                "answered": answer.is_some(),
                "admission": answer.map(|answer| admission(answer.admission)),
                "list_seq": answer.and_then(|answer| answer.list_seq),
                "records": answer.map(|answer| answer.records),
            })
        });
        let list = self.list().map(|list| {
            json!({
                "seq": list.seq,
                "issued_hours": list.issued.hours(),
                "next_update_hours": list.next_update().hours(),
                "stale": now >= list.next_update(),
            })
        });
        let revoked = self.list().into_iter().flat_map(|list| &list.revoked).map(|entry| {
            json!({
                "node": entry.key.to_string(),
                "petname": labels.petname(&entry.key),
                "until_hours": entry.until.hours(),
            })
        });
        json!({
            "grid": self.grid.to_string(),
            "introducers": introducers.collect::<Value>(),
            "list": list,
            "members": self.members().map(|member| self.member_json(member, labels, now)).collect::<Value>(),
            "revoked": revoked.collect::<Value>(),
            "complete": self.complete && self.answered() == self.heard.len(),
        })
    }

    fn member_json(&self, member: &Member, labels: &Labels, now: Timestamp) -> Value {
        let claims = member.record.claims();
        let ids = |keys: &[NodeId]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        let listed_by = member.listed_by.iter().filter_map(|index| self.heard.get(*index));
        let mut json = json!({
            "node": claims.node.to_string(),
            "nickname": claims.nickname.as_ref().map(|nickname| nickname.as_str()),
            "grant": match member.standing(self.list(), now) {
                Standing::None => "none",
                Standing::Holds => "holds",
                Standing::Expired => "expired",
                Standing::Revoked => "revoked",
                Standing::Bad => "bad",
            },
            "granted_by": member.issuers().map(ids),
            "grant_expires_hours": member.granted_until().map(Timestamp::hours),
            "may_introduce": member.chain().is_some_and(|chain| chain.rights().introducer),
            "services": claims.services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>(),
            "withdrawn": claims.is_withdrawal(),
            "seq": claims.seq,
            "record_expires_hours": claims.expires().hours(),
            "listed_by": listed_by.map(|heard| heard.introducer.to_string()).collect::<Vec<_>>(),
        });
        if let Some(fields) = json.as_object_mut() {
            labels.label(claims).fill(fields);
        }
        json
    }
}

impl Member {
    fn chain(&self) -> Option<&VerifiedChain> {
        match &self.grants {
            Grants::Hold(chain) => Some(chain),
            Grants::None | Grants::Bad => None,
        }
    }

    /// From the grid to whoever let the node in; empty for the grid itself.
    pub(super) fn issuers(&self) -> Option<&[NodeId]> {
        self.chain().and_then(|chain| chain.keys().split_last()).map(|(_, issuers)| issuers)
    }

    /// The first hour in which its grants do not hold any more.
    pub(super) fn granted_until(&self) -> Option<Timestamp> {
        self.chain().map(VerifiedChain::expires)
    }

    /// Why it is in, or not.
    pub(super) fn standing(&self, list: Option<&RevocationList>, now: Timestamp) -> Standing {
        match &self.grants {
            Grants::None => match list {
                // Without grants, too, a key may be one that the grid took out.
                Some(list) if list.revokes(&self.record.claims().node) => Standing::Revoked,
                _ => Standing::None,
            },
            Grants::Bad => Standing::Bad,
            Grants::Hold(chain) => {
                if list.is_some_and(|list| chain.keys().iter().any(|key| list.revokes(key))) {
                    Standing::Revoked
                } else if chain.expires() <= now {
                    Standing::Expired
                } else {
                    Standing::Holds
                }
            }
        }
    }
}

pub(super) const fn admission(kind: AdmissionKind) -> &'static str {
    match kind {
        AdmissionKind::Open => "open",
        AdmissionKind::Granted => "granted",
        AdmissionKind::Listed => "listed",
    }
}
