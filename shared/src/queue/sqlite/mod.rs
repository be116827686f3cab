//! A queue as a table: several threads and several processes may send to it and receive from it.
//!
//! A record is either *ready*, ordered by its tag, or *waiting* for a moment: delayed, or in flight. The tag makes the
//! queue fair (start-time fair queueing): a record's tag follows the last of its own group or the queue's virtual time,
//! whichever is later, so that a newcomer stands beside the next record of a large group and not behind its last.

mod rows;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::Notify;

use self::rows::Rows;
use super::lease::Lease;
use super::poll::poll;
use super::{Depth, Outgoing, Queue, Receipt, Record, SendFailure};
use crate::clock::Clock;
use crate::sqlite::Database;
use crate::store::StoreError;

/// One queue.
pub struct SqliteQueue {
    database: Database,
    clock: Clock,
    bell: Arc<Notify>,
    rows: Rows,
}

impl SqliteQueue {
    /// The queue `name`, made if it is not there, that never gives a record up.
    pub async fn open(database: &Database, name: &str, clock: Clock) -> Result<Self, StoreError> {
        Self::with(database, name, None, clock).await
    }

    /// The queue `name`, made if it is not there, that gives a record up to the queue `dead_letters` after
    /// [`MAX_RECEIVES`](super::MAX_RECEIVES).
    pub async fn with_dead_letters(
        database: &Database,
        name: &str,
        dead_letters: &str,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        Self::with(database, name, Some(dead_letters.to_owned()), clock).await
    }

    async fn with(
        database: &Database,
        name: &str,
        dead_letters: Option<String>,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let bell = database.bell(name);
        let name = name.to_owned();
        let open =
            move |connection: &Connection| Rows::open(connection, &name, dead_letters.as_deref());
        let rows = database.write("opening a queue", open).await?;
        Ok(Self { database: database.clone(), clock, bell, rows })
    }

    /// Shows at once whatever is lent out. Only for who knows that no worker is at work: at the start of the one
    /// process that may have any, after the last one ended without a word.
    pub async fn reclaim(&self) -> Result<(), StoreError> {
        let (rows, now) = (self.rows, self.clock.now());
        let reclaim = move |connection: &Connection| rows.reclaim(connection, now);
        self.database.write("reclaiming what a killed worker held", reclaim).await
    }

    /// Looks before it takes: whoever waits at an empty queue writes nothing.
    async fn take(&self, max: usize) -> Result<Vec<Record>, StoreError> {
        let (rows, now) = (self.rows, self.clock.now());
        let doing = "receiving from a queue";
        if !self.database.read(doing, move |connection| rows.any(connection, now)).await? {
            return Ok(Vec::new());
        }
        self.database.write(doing, move |connection| rows.take(connection, max, now)).await
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn send(&self, batch: Vec<Outgoing>) -> Result<Vec<SendFailure>, StoreError> {
        let (rows, now) = (self.rows, self.clock.now());
        let (mut failures, mut fit) = (Vec::new(), Vec::with_capacity(batch.len()));
        for (index, out) in batch.into_iter().enumerate() {
            match out.refusal() {
                Some(cause) => failures.push(SendFailure { index, cause: cause.to_owned() }),
                None => fit.push(out),
            }
        }
        let sent = self.database.write("sending to a queue", move |connection| {
            fit.iter().try_for_each(|out| rows.add(connection, out, now))
        });
        sent.await?;
        self.bell.notify_waiters();
        Ok(failures)
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Record>, StoreError> {
        poll(&self.clock, &self.bell, wait, || self.take(max)).await
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<(), StoreError> {
        let (rows, now) = (self.rows, self.clock.now());
        let leases: Vec<_> = receipts.iter().filter_map(Lease::of).collect();
        let deleted = self.database.write("deleting from a queue", move |connection| {
            leases.into_iter().try_for_each(|lease| rows.delete(connection, lease, now))
        });
        deleted.await
    }

    async fn hide(&self, receipt: &Receipt, after: Duration) -> Result<(), StoreError> {
        let (rows, now) = (self.rows, self.clock.now());
        let Some(lease) = Lease::of(receipt) else { return Ok(()) };
        let hide = move |connection: &Connection| rows.hide(connection, lease, now, after);
        self.database.write("hiding a record of a queue", hide).await
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        let (rows, now) = (self.rows, self.clock.now());
        self.database.read("counting a queue", move |connection| rows.depth(connection, now)).await
    }
}
