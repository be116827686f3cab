//! Any bytes as a message.
#![no_main]

#[path = "../../message-processor/tests/mail/promise.rs"]
mod promise;

libfuzzer_sys::fuzz_target!(|raw: &[u8]| promise::is_kept_by(raw));
