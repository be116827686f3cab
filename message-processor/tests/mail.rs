//! What is promised about mail as a whole: over the shipped messages, over what mutation makes of them, and over a
//! larger collection where there is one.

// `cfg(test)` holds for the whole binary; it tells clippy that an unwrap in here is a test's.
#[cfg(test)]
#[path = "mail/collection.rs"]
mod collection;
#[cfg(test)]
#[path = "mail/corpus.rs"]
mod corpus;
#[cfg(test)]
#[path = "mail/forwarding.rs"]
mod forwarding;
#[cfg(test)]
#[path = "mail/hostile.rs"]
mod hostile;
#[cfg(test)]
#[path = "mail/mutation.rs"]
mod mutation;
#[cfg(test)]
#[path = "mail/promise.rs"]
mod promise;
#[cfg(test)]
#[path = "mail/shipped.rs"]
mod shipped;
