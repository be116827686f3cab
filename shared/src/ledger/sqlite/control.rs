//! Control items in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::SqliteLedger;
use crate::clock::Timestamp;
use crate::ledger::{Control, ControlItem};
use crate::store::{StoreError, Write};

const SELECT: &str = "SELECT value, version FROM control WHERE name = ?1 AND (expires_at IS NULL OR expires_at > ?2)";

/// Counted on from an expired item too: whoever read that one must not take this one for it.
const WRITE: &str = "
    INSERT INTO control (name, value, version, expires_at) VALUES (?1, ?2, 1, ?3)
    ON CONFLICT (name) DO UPDATE SET value = ?2, version = version + 1, expires_at = ?3";

#[async_trait]
impl Control for SqliteLedger {
    async fn read(&self, name: &str, now: Timestamp) -> Result<Option<ControlItem>, StoreError> {
        let name = name.to_owned();
        self.0.read("reading a control item", move |connection| load(connection, &name, now)).await
    }

    async fn write(
        &self,
        name: &str,
        read: Option<u64>,
        value: String,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let name = name.to_owned();
        let written = self.0.write("writing a control item", move |connection| {
            if load(connection, &name, now)?.map(|item| item.version) != read {
                return Ok(Write::Stale);
            }
            connection.prepare_cached(WRITE)?.execute(params![name, value, expires_at])?;
            Ok(Write::Applied)
        });
        written.await
    }
}

fn load(
    connection: &Connection,
    name: &str,
    now: Timestamp,
) -> rusqlite::Result<Option<ControlItem>> {
    let item = connection
        .prepare_cached(SELECT)?
        .query_row((name, now), |row| Ok(ControlItem { value: row.get(0)?, version: row.get(1)? }));
    item.optional()
}
