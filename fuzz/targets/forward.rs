//! Any bytes as a message that is forwarded.
#![no_main]

#[path = "../../message-processor/tests/mail/forwarding.rs"]
mod forwarding;

libfuzzer_sys::fuzz_target!(|raw: &[u8]| forwarding::is_kept_by(raw));
