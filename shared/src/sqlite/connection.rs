//! Opening the file, and creating its tables.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

const SCHEMA: &str = include_str!("schema.sql");

/// The schema that this program reads and writes; `PRAGMA user_version`.
const SCHEMA_VERSION: i64 = 5;

/// What makes the second schema of the first, and so on.
const STEPS: [&str; 4] = [
    "ALTER TABLE mailboxes ADD COLUMN purged TEXT; PRAGMA user_version = 2;",
    "ALTER TABLE mailboxes ADD COLUMN access TEXT NOT NULL DEFAULT 'consent'; PRAGMA user_version = 3;",
    "ALTER TABLE marks ADD COLUMN forwards TEXT;
     ALTER TABLE marks ADD COLUMN pack TEXT;
     CREATE TABLE results_index (
         user_id TEXT NOT NULL, message_id TEXT NOT NULL, key TEXT NOT NULL, line INTEGER, generation INTEGER NOT NULL,
         internal_date TEXT, category TEXT NOT NULL, labels TEXT NOT NULL, has_attachments INTEGER NOT NULL,
         PRIMARY KEY (user_id, message_id)
     ) STRICT, WITHOUT ROWID;
     PRAGMA user_version = 4;",
    "ALTER TABLE dead_letters ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE dead_letters ADD COLUMN retry_at TEXT;
     ALTER TABLE dead_letters ADD COLUMN history TEXT NOT NULL DEFAULT '[]';
     ALTER TABLE mailboxes ADD COLUMN last_gap TEXT;
     DROP INDEX roster;
     CREATE INDEX roster ON mailboxes (
         slot, user_id, epoch, connected_at, last_fetched_at, last_mail_at, readable, owes
     );
     PRAGMA user_version = 5;",
];

/// How long one process waits for another's transaction. They take milliseconds; a checkpoint on a slow disk may not.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The write-ahead log is folded into the file whenever it has grown by 64 MiB: rarely enough that a page which changes
/// often is written once for many changes, and that syncing does not set the pace.
const CHECKPOINT_PAGES: i64 = 16 << 10;

/// After an exceptional burst the log's file shrinks to this.
const LOG_BYTES: i64 = 128 << 20;

/// Enough for every statement there is, so that none is parsed twice.
const STATEMENTS: usize = 64;

/// Opens the file. `cache_kib` bounds the page cache; nothing is mapped into memory.
pub(super) fn open(file: &Path, cache_kib: i64) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A killed process loses nothing; only a power cut may take the last moments, and the mailboxes' cursors with them.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    // What a savepoint may take back is a few pages; in a file it would cost more than the write itself.
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Creates the tables if the file is new, and brings older ones up to date; answers the version of the schema that
/// then is there.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<i64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let there: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if there == 0 {
        transaction.execute_batch(SCHEMA)?;
    } else {
        let passed = usize::try_from(there - 1).unwrap_or(usize::MAX);
        for step in STEPS.iter().skip(passed) {
            transaction.execute_batch(step)?;
        }
    }
    transaction.commit()?;
    Ok(there.max(SCHEMA_VERSION))
}

/// Whether this program can use a file of schema `version`.
pub(super) fn is_known(version: i64) -> bool {
    version == SCHEMA_VERSION
}
