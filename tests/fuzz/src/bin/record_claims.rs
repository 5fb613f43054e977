//! What a node that signs properly may claim. In `record_decode` most bytes are keys and a signature, which no mutation
//! gets right; here they are put around the input, so that all of it is claims.
#![no_main]

use std::sync::LazyLock;

use anteroom::record::{Context, NodeSecret, RECORD_VERSION, SIGNATURE_BYTES, SignedRecord};
use libfuzzer_sys::fuzz_target;

static SECRET: LazyLock<NodeSecret> = LazyLock::new(|| NodeSecret::from_seed([1; 32]));

fuzz_target!(|claims: &[u8]| {
    let node = SECRET.id();
    let body = [[RECORD_VERSION].as_slice(), &[2; 32], node.as_bytes(), claims].concat();
    if SignedRecord::decode(&[body.as_slice(), &[0; SIGNATURE_BYTES]].concat()).is_err() {
        return;
    }
    let signature = SECRET.sign(Context::ContactRecord, &body);
    let bytes = [body.as_slice(), &signature].concat();
    let decoded = SignedRecord::decode(&bytes).expect("only the signature is another");
    let verified = decoded.verify().expect("it is signed");
    for address in verified.claims().addresses() {
        assert!(!address.to_string().contains(char::is_control));
    }
    let again = verified.claims().sign(&SECRET).expect("it was accepted");
    assert_eq!(again.bytes(), bytes, "two spellings");
});
