//! Marks in memory.

use async_trait::async_trait;

use super::MemoryLedger;
use crate::clock::Timestamp;
use crate::ids::{Epoch, JobId, MessageId, UserId};
use crate::ledger::Marks;
use crate::mark::{Ending, ForwardStep, Listing, Mark, MarkCounts, MarkState, Naming};
use crate::pack::PackKey;
use crate::store::{StoreError, Write};

impl MemoryLedger {
    fn change_mark(&self, user: &UserId, id: &MessageId, change: impl FnOnce(&mut Mark) -> Write) {
        let key = (user.clone(), id.clone());
        let _ = self.tables().marks.get_mut(&key).map_or(Write::Stale, change);
    }
}

#[async_trait]
impl Marks for MemoryLedger {
    async fn list(
        &self,
        user: &UserId,
        epoch: Epoch,
        listings: &[Listing],
        now: Timestamp,
    ) -> Result<Vec<MarkState>, StoreError> {
        let marks = &mut self.tables().marks;
        let states = listings.iter().map(|listing| {
            let key = (user.clone(), listing.message_id.clone());
            if let Some(new) = listing.mark(marks.get(&key), epoch, now) {
                marks.insert(key.clone(), new);
            }
            marks.get(&key).map_or(listing.state, |mark| mark.state)
        });
        Ok(states.collect())
    }

    async fn get(&self, user: &UserId, ids: &[MessageId]) -> Result<Vec<Option<Mark>>, StoreError> {
        let marks = &self.tables().marks;
        Ok(ids.iter().map(|id| marks.get(&(user.clone(), id.clone())).cloned()).collect())
    }

    async fn finish(
        &self,
        user: &UserId,
        epoch: Epoch,
        endings: &[Ending],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for ending in endings {
            self.change_mark(user, &ending.message_id, |mark| mark.finish(epoch, ending, now));
        }
        Ok(())
    }

    async fn name(
        &self,
        user: &UserId,
        namings: &[Naming],
    ) -> Result<Vec<Option<PackKey>>, StoreError> {
        let marks = &mut self.tables().marks;
        let named = namings.iter().map(|naming| {
            let mark = marks.get_mut(&(user.clone(), naming.message_id.clone()))?;
            // Stale: the one that is named already stands.
            let _ = mark.name(naming);
            mark.pack.clone()
        });
        Ok(named.collect())
    }

    async fn park(
        &self,
        user: &UserId,
        epoch: Epoch,
        ids: &[MessageId],
        job: &JobId,
    ) -> Result<(), StoreError> {
        for id in ids {
            self.change_mark(user, id, |mark| mark.park(epoch, job));
        }
        Ok(())
    }

    async fn unpark(
        &self,
        user: &UserId,
        epoch: Epoch,
        ids: &[MessageId],
        job: &JobId,
    ) -> Result<(), StoreError> {
        for id in ids {
            self.change_mark(user, id, |mark| mark.unpark(epoch, job));
        }
        Ok(())
    }

    async fn relist(
        &self,
        user: &UserId,
        epoch: Epoch,
        ids: &[MessageId],
        job: &JobId,
    ) -> Result<(), StoreError> {
        for id in ids {
            self.change_mark(user, id, |mark| mark.relist(epoch, job));
        }
        Ok(())
    }

    async fn page(
        &self,
        user: &UserId,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<Mark>, StoreError> {
        let tables = self.tables();
        let theirs = tables.marks.iter().filter(|((owner, _), _)| owner == user);
        let theirs = theirs.filter(|((_, id), _)| after.is_none_or(|after| id > after));
        Ok(theirs.take(limit).map(|(_, mark)| mark.clone()).collect())
    }

    async fn forward(
        &self,
        user: &UserId,
        epoch: Epoch,
        message: &MessageId,
        action: &JobId,
        step: ForwardStep,
    ) -> Result<Write, StoreError> {
        let key = (user.clone(), message.clone());
        let mut tables = self.tables();
        let mark = tables.marks.get_mut(&key);
        Ok(mark.map_or(Write::Stale, |mark| mark.forward(epoch, action, step)))
    }

    async fn count(
        &self,
        user: &UserId,
        epoch: Epoch,
        now: Timestamp,
    ) -> Result<MarkCounts, StoreError> {
        let mut counts = MarkCounts::default();
        for ((owner, _), mark) in &self.tables().marks {
            if owner == user && mark.counts(epoch, now) {
                counts.add(mark.state);
            }
        }
        Ok(counts)
    }

    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError> {
        let marks = &mut self.tables().marks;
        let theirs = marks.keys().filter(|(owner, _)| owner == user).take(limit);
        let theirs: Vec<_> = theirs.cloned().collect();
        Ok(theirs.iter().filter_map(|key| marks.remove(key)).count())
    }
}
