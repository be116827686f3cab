//! What the operator's rules have done with a message beside labelling it.
//!
//! Planning is pure, and happens before the result is stored: what is refused stands there. What is not refused becomes a
//! job of its own, so that no message waits for it ([`crate::stage`]).

pub(crate) mod finished;
pub(crate) mod forward;
pub(crate) mod plan;

pub use self::forward::{Forward, Unsendable};
