//! One machine: the data folder with everything in it, and the stages at work on it.

pub(crate) mod folder;
pub(crate) mod lost_keys;
pub(crate) mod notices;
mod pages;
pub(crate) mod pipeline;
mod room_first;
pub(crate) mod stopping;
pub(crate) mod web;
