//! From a request to its answer. Reads come from memory; a publish waits for the disk.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    connection::End,
    state::{Outcome, Shared, State, Token, invitation, put},
};
use crate::{
    ambient,
    config::{LookupRule, WatchRule},
    directory::{Admission, AdmissionPolicy, Directory, Rejection, Screening},
    net::CircuitId,
    protocol::{
        About, AdmissionKind, Blob, DocumentKind, FrameError, LookupMode, RECORDS_BYTES_MAX_SHELF,
        RECORDS_BYTES_MAX_SHELF_EXACT, RefusalCode, Request, Response, WatchMode,
    },
    record::{
        HashedNodeId, LIFETIME_HOURS_MAX, NodeId, RECORD_BYTES_MAX, RecordDecodeError, SignatureError, SignedEnvelope,
    },
    store::Write,
};

/// All bits of a hash: an exact lookup.
pub(super) const EXACT_BITS: u16 = 256;
/// While the store is checked at the start.
pub(super) const RETRY_SECONDS_AT_START: u32 = 5;
/// For one key's change to reach the disk.
const RETRY_MILLIS_IN_FLIGHT: u64 = 1000;

/// The answer to a publish, owning what it carries.
pub(super) enum Published {
    Accepted,
    Refused { code: RefusalCode, current: Option<Arc<[u8]>> },
    Busy { retry_after_seconds: u32 },
}

impl Published {
    pub(super) fn response(&self) -> Response<'_> {
        match self {
            Self::Accepted => Response::Accepted,
            Self::Refused { code, current } => Response::Refused { code: *code, current: current.as_deref().map(Blob) },
            Self::Busy { retry_after_seconds } => Response::Busy { retry_after_seconds: *retry_after_seconds },
        }
    }
}

/// The one way in: decode → screen → verify → admit → store → answer.
pub(super) async fn publish(shared: &Shared, circuit: CircuitId, bytes: &[u8]) -> Published {
    let waiting = match begin(&mut shared.borrow_mut(), circuit, bytes) {
        Ok(waiting) => waiting,
        Err(answer) => return answer,
    };
    match waiting.await {
        Ok(Outcome::Durable) => Published::Accepted,
        Ok(Outcome::NotStored) | Err(_) => busy(&mut shared.borrow_mut(), 0),
    }
}

fn begin(state: &mut State, circuit: CircuitId, bytes: &[u8]) -> Result<oneshot::Receiver<Outcome>, Published> {
    let record = SignedEnvelope::decode(bytes).map_err(|error| refused(code_of_decode(error)))?;
    let now = ambient::now();
    let State { directory, fairness, .. } = state;
    let directory = directory.as_mut().ok_or(Published::Busy { retry_after_seconds: RETRY_SECONDS_AT_START })?;
    let screened = directory.screen(now, &record, fairness.verifications(circuit));
    let admitted = match screened {
        Ok(Screening::AlreadyCurrent) => Ok(Admission::AlreadyCurrent),
        Ok(Screening::Verify) => match record.verify() {
            Ok(verified) => directory.publish(now, verified),
            Err(SignatureError) => Err(Rejection::Signature),
        },
        Err(rejection) => Err(rejection),
    };
    match admitted {
        Ok(Admission::AlreadyCurrent) => Err(Published::Accepted),
        Ok(Admission::Change(change)) => {
            let (waiting, outcome) = oneshot::channel();
            match state.store(vec![put(&change)], Token::Publish { change: Box::new(change), waiting }) {
                Ok(()) => Ok(outcome),
                Err(token) => {
                    if let (Token::Publish { change, .. }, Some(directory)) = (token, &mut state.directory) {
                        directory.abandon(*change);
                    }
                    Err(busy(state, 0))
                }
            }
        }
        Ok(Admission::Equivocation { evidence, current }) => {
            let write = Write::Evidence { node: evidence.node, pair: evidence.pair.clone() };
            // Kept when there is room on the way to the disk; the same two records make it again later.
            let _ = state.store(vec![write], Token::Evidence(evidence));
            Err(Published::Refused { code: RefusalCode::SeqConflict, current: Some(current) })
        }
        Ok(Admission::InvitationUsed(used)) => {
            // As above.
            let _ = state.store(vec![invitation(&used)], Token::Invitation { used, waiting: None });
            Err(refused(RefusalCode::InvitationUsed))
        }
        Err(rejection) => Err(answer_to(state, rejection)),
    }
}

