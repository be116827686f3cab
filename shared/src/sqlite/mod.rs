//! One SQLite file, in which one machine keeps its ledger, its queues and its log of events.
//!
//! Several processes may have it open at once: every write is a transaction that reads what it decides on. Within a
//! process one thread writes and two connections read.

mod connection;
mod fault;
mod readers;
mod values;
mod writer;

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Notify;

use self::fault::fault;
use self::readers::Readers;
use self::writer::Writer;
use crate::store::StoreError;

/// The writer's page cache: it holds the upper pages of every index, and the process stays small.
const WRITER_CACHE_KIB: i64 = 16 << 10;

/// The open file. Clones share it.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    writer: Writer,
    readers: Readers,
    bells: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Database {
    /// Opens `file`, and makes it if it is not there. Its folder must be.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let doing = "opening the database";
        let failed = |error| fault(doing, Arc::new(error));
        let unlocked = |error| StoreError::io(doing, error);
        // SQLite does not wait for others while it turns the write-ahead log on: one opens at a time.
        let door = File::create(file.with_extension("lock")).map_err(unlocked)?;
        door.lock().map_err(unlocked)?;
        let mut connection = connection::open(file, WRITER_CACHE_KIB).map_err(failed)?;
        let version = connection::migrate(&mut connection).map_err(failed)?;
        if !connection::is_known(version) {
            let source = format!("{} was written by another version of Fanmail", file.display());
            return Err(StoreError::Broken { doing, source: source.into() });
        }
        let readers = Readers::open(file).map_err(failed)?;
        let writer = Writer::start(connection)
            .map_err(|error| StoreError::Unavailable { doing, source: error.into() })?;
        Ok(Self(Arc::new(Inner { writer, readers, bells: Mutex::default() })))
    }

    /// Runs `work` in a transaction, which others may share, and answers once it is committed.
    pub(crate) async fn write<F, T>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.0.writer.write(doing, work).await
    }

    /// Runs `work` on what has been committed.
    pub(crate) async fn read<F, T>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.0.readers.read(doing, work).await
    }

    /// What rings when something is sent to `queue` within this process.
    pub(crate) fn bell(&self, queue: &str) -> Arc<Notify> {
        let mut bells = self.0.bells.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bells.entry(queue.to_owned()).or_default())
    }
}
