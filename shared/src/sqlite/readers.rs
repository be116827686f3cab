//! The connections that read, beside the writer: each sees what was committed before it began.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::connection::open;
use super::fault::fault;
use crate::store::StoreError;

/// As many as there are cores on the machine we are made for.
const READERS: usize = 2;

/// Point reads and index scans need little.
const CACHE_KIB: i64 = 1 << 10;

pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(file: &Path) -> rusqlite::Result<Self> {
        let idle = (0..READERS).map(|_| open(file, CACHE_KIB)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(idle)), turns: Arc::new(Semaphore::new(READERS)) })
    }

    pub(super) async fn read<F, T>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let gone = |what: &str| StoreError::Unavailable { doing, source: what.into() };
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| gone("the readers have stopped"))?;
        let idle = Arc::clone(&self.idle);
        // The connection goes back within the task, so that a caller who stops waiting does not take it along.
        let reading = spawn_blocking(move || {
            let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            let outcome = work(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(turn);
            Some(outcome)
        });
        let outcome = reading.await.ok().flatten().ok_or_else(|| gone("the reader has died"))?;
        outcome.map_err(|error| fault(doing, Arc::new(error)))
    }
}
