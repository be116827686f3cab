//! The index in SQLite.

use async_trait::async_trait;
use rusqlite::types::Type;
use rusqlite::{Error, OptionalExtension, Row, named_params, params};

use super::SqliteLedger;
use crate::ids::{MessageId, UserId};
use crate::index::{Entry, Index};
use crate::store::StoreError;

const SELECT: &str = "SELECT * FROM results_index WHERE user_id = ?1 AND message_id = ?2";

const SELECT_AFTER: &str = "
    SELECT * FROM results_index WHERE user_id = ?1 AND message_id > ?2 ORDER BY message_id LIMIT ?3";

const REPLACE: &str = "
    INSERT OR REPLACE INTO results_index (
        user_id, message_id, key, line, generation, internal_date, category, labels, has_attachments
    ) VALUES (
        :user_id, :message_id, :key, :line, :generation, :internal_date, :category, :labels, :has_attachments
    )";

const FORGET: &str = "
    DELETE FROM results_index WHERE user_id = ?1
      AND message_id IN (SELECT message_id FROM results_index WHERE user_id = ?1 LIMIT ?2)";

#[async_trait]
impl Index for SqliteLedger {
    async fn note(&self, user: &UserId, entries: &[Entry]) -> Result<(), StoreError> {
        let (user, entries) = (user.clone(), entries.to_vec());
        let noted = self.0.write("noting results", move |connection| {
            for entry in &entries {
                let mut select = connection.prepare_cached(SELECT)?;
                let there = select.query_row((&user, &entry.message_id), read).optional()?;
                if !entry.follows(there.as_ref()) {
                    continue;
                }
                let labels = serde_json::to_string(&entry.labels).unwrap_or_default();
                connection.prepare_cached(REPLACE)?.execute(named_params! {
                    ":user_id": user,
                    ":message_id": entry.message_id,
                    ":key": entry.key,
                    ":line": entry.line,
                    ":generation": entry.generation,
                    ":internal_date": entry.internal_date,
                    ":category": entry.category,
                    ":labels": labels,
                    ":has_attachments": entry.has_attachments,
                })?;
            }
            Ok(())
        });
        noted.await
    }

    async fn entries(
        &self,
        user: &UserId,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let (user, after) = (user.clone(), after.map(ToString::to_string).unwrap_or_default());
        let found = self.0.read("reading the index", move |connection| {
            let mut select = connection.prepare_cached(SELECT_AFTER)?;
            select.query_map(params![user, after, limit], read)?.collect()
        });
        found.await
    }

    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError> {
        let user = user.clone();
        let forgotten = self.0.write("deleting from the index", move |connection| {
            connection.prepare_cached(FORGET)?.execute(params![user, limit])
        });
        forgotten.await
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let labels: String = row.get("labels")?;
    let labels = serde_json::from_str(&labels)
        .map_err(|error| Error::FromSqlConversionFailure(7, Type::Text, error.into()))?;
    Ok(Entry {
        message_id: row.get("message_id")?,
        key: row.get("key")?,
        line: row.get("line")?,
        generation: row.get("generation")?,
        internal_date: row.get("internal_date")?,
        category: row.get("category")?,
        labels,
        has_attachments: row.get("has_attachments")?,
    })
}
