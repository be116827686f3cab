//! Any question that a browser can ask of the consent pages.
#![no_main]

#[path = "../../tests/hostile/callback.rs"]
mod promise;

libfuzzer_sys::fuzz_target!(|input: &[u8]| promise::is_kept_by(input));
