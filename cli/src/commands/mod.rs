//! One file per command.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod classify;
pub(crate) mod connect_link;
pub(crate) mod connect_workspace;
pub(crate) mod dead_letters;
pub(crate) mod events;
pub(crate) mod google_sim;
pub(crate) mod keys;
pub(crate) mod reclassify;
pub(crate) mod results;
pub(crate) mod rules;
pub(crate) mod serve;
