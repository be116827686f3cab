//! The simulated Google over HTTP, held against Google's own description of its API.

#![expect(clippy::unwrap_used, reason = "what a test takes for granted may end it")]

mod behaviour;
mod consent;
mod contract;
mod domains;
mod faces;
mod server;
