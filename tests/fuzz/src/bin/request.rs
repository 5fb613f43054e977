//! What a stranger sends: a first payload, or a later one.
#![no_main]

use anteroom::protocol::{FrameError, LENGTH_BYTES, Opening, REQUEST_BUCKET_MAX, Request, frame_length};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    if let Some((header, _)) = payload.split_first_chunk::<LENGTH_BYTES>() {
        if let Ok(length) = frame_length(*header, REQUEST_BUCKET_MAX) {
            assert!(length <= REQUEST_BUCKET_MAX.bytes());
        }
    }
    if let Ok(Some(request)) = Request::decode(payload) {
        let frame = request.encode(None).expect("what was read fits a frame");
        assert_eq!(Request::decode(&frame[LENGTH_BYTES..]), Ok(Some(request)));
    }
    match Opening::decode(payload) {
        Ok(opening) => assert!(opening.hello.lowest <= opening.hello.highest),
        Err(FrameError::Length | FrameError::TooLarge) => panic!("a payload has no length to be wrong"),
        Err(_) => {}
    }
});
