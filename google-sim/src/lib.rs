//! Google, simulated: one model and two faces.
//!
//! The model is a [`Google`]: accounts with mailboxes that receive mail, history that grows and is forgotten, consent
//! that is given and dies, quota in units, and every refusal Google documents. It is plain synchronous code; time and
//! chance are arguments, so that a seed replays a world.
//!
//! A face turns the model's answers into somebody's shape: [`http`] speaks as Google does to any Gmail client, and
//! [`in_process`] implements the pipeline's own traits without a socket. Both pass every call through
//! [`Google::admit`], which is where tokens, scopes, quota and faults are looked at; no call gets round it.
//!
//! What is promised to readers of mail is held against Google's own API description in `tests/`. What is different
//! from Google on purpose: an unknown search operator is an error, and a mailbox has room for 46 labels of its own.

pub mod bodies;
mod calls;
mod counters;
mod dates;
pub mod delegated;
pub mod domains;
pub mod errors;
pub mod faults;
pub mod grants;
pub mod history;
pub mod http;
mod idtoken;
pub mod in_process;
pub mod labels;
pub mod mail;
pub mod mailbox;
mod messages;
pub mod methods;
pub mod oauth;
mod pages;
pub mod query;
pub mod quota;
pub mod scopes;
pub mod search;
pub mod security_events;
pub mod tokens;
pub mod watch;
mod world;

pub use calls::{Call, DateSource, Detail, Message, Profile};
pub use counters::Counts;
pub use world::{Delivery, Google, GoogleConfig};
