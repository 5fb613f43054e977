//! The line a carrier writes in front of a stream.
#![no_main]

use anteroom::net::parse_proxy_line;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    if parse_proxy_line(line).is_ok() {
        assert!(line.starts_with(b"PROXY TCP6 ") && line.ends_with(b"\r\n"));
    }
});
