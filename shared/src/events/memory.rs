//! Events in memory: for tests, and the ground of the simulated world.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Event, EventLog, Events};
use crate::ids::UserId;
use crate::store::StoreError;

/// Everything that was published, in order, repetitions included.
#[derive(Default)]
pub struct MemoryEvents(Mutex<Vec<Event>>);

impl MemoryEvents {
    /// Nothing published yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was published so far.
    pub fn published(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Events for MemoryEvents {
    async fn publish(&self, batch: &[Event]) -> Result<Vec<usize>, StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(batch);
        Ok(Vec::new())
    }

    async fn forget(&self, user: &UserId) -> Result<(), StoreError> {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.retain(|event| event.attributes.user_id.as_ref() != Some(user));
        Ok(())
    }
}

#[async_trait]
impl EventLog for MemoryEvents {
    async fn announced(
        &self,
        user: &UserId,
        ids: BTreeSet<String>,
    ) -> Result<BTreeSet<String>, StoreError> {
        let events = self.published().into_iter();
        let theirs = events.filter(|event| event.attributes.user_id.as_ref() == Some(user));
        Ok(theirs.map(|event| event.id).filter(|id| ids.contains(id)).collect())
    }
}
