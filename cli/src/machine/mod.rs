//! One machine: the data folder with everything in it, and the stages at work on it.

pub(crate) mod folder;
mod pages;
pub(crate) mod pipeline;
mod room_first;
pub(crate) mod stopping;
pub(crate) mod web;
