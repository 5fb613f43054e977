//! What an introducer answers: a first payload, or a later one.
#![no_main]

use anteroom::protocol::{LENGTH_BYTES, Response, Welcomed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    if let Ok(response) = Response::decode(payload) {
        let frame = response.encode(None).expect("what was read fits a frame");
        assert_eq!(Response::decode(&frame[LENGTH_BYTES..]), Ok(response));
    }
    if let Ok(welcomed) = Welcomed::decode(payload) {
        assert_eq!(welcomed.version, payload[0]);
    }
});
