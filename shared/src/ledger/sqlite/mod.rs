//! The ledger in SQLite. Each write is one transaction: read the row, change it as `mailbox_changes` and
//! `mark_changes` say, write it back.

mod control;
mod dead_letters;
mod index;
mod mailbox_rows;
mod mailboxes;
mod marks;

pub use self::mailboxes::SealedUnder;

use crate::sqlite::Database;

/// All five tables.
#[derive(Clone)]
pub struct SqliteLedger(Database);

impl SqliteLedger {
    /// The ledger in `database`.
    pub fn new(database: Database) -> Self {
        Self(database)
    }
}
