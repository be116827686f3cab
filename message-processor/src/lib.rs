//! The message-processor: what a message is, and what is to be done about it.

#[cfg(feature = "aws")]
mod aws;
mod classify;
mod parse;
mod stage;
mod understand;

pub use classify::Judgement;
pub use parse::Content;
pub use stage::MessageProcessor;
pub use understand::{Circumstances, Understood, understand};
