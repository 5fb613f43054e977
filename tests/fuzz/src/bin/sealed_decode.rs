//! Bytes of a stranger, as a sealed record: no panic, one spelling, and members and introducers agree on what it is.
#![no_main]

use std::sync::LazyLock;

use anteroom::record::{GroupKey, NodeId, NodeSecret, SealedRecord, SignedEnvelope};
use libfuzzer_sys::fuzz_target;

static SECRET: LazyLock<NodeSecret> = LazyLock::new(|| NodeSecret::from_seed([1; 32]));

fuzz_target!(|bytes: &[u8]| {
    let Ok(decoded) = SealedRecord::decode(bytes) else {
        assert!(SignedEnvelope::decode(bytes).is_err() || bytes.first() != Some(&2));
        return;
    };
    assert_eq!(decoded.bytes(), bytes);
    let envelope = SignedEnvelope::decode(bytes).expect("members take it");
    assert!(envelope.claims().sealed && envelope.claims().names().len() <= decoded.claims().tags.len());
    // The same claims, as a node would sign them: whoever has no part in the group key makes nothing that opens.
    let mut claims = decoded.claims().clone();
    claims.node = NodeId::from_bytes(*SECRET.id().as_bytes());
    let key = GroupKey::new(claims.epoch, [2; 32]);
    let verified = claims.sign(&SECRET).expect("its claims were accepted");
    assert!(verified.open(&key).is_err());
});