/// Everything but publishes and streams: one frame, from memory.
pub(super) fn read(shared: &Shared, request: Request<'_>, version: Option<u8>) -> Result<Vec<u8>, End> {
    let mut state = shared.borrow_mut();
    let rules = state.rules;
    let Some(directory) = &mut state.directory else {
        return Ok(Response::Busy { retry_after_seconds: RETRY_SECONDS_AT_START }.encode(version)?);
    };
    let response = match request {
        Request::About => Response::About(about(directory, rules)),
        Request::Lookup { bits, .. } if bits > EXACT_BITS => return Err(FrameError::Malformed.into()),
        Request::Lookup { prefix, bits: EXACT_BITS, .. } => {
            let prefix = HashedNodeId::from_bytes(prefix);
            let room = RECORDS_BYTES_MAX_SHELF_EXACT;
            let shelf = directory.lookup(ambient::wall(), prefix, EXACT_BITS, None, room);
            Response::ShelfExact { record: shelf.records.first().copied().map(Blob) }
        }
        Request::Lookup { prefix, bits, after } => {
            let (prefix, after) = (HashedNodeId::from_bytes(prefix), after.map(HashedNodeId::from_bytes));
            let shelf = directory.lookup(ambient::wall(), prefix, bits, after, RECORDS_BYTES_MAX_SHELF);
            Response::Shelf {
                records: shelf.records.into_iter().map(Blob).collect(),
                more_after: shelf.more_after.map(|hash| *hash.as_bytes()),
                bits: match rules.lookup {
                    LookupRule::Exact => EXACT_BITS,
                    LookupRule::Prefix => directory.lookup_bits(),
                },
            }
        }
        Request::Evidence { node } => {
            let node = NodeId::from_bytes(node);
            let pair = directory.evidence(&node).map(|pair| pair.each_ref().map(|record| &**record));
            let pair = pair.or_else(|| directory.used_twice(&node));
            Response::Evidence { pair: pair.map(|[first, second]| (Blob(first), Blob(second))) }
        }
        Request::GetDocument { kind: DocumentKind::REVOCATIONS } => {
            Response::Document { document: directory.revocations().map(|list| Blob(list.bytes())) }
        }
        Request::Confirmation { node } => {
            Response::Document { document: directory.confirmation(&NodeId::from_bytes(node)).map(Blob) }
        }
        Request::GetDocument { kind: DocumentKind::KEY_EPOCH } => {
            Response::Document { document: directory.key_epoch().map(|epoch| Blob(epoch.bytes())) }
        }
        Request::Publish { .. } | Request::List { .. } | Request::Watch { .. } | Request::Credit { .. } => {
            Response::Unsupported
        }
        Request::PutDocument { .. } | Request::GetDocument { .. } => Response::Unsupported,
    };
    Ok(response.encode(version)?)
}

fn about(directory: &Directory, rules: super::state::Rules) -> About {
    let policy = directory.policy();
    About {
        grid: *policy.grid.as_bytes(),
        admission: match policy.admission {
            AdmissionPolicy::Open => AdmissionKind::Open,
            AdmissionPolicy::Granted => AdmissionKind::Granted,
            AdmissionPolicy::Listed(_) => AdmissionKind::Listed,
        },
        onion: policy.addresses.onion,
        i2p: policy.addresses.i2p,
        clearnet: policy.addresses.clearnet,
        record_bytes_max: RECORD_BYTES_MAX as u16,
        lifetime_hours_max: LIFETIME_HOURS_MAX,
        new_key_lifetime_hours_max: directory.new_key_lifetime_hours_max(),
        lookup: match rules.lookup {
            LookupRule::Exact => LookupMode::Exact,
            LookupRule::Prefix => LookupMode::Prefix { bits: directory.lookup_bits() },
        },
        watch: match rules.watch {
            WatchRule::Tick { seconds } => WatchMode::Tick { seconds },
            WatchRule::Immediate => WatchMode::Immediate,
        },
    }
}

/// `Busy` with a delay that grows with the pressure, and jitter so that those refused together do not return together.
pub(super) fn busy(state: &mut State, wait_millis: u64) -> Published {
    let seconds = state.load.refuse(ambient::now(), wait_millis);
    let jittered = ambient::random_between(seconds, seconds + seconds / 2).unwrap_or(seconds);
    Published::Busy { retry_after_seconds: u32::try_from(jittered).unwrap_or(u32::MAX) }
}

pub(super) const fn refused(code: RefusalCode) -> Published {
    Published::Refused { code, current: None }
}

const fn code_of_decode(error: RecordDecodeError) -> RefusalCode {
    match error {
        RecordDecodeError::TooLarge => RefusalCode::TooLarge,
        RecordDecodeError::Version => RefusalCode::RecordVersion,
        RecordDecodeError::NotCanonical => RefusalCode::NotCanonical,
        RecordDecodeError::Claim(_) => RefusalCode::Limit,
        RecordDecodeError::TooShort | RecordDecodeError::Malformed | RecordDecodeError::TrailingBytes => {
            RefusalCode::Malformed
        }
    }
}

pub(super) fn answer_to(state: &mut State, rejection: Rejection) -> Published {
    let code = match rejection {
        Rejection::VerificationBudget { retry_millis }
        | Rejection::NewKeyRate { retry_millis }
        | Rejection::UpdateRate { retry_millis } => return busy(state, retry_millis),
        Rejection::InFlight => return busy(state, RETRY_MILLIS_IN_FLIGHT),
        Rejection::Stale { current } => {
            return Published::Refused { code: RefusalCode::Stale, current: Some(current) };
        }
        Rejection::SeqConflict { current } => {
            return Published::Refused { code: RefusalCode::SeqConflict, current: Some(current) };
        }
        Rejection::NoGrant => RefusalCode::NoGrant,
        Rejection::GrantChain(_) => RefusalCode::GrantChain,
        Rejection::GrantSignature => RefusalCode::GrantSignature,
        Rejection::GrantExpired => RefusalCode::GrantExpired,
        Rejection::OutlivesGrant => RefusalCode::OutlivesGrant,
        Rejection::Revoked => RefusalCode::Revoked,
        Rejection::Rights => RefusalCode::Rights,
        Rejection::NotListed => RefusalCode::NotListed,
        Rejection::IssuerFull => RefusalCode::IssuerFull,
        Rejection::InvitationUsed => RefusalCode::InvitationUsed,
        Rejection::WrongGrid => RefusalCode::WrongGrid,
        Rejection::Sealing => RefusalCode::Sealing,
        Rejection::Grants => RefusalCode::Grants,
        Rejection::AddressKind(_) => RefusalCode::AddressKind,
        Rejection::IssuedInFuture => RefusalCode::IssuedInFuture,
        Rejection::Expired => RefusalCode::Expired,
        Rejection::Signature => RefusalCode::Signature,
        Rejection::LifetimeTooLong { .. } => RefusalCode::LifetimeTooLong,
        Rejection::Full => RefusalCode::Full,
    };
    refused(code)
}
