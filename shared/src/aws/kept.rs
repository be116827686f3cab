//! What was read of a secret: fetched at first use, and again when Google no longer takes it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::clock::{Clock, Timestamp};
use crate::store::StoreError;

/// How long a secret is not read again after it was: while Google refuses a client, every token of every mailbox asks for
/// newer credentials.
pub(super) const REST: Duration = Duration::from_secs(30);

/// One secret's content.
pub(super) struct Kept<T> {
    clock: Clock,
    known: Mutex<Option<Known<T>>>,
}

struct Known<T> {
    content: Arc<T>,
    read_at: Timestamp,
}

impl<T> Kept<T> {
    /// Nothing yet.
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, known: Mutex::new(None) }
    }

    /// What is known, or what `read` gives.
    pub(super) async fn get(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Arc<T>, StoreError> {
        // Held while the secret is read: of many jobs that begin at once one asks.
        let mut known = self.known.lock().await;
        match &*known {
            Some(known) => Ok(known.content.clone()),
            None => Ok(self.note(&mut known, read.await?)),
        }
    }

    /// What is not `refused`, where there is such: somebody has read it since, or `read` gives what is not the same.
    pub(super) async fn newer(
        &self,
        refused: &Arc<T>,
        is_same: impl Fn(&T, &T) -> bool,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Option<Arc<T>>, StoreError> {
        let mut known = self.known.lock().await;
        if let Some(known) = &*known {
            if !Arc::ptr_eq(&known.content, refused) {
                return Ok(Some(known.content.clone()));
            }
            if self.clock.now() < known.read_at + REST {
                return Ok(None);
            }
        }
        let content = self.note(&mut known, read.await?);
        Ok((!is_same(&content, refused)).then_some(content))
    }

    fn note(&self, known: &mut Option<Known<T>>, content: T) -> Arc<T> {
        let content = Arc::new(content);
        *known = Some(Known { content: content.clone(), read_at: self.clock.now() });
        content
    }
}
