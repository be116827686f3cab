//! The log of events on one machine: appended to by whoever publishes, followed by whoever reads on from a number.
//!
//! Numbers are given within the transaction that appends, one transaction at a time across all processes: who has read
//! up to a number has missed nothing before it.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value, json};

use super::{Event, EventLog, Events};
use crate::ids::UserId;
use crate::sqlite::Database;
use crate::store::StoreError;

const APPEND: &str = "INSERT INTO events (event, attributes) VALUES (?1, ?2)";

const READ: &str = "SELECT seq, event, attributes FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2";

const FORGET: &str = "
    DELETE FROM events WHERE seq > ?1 AND seq <= ?2 AND json_extract(attributes, '$.userId') = ?3";

const IDS: &str = "
    SELECT json_extract(event, '$.id') FROM events
    WHERE seq > ?1 AND seq <= ?2 AND json_extract(attributes, '$.userId') = ?3";

/// How many numbers of the log are looked at in one transaction.
const WINDOW: u64 = 5000;

const LAST: &str = "SELECT coalesce(max(seq), 0) FROM events";

/// The log.
#[derive(Clone)]
pub struct SqliteEvents(Database);

/// An event in the log.
pub struct Logged {
    /// Its number; later ones have higher numbers.
    pub seq: u64,
    /// The event, without its attributes.
    pub event: Event,
    /// The attributes by name, as a topic's subscribers would see them.
    pub attributes: Map<String, Value>,
}

impl SqliteEvents {
    /// The log in `database`.
    pub fn new(database: Database) -> Self {
        Self(database)
    }

    /// At most `limit` events after number `seq`, in order.
    pub async fn read_after(&self, seq: u64, limit: usize) -> Result<Vec<Logged>, StoreError> {
        let read = self.0.read("reading the log of events", move |connection| {
            connection.prepare_cached(READ)?.query_map(params![seq, limit], logged)?.collect()
        });
        read.await
    }

    /// The number of the last event, 0 when there is none: where following begins.
    pub async fn last(&self) -> Result<u64, StoreError> {
        let last = |connection: &Connection| {
            connection.prepare_cached(LAST)?.query_row([], |row| row.get(0))
        };
        self.0.read("reading the log of events", last).await
    }
}

#[async_trait]
impl Events for SqliteEvents {
    async fn publish(&self, batch: &[Event]) -> Result<Vec<usize>, StoreError> {
        let mut failed = Vec::new();
        let mut rows = Vec::with_capacity(batch.len());
        for (index, event) in batch.iter().enumerate() {
            match serde_json::to_string(event) {
                Ok(text) => rows.push((text, attributes(event).to_string())),
                Err(_) => failed.push(index),
            }
        }
        let appended = self.0.write("appending to the log of events", move |connection| {
            let mut append = connection.prepare_cached(APPEND)?;
            rows.into_iter().try_for_each(|row| append.execute(row).map(drop))
        });
        appended.await.map(|()| failed)
    }

    /// The log has no index by mailbox: it is looked through, some thousand events in a transaction, so that whoever
    /// publishes meanwhile waits for one of them at most.
    async fn forget(&self, user: &UserId) -> Result<(), StoreError> {
        let (mut from, last) = (0, self.last().await?);
        while from < last {
            let (user, to) = (user.clone(), from + WINDOW);
            let forget = move |connection: &Connection| {
                connection.prepare_cached(FORGET)?.execute(params![from, to, user]).map(drop)
            };
            self.0.write("deleting from the log of events", forget).await?;
            from = to;
        }
        Ok(())
    }
}

#[async_trait]
impl EventLog for SqliteEvents {
    /// The whole log is looked through, some thousand events in a read.
    async fn announced(
        &self,
        user: &UserId,
        ids: BTreeSet<String>,
    ) -> Result<BTreeSet<String>, StoreError> {
        let (mut from, last) = (0, self.last().await?);
        let (ids, mut found) = (Arc::new(ids), BTreeSet::new());
        while from < last {
            let (user, to, ids) = (user.clone(), from + WINDOW, ids.clone());
            let look = move |connection: &Connection| {
                let mut select = connection.prepare_cached(IDS)?;
                let theirs = select.query_map(params![from, to, user], |row| row.get(0))?;
                let is_meant =
                    |id: &rusqlite::Result<String>| id.as_ref().map_or(true, |id| ids.contains(id));
                theirs.filter(is_meant).collect::<rusqlite::Result<Vec<String>>>()
            };
            found.extend(self.0.read("looking through the log of events", look).await?);
            from = to;
        }
        Ok(found)
    }
}

/// By name, those that there are.
fn attributes(event: &Event) -> Value {
    let had = &event.attributes;
    let mut all = json!({
        "type": event.kind,
        "userId": had.user_id,
        "ref": had.reference,
        "category": had.category,
        "labels": had.labels,
        "hasAttachments": had.has_attachments.map(|has| has.to_string()),
        "lane": had.lane,
    });
    if let Some(all) = all.as_object_mut() {
        all.retain(|_, value| !value.is_null() && *value != json!([]));
    }
    all
}

fn logged(row: &Row<'_>) -> rusqlite::Result<Logged> {
    let bad = |column: usize| {
        move |error: serde_json::Error| {
            rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
        }
    };
    Ok(Logged {
        seq: row.get(0)?,
        event: serde_json::from_str(row.get_ref(1)?.as_str()?).map_err(bad(1))?,
        attributes: serde_json::from_str(row.get_ref(2)?.as_str()?).map_err(bad(2))?,
    })
}
