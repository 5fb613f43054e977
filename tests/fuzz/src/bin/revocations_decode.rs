//! Bytes of a stranger, as a revocation list: no panic, and what is kept is what came.
#![no_main]

use anteroom::grid::SignedRevocations;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(decoded) = SignedRevocations::decode(bytes) else {
        return;
    };
    assert_eq!(decoded.bytes(), bytes);
    let list = decoded.list();
    assert!(list.revoked.iter().all(|entry| list.revokes(&entry.key) && entry.until > list.issued));
});
