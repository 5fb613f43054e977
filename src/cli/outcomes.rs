//! What became of a record, introducer by introducer, in words and as an exit code.

use std::time::Duration;

use super::{
    failure::{Exit, Failure},
    output,
};
use crate::{
    client::{ClientError, Introducer},
    protocol::RefusalCode,
    record::{VerifiedEnvelope, VerifiedRecord},
};

/// A record, and who has it.
pub(super) struct Outcomes {
    pub(super) record: VerifiedRecord,
    pub(super) each: Vec<(Introducer, Result<(), Failure>)>,
}

impl Outcomes {
    /// Done when everybody has it; else what went worst.
    pub(super) fn into_result(self) -> Result<(), Failure> {
        let (accepted, all) = (self.accepted(), self.each.len());
        let failures = self.each.into_iter().filter_map(|(_, outcome)| outcome.err());
        match failures.max_by_key(severity) {
            None => Ok(()),
            Some(failure) if accepted == 0 => Err(failure),
            Some(_) => Err(Failure::new(Exit::Partly, format_args!("{accepted} of {all} introducers have the record"))
                .hint("see above why; to publish again does no harm, and `--stay` tries again by itself")),
        }
    }

    /// Who does not have it.
    pub(super) fn without(&self) -> Vec<Introducer> {
        self.each.iter().filter(|(_, outcome)| outcome.is_err()).map(|(introducer, _)| *introducer).collect()
    }

    /// Tells a person, or a program: `{"record": {…}, "introducers": [{"introducer", "accepted", "error", "exit_code"}]}`.
    pub(super) fn tell(&self, json: bool) -> Result<(), Failure> {
        if json {
            let list: Vec<_> = self
                .each
                .iter()
                .map(|(introducer, outcome)| {
                    serde_json::json!({
                        "introducer": introducer.to_string(),
                        "accepted": outcome.is_ok(),
                        "error": outcome.as_ref().err().map(ToString::to_string),
                        "exit_code": outcome.as_ref().err().map_or(0, |failure| failure.exit() as u8),
                    })
                })
                .collect();
            return output::data(serde_json::json!({ "record": output::json(&self.record), "introducers": list }));
        }
        output::say(format_args!(
            "{} record {}: {} of {} introducers have it",
            output::short(&self.record.claims().node),
            self.record.claims().seq,
            self.accepted(),
            self.each.len()
        ));
        Ok(())
    }

    /// Adds what one introducer made of the record and says so at once: over Tor each takes some seconds.
    pub(super) fn push(&mut self, introducer: Introducer, outcome: Result<(), Failure>) {
        match &outcome {
            Ok(()) => output::say(format_args!("{introducer}: accepted")),
            Err(failure) => output::say(format_args!("{introducer}: {failure}")),
        }
        self.each.push((introducer, outcome));
    }

    fn accepted(&self) -> usize {
        self.each.iter().filter(|(_, outcome)| outcome.is_ok()).count()
    }
}

/// What waiting does not mend comes before what it does.
const fn severity(failure: &Failure) -> u8 {
    match failure.exit() {
        Exit::Busy => 0,
        Exit::Unreachable => 1,
        Exit::Refused => 2,
        _ => 3,
    }
}

/// Why an introducer does not have the record.
pub(super) enum Refusal {
    /// It has a newer one, or another with the same number.
    Outdone(VerifiedEnvelope),
    /// It refuses.
    Code(RefusalCode),
    /// It wants to be asked later.
    Busy(Duration),
    /// No answer.
    Client(ClientError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Outdone(current) => Self::new(
                Exit::Refused,
                format_args!(
                    "refused: record {} of this node is listed, which is newer or another",
                    current.claims().seq
                ),
            )
            .hint("sign again on the machine that has the key: it goes on from the number above"),
            Refusal::Code(code) => Self::new(Exit::Refused, format_args!("refused: {}", reason(code))),
            Refusal::Busy(wait) => {
                Self::new(Exit::Busy, format_args!("the introducer is busy: try again in {} s", wait.as_secs()))
            }
            Refusal::Client(error) => Self::from(error),
        }
    }
}

