//! Bytes of a stranger, as a signed record: no panic, and what is kept is what came.
#![no_main]

use anteroom::record::SignedRecord;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(decoded) = SignedRecord::decode(bytes) else {
        return;
    };
    assert_eq!(decoded.bytes(), bytes);
    let claims = decoded.claims().clone();
    if let Ok(verified) = decoded.verify() {
        assert_eq!((verified.claims(), verified.bytes()), (&claims, bytes));
    }
});
