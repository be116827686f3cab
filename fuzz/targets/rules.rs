//! Any bytes as a file of rules.
#![no_main]

#[path = "../../message-processor/tests/rules/promise.rs"]
mod promise;

libfuzzer_sys::fuzz_target!(|content: &[u8]| promise::is_kept_by(content));