pub(super) const fn reason(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::TooLarge => "the record is larger than 2048 bytes; shorten it",
        RefusalCode::Malformed | RefusalCode::NotCanonical => {
            "the introducer can't read the record; update the older side"
        }
        RefusalCode::RecordVersion => "the introducer does not know this version of records; update the older side",
        RefusalCode::Limit => "a part of the record is over its limit; shorten it",
        RefusalCode::WrongGrid => "the introducer serves another grid; check `grid` and the introducer's address",
        RefusalCode::Grants => "the grid is open and takes no grants",
        RefusalCode::AddressKind => {
            "the grid does not admit a kind of address in the record; `anteroom about` lists them"
        }
        RefusalCode::IssuedInFuture => "the record is from the future; check this machine's clock (`date -u`)",
        RefusalCode::Expired => "the record has expired; sign a new one, and check this machine's clock (`date -u`)",
        RefusalCode::Stale | RefusalCode::SeqConflict => "a newer or another record of this node is listed; sign again",
        RefusalCode::Signature => "the signature does not hold; the record was damaged on its way",
        RefusalCode::LifetimeTooLong => {
            "the introducer gives new nodes less time at the moment; lower `lifetime_hours` (`anteroom about` says to what)"
        }
        RefusalCode::NoGrant => {
            "only nodes with a grant may publish; ask whoever runs the grid for one, and name its file in node.toml: grant = \"node.grant\""
        }
        RefusalCode::GrantChain | RefusalCode::GrantSignature => {
            "the grant does not lead from this grid to this node; ask for another one"
        }
        RefusalCode::GrantExpired => "the grant has expired; ask whoever runs the grid for another one",
        RefusalCode::OutlivesGrant => {
            "the record holds for longer than its grant; sign again, or lower `lifetime_hours`"
        }
        RefusalCode::Revoked => "this node, or somebody who granted to it, was revoked; ask whoever runs the grid",
        RefusalCode::Rights => {
            "this node has no right to offer one of its services; take it out, or ask for a wider grant"
        }
        RefusalCode::NotListed => "the introducer's operator does not list this node; ask for it",
        RefusalCode::IssuerFull => {
            "too many nodes rest on whoever granted to this one; ask for a grant by somebody else"
        }
        RefusalCode::Sealing => {
            "the grid is sealed and the record is not, or the other way round: a node of a sealed grid names `group_key`"
        }
        RefusalCode::InvitationUsed => "the invitation was used for another node; ask for another one",
        RefusalCode::Full => "the introducer is full; try later, or use another one",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{ContactRecord, GridId, Lifetime, NodeSecret, Timestamp};

    fn outcomes(each: &[Option<Exit>]) -> Outcomes {
        let secret = NodeSecret::from_seed([3; 32]);
        let claims = ContactRecord {
            grid: GridId::from_bytes([1; 32]),
            node: secret.id(),
            seq: 1,
            issued: Timestamp::EPOCH,
            lifetime: Lifetime::MAX,
            nickname: None,
            services: Vec::new(),
            grants: Vec::new(),
        };
        let introducer: Introducer =
            "sgblgwu6s3qplltke246cgan4h4arjxufg7lx3zpjwt3vc3evl7byiid.onion:80".parse().unwrap();
        let outcome = |exit: &Option<Exit>| exit.map_or(Ok(()), |exit| Err(Failure::new(exit, "why")));
        Outcomes {
            record: claims.sign(&secret).unwrap(),
            each: each.iter().map(|exit| (introducer, outcome(exit))).collect(),
        }
    }

    fn exit(each: &[Option<Exit>]) -> Option<Exit> {
        outcomes(each).into_result().err().map(|failure| failure.exit())
    }

    #[test]
    fn the_exit_code_is_that_of_the_worst() {
        assert_eq!(exit(&[None, None]), None);
        assert_eq!(exit(&[Some(Exit::Busy)]), Some(Exit::Busy));
        assert_eq!(exit(&[Some(Exit::Unreachable), Some(Exit::Busy)]), Some(Exit::Unreachable));
        assert_eq!(exit(&[Some(Exit::Busy), Some(Exit::Refused), Some(Exit::Unreachable)]), Some(Exit::Refused));
        assert_eq!(exit(&[Some(Exit::Refused), Some(Exit::Failed)]), Some(Exit::Failed));
        assert_eq!(exit(&[None, Some(Exit::Unreachable)]), Some(Exit::Partly));
        assert_eq!(outcomes(&[None, Some(Exit::Busy)]).without().len(), 1);
    }
}
