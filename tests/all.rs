//! Every test that is about more than one file of the service.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contracts;
mod hostile;
mod machine;
mod promises;
mod stories;
