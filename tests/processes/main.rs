//! The real `fanmail`, run as its users run it: processes, ports, signals, disks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "./test shows how much was tried, and with which seed")]

mod actions;
mod audit;
mod bad_use;
mod behind;
mod classify;
mod command;
mod dead_letters;
mod demo;
mod deployed;
mod domains;
mod events_replay;
mod full_disk;
mod gateway;
mod hostile;
mod keys;
mod kills;
mod live;
mod logging;
mod mailboxes;
mod notices;
mod packs;
mod receiver;
mod reclassify;
mod rules;
mod runbook;
mod secrets;
mod service;
mod silent;
