//! Bytes behind a checksum that holds, as an invitation: no panic, and one spelling.
#![no_main]

use anteroom::grid::Invitation;
use bech32::{Bech32m, Hrp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // A checksum that the fuzzer had to guess would keep it out for ever.
    let hrp = Hrp::parse("anteroom-invite").expect("a prefix");
    let Ok(text) = bech32::encode::<Bech32m>(hrp, bytes) else {
        return;
    };
    if let Ok(invitation) = text.parse::<Invitation>() {
        assert_eq!(*invitation.to_text().expect("it was read"), text);
    }
});
