//! Any bytes as an answer of Google's.
#![no_main]

#[path = "../../tests/hostile/google_json.rs"]
mod promise;

libfuzzer_sys::fuzz_target!(|body: &[u8]| promise::is_kept_by(body));
