//! What tests and benches of the running service share: a process that runs while somebody acts on it, a simulated
//! Google and its browser, and the stack of `infra/template.yaml` deployed on a local AWS.
//!
//! The promises themselves are in `all.rs` and `processes/`.

#![expect(clippy::unwrap_used, reason = "what cannot go on here has failed")]

pub mod browser;
pub mod deployed;
pub mod google;
pub mod patience;
pub mod process;
pub mod readme;
pub mod runbook;
pub mod settings;
