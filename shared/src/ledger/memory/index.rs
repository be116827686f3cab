//! The index in memory.

use std::ops::Bound;

use async_trait::async_trait;

use super::MemoryLedger;
use crate::ids::{MessageId, UserId};
use crate::index::{Entry, Index};
use crate::store::StoreError;

#[async_trait]
impl Index for MemoryLedger {
    async fn note(&self, user: &UserId, entries: &[Entry]) -> Result<(), StoreError> {
        let index = &mut self.tables().index;
        let theirs = index.entry(user.clone()).or_default();
        for entry in entries {
            if entry.follows(theirs.get(&entry.message_id)) {
                theirs.insert(entry.message_id.clone(), entry.clone());
            }
        }
        Ok(())
    }

    async fn entries(
        &self,
        user: &UserId,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let index = &self.tables().index;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let theirs = index.get(user).into_iter();
        let rest =
            theirs.flat_map(|theirs| theirs.range::<MessageId, _>((start, Bound::Unbounded)));
        Ok(rest.take(limit).map(|(_, entry)| entry.clone()).collect())
    }

    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError> {
        let index = &mut self.tables().index;
        let Some(theirs) = index.get_mut(user) else { return Ok(0) };
        let ids: Vec<MessageId> = theirs.keys().take(limit).cloned().collect();
        let gone = ids.iter().filter_map(|id| theirs.remove(id)).count();
        if theirs.is_empty() {
            index.remove(user);
        }
        Ok(gone)
    }
}
