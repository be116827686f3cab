//! The ledger in memory: for tests, and the ground of the simulated world. It is gone with the process.

mod control;
mod dead_letters;
mod index;
mod mailboxes;
mod marks;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{ControlItem, DeadLetter, LetterKey};
use crate::clock::Timestamp;
use crate::ids::{MessageId, UserId};
use crate::index::Entry;
use crate::mailbox::Mailbox;
use crate::mark::Mark;

/// All five tables.
#[derive(Default)]
pub struct MemoryLedger(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    mailboxes: BTreeMap<(u32, UserId), Mailbox>,
    marks: BTreeMap<(UserId, MessageId), Mark>,
    letters: BTreeMap<LetterKey, DeadLetter>,
    control: BTreeMap<String, (ControlItem, Option<Timestamp>)>,
    index: BTreeMap<UserId, BTreeMap<MessageId, Entry>>,
}

impl MemoryLedger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
