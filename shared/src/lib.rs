//! The nouns of Fanmail, and an adapter behind each trait.

pub mod action;
pub mod announce;
pub mod archive;
#[cfg(feature = "aws")]
pub mod aws;
pub mod breaker;
pub mod category;
pub mod census;
pub mod clock;
pub mod connect_link;
pub mod disposition;
pub mod events;
pub mod goodbye;
pub mod google;
pub mod ids;
pub mod index;
pub mod intake;
pub mod jobs;
pub mod labels;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod ledger;
#[cfg(feature = "log")]
pub mod log;
pub mod mailbox;
pub mod mailer;
pub mod mark;
pub mod pacing;
pub mod pack;
pub mod queue;
pub mod reason;
pub mod replay;
pub mod reservation;
pub mod result;
pub mod rotation;
#[cfg(feature = "schema")]
pub mod schema;
pub mod scope;
pub mod sealing;
pub mod secret;
pub mod settings;
pub mod silence;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod store;
pub mod webhook;
pub mod worker;

mod words;

pub use words::UnknownWord;
