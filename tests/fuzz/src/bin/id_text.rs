//! An id somebody pasted.
#![no_main]

use anteroom::record::{GridId, NodeId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    anteroom_fuzz::one_spelling::<NodeId>(text);
    anteroom_fuzz::one_spelling::<GridId>(text);
});
