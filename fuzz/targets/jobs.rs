//! Any text as a queue's body.
#![no_main]

#[path = "../../tests/hostile/jobs.rs"]
mod promise;

libfuzzer_sys::fuzz_target!(|body: &[u8]| promise::is_kept_by(&String::from_utf8_lossy(body)));
