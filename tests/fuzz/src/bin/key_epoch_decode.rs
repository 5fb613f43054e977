//! Bytes of a stranger, as the key of an epoch: no panic, what is kept is what came, and no slot opens by chance.
#![no_main]

use std::sync::LazyLock;

use anteroom::{grid::SignedKeyEpoch, record::NodeSecret};
use libfuzzer_sys::fuzz_target;

// No member of any vector.
static SECRET: LazyLock<NodeSecret> = LazyLock::new(|| NodeSecret::from_seed([1; 32]));

fuzz_target!(|bytes: &[u8]| {
    let Ok(decoded) = SignedKeyEpoch::decode(bytes) else {
        return;
    };
    assert_eq!(decoded.bytes(), bytes);
    assert!(decoded.document().unwrap_for(&SECRET).is_err());
});
