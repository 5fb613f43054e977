//! An address somebody typed.
#![no_main]

use anteroom::record::Address;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| anteroom_fuzz::one_spelling::<Address>(text));
