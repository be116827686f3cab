//! The message-processor: what a message is, and what is to be done about it.

mod actions;
mod announce;
pub mod announce_again;
#[cfg(feature = "aws")]
mod aws;
mod classify;
mod parse;
pub mod reclassify;
mod rules;
mod stage;
mod understand;

pub use actions::{Forward, Unsendable};
pub use classify::Judgement;
#[cfg(feature = "training")]
pub use classify::training;
pub use parse::Content;
pub use rules::{
    Asked, BadRules, Book, Explained, NoBook, Problem, Rule, Rules, RulesContent, RulesSource,
    Verdict, Wanted, sample,
};
pub use stage::MessageProcessor;
pub use understand::{Circumstances, Understood, understand};
