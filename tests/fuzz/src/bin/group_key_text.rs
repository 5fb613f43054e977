//! A line of a file of group keys: no panic, and one spelling.
#![no_main]

use anteroom::record::GroupKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = text.parse::<GroupKey>() {
        assert_eq!(*key.to_text(), text);
    }
});
