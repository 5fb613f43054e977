//! Configuration files, as an editor may leave them.
#![no_main]

use std::path::Path;

use anteroom::config::{IntroducerConfig, NodeConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = IntroducerConfig::parse(text, Path::new("introducer.toml"));
    let _ = NodeConfig::parse(text, Path::new("node.toml"));
});
