//! Bytes of a stranger, as a grant and as a chain of one: no panic, and what is kept is what came.
#![no_main]

use anteroom::grid::{Chain, KnownGrants, SignedGrant};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(decoded) = SignedGrant::decode(bytes) else {
        return;
    };
    assert_eq!(decoded.bytes(), bytes);
    let claims = decoded.claims();
    if let Ok(chain) = Chain::read(&claims.grid, &claims.subject, &[bytes]) {
        assert_eq!((chain.keys(), chain.expires()), (&[claims.subject][..], claims.expires()));
        assert_eq!(chain.checks_due(&KnownGrants::new(0)), 1);
    }
});
