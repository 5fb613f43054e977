//! Bytes of a stranger, as the grants of one node in a row: no panic, one spelling, and a chain for that node.
#![no_main]

use anteroom::grid::{Chain, GrantBundle};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(bundle) = GrantBundle::decode(bytes) else {
        return;
    };
    assert_eq!(GrantBundle::encode(&bundle.grants), bytes);
    let chain = Chain::read(&bundle.grid, &bundle.node, &bundle.grants).expect("it was read");
    assert_eq!(chain.keys().last(), Some(&bundle.node));
});
