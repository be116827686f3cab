//! The desk of the person on call: what failed and why, what is to go round again, whether anything is missing,
//! and who has fallen silent.
//!
//! No stage needs it. It works on the same tables, queues and archive as they do, from the command line.

pub mod audit;
pub mod explain;
pub mod groups;
pub mod letters;
pub mod orders;
pub mod plan;
pub mod silence;
