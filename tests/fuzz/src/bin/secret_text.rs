//! The line of a secret key file.
#![no_main]

use anteroom::record::{GridSecret, NodeSecret};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(secret) = text.parse::<NodeSecret>() {
        assert_eq!(*secret.to_text(), text);
    }
    if let Ok(secret) = text.parse::<GridSecret>() {
        assert_eq!(*secret.to_text(), text);
    }
});
