//! What the service promises, as tests: see `all.rs`.
