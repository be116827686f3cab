//! Marks in DynamoDB: a batch is read at once, and each mark that changes is one write.

use std::collections::HashMap;

use async_trait::async_trait;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::DynamoLedger;
use super::mark_items::OwnMark;
use super::values::{Item, needed};
use crate::clock::Timestamp;
use crate::ids::{Epoch, JobId, MessageId, UserId};
use crate::ledger::Marks;
use crate::mark::{Ending, ForwardStep, Listing, Mark, MarkCounts, MarkState, Naming};
use crate::pack::PackKey;
use crate::store::{StoreError, Write};

/// Writes of one batch that are under way at a time.
const AT_ONCE: usize = 10;

/// What names a message.
trait Named: Sync {
    fn message_id(&self) -> &MessageId;
}

impl Named for MessageId {
    fn message_id(&self) -> &MessageId {
        self
    }
}

impl Named for Listing {
    fn message_id(&self) -> &MessageId {
        &self.message_id
    }
}

impl Named for Ending {
    fn message_id(&self) -> &MessageId {
        &self.message_id
    }
}

impl Named for Naming {
    fn message_id(&self) -> &MessageId {
        &self.message_id
    }
}

impl DynamoLedger {
    /// The items of these marks, by message.
    async fn mark_items<'a>(
        &self,
        doing: &'static str,
        user: &UserId,
        ids: impl Iterator<Item = &'a MessageId> + Send,
    ) -> Result<HashMap<MessageId, Item>, StoreError> {
        let key = |id: &MessageId| self.marks.key(&[user.as_str(), id.as_str()]);
        // DynamoDB refuses a key that comes twice.
        let keys: HashMap<&MessageId, Item> = ids.map(|id| (id, key(id))).collect();
        let keys: Vec<Item> = keys.into_values().collect();
        let items = self.marks.get_all(doing, &keys).await?;
        Ok(items
            .into_iter()
            .filter_map(|item| Some((needed(&item, "messageId").ok()?, item)))
            .collect())
    }

    /// Makes of each mark what `decide` makes of it and its entry in the batch, and answers the marks that then are
    /// there. A message that comes more than once is decided upon in the batch's order and written once.
    async fn change_marks<'a, T: Named>(
        &self,
        doing: &'static str,
        user: &UserId,
        batch: &'a [T],
        decide: impl Fn(Option<&Mark>, &T) -> Option<Mark> + Send + Sync,
    ) -> Result<HashMap<&'a MessageId, Mark>, StoreError> {
        let mut there = self.mark_items(doing, user, batch.iter().map(Named::message_id)).await?;
        let mut entries: HashMap<&'a MessageId, Vec<&'a T>> = HashMap::new();
        for entry in batch {
            entries.entry(entry.message_id()).or_default().push(entry);
        }
        let changes: Vec<_> = entries
            .into_iter()
            .map(|(id, entries)| {
                self.change_mark(doing, (user, id), there.remove(id), entries, &decide)
            })
            .collect();
        let marks: Vec<_> = stream::iter(changes).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(marks.into_iter().flatten().collect())
    }

    async fn change_mark<'a, T: Named>(
        &self,
        doing: &'static str,
        (user, id): (&UserId, &'a MessageId),
        there: Option<Item>,
        entries: Vec<&'a T>,
        decide: &(impl Fn(Option<&Mark>, &T) -> Option<Mark> + Send + Sync),
    ) -> Result<Option<(&'a MessageId, Mark)>, StoreError> {
        let decide = |there: Option<&OwnMark>| {
            let there = there.map(|own| &own.mark);
            let after = entries.iter().fold(None, |mark: Option<Mark>, entry| {
                decide(mark.as_ref().or(there), entry).or(mark)
            });
            after.map(|mark| OwnMark { user_id: user.clone(), mark })
        };
        let key = self.marks.key(&[user.as_str(), id.as_str()]);
        let changed = self.marks.change(doing, key, there, decide).await?;
        Ok(changed.row.map(|own| (id, own.mark)))
    }
}

/// A change of a mark that is there.
fn changed(there: Option<&Mark>, change: impl FnOnce(&mut Mark) -> Write) -> Option<Mark> {
    let mut mark = there?.clone();
    (change(&mut mark) == Write::Applied).then_some(mark)
}

#[async_trait]
impl Marks for DynamoLedger {
    async fn list(
        &self,
        user: &UserId,
        epoch: Epoch,
        listings: &[Listing],
        now: Timestamp,
    ) -> Result<Vec<MarkState>, StoreError> {
        let list = |there: Option<&Mark>, listing: &Listing| listing.mark(there, epoch, now);
        let marks = self.change_marks("listing messages", user, listings, list).await?;
        let state = |listing: &Listing| {
            marks.get(&listing.message_id).map_or(listing.state, |mark| mark.state)
        };
        Ok(listings.iter().map(state).collect())
    }

    async fn get(&self, user: &UserId, ids: &[MessageId]) -> Result<Vec<Option<Mark>>, StoreError> {
        let doing = "reading marks";
        let items = self.mark_items(doing, user, ids.iter()).await?;
        let read = |id| {
            let item = items.get(id);
            item.map(|item| Ok(self.marks.read::<OwnMark>(doing, item)?.mark)).transpose()
        };
        ids.iter().map(read).collect()
    }

    async fn finish(
        &self,
        user: &UserId,
        epoch: Epoch,
        endings: &[Ending],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let finish = |there: Option<&Mark>, ending: &Ending| {
            changed(there, |mark| mark.finish(epoch, ending, now))
        };
        self.change_marks("finishing messages", user, endings, finish).await.map(drop)
    }

    async fn name(
        &self,
        user: &UserId,
        namings: &[Naming],
    ) -> Result<Vec<Option<PackKey>>, StoreError> {
        let name = |there: Option<&Mark>, naming: &Naming| changed(there, |mark| mark.name(naming));
        let marks = self.change_marks("naming packs", user, namings, name).await?;
        let named = |naming: &Naming| marks.get(&naming.message_id)?.pack.clone();
        Ok(namings.iter().map(named).collect())
    }

    async fn park(
        &self,
        user: &UserId,
        epoch: Epoch,
        ids: &[MessageId],
        job: &JobId,
    ) -> Result<(), StoreError> {
        let park =
            |there: Option<&Mark>, _: &MessageId| changed(there, |mark| mark.park(epoch, job));
        self.change_marks("parking messages", user, ids, park).await.map(drop)
    }

    async fn unpark(
        &self,
        user: &UserId,
        epoch: Epoch,
        ids: &[MessageId],
        job: &JobId,
    ) -> Result<(), StoreError> {
        let unpark =
            |there: Option<&Mark>, _: &MessageId| changed(there, |mark| mark.unpark(epoch, job));
        self.change_marks("releasing messages", user, ids, unpark).await.map(drop)
    }

    async fn relist(
        &self,
        user: &UserId,
        epoch: Epoch,
        ids: &[MessageId],
        job: &JobId,
    ) -> Result<(), StoreError> {
        let relist =
            |there: Option<&Mark>, _: &MessageId| changed(there, |mark| mark.relist(epoch, job));
        self.change_marks("listing messages again", user, ids, relist).await.map(drop)
    }

    async fn page(
        &self,
        user: &UserId,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<Mark>, StoreError> {
        let doing = "reading marks";
        let mut from = after.map(|id| self.marks.key(&[user.as_str(), id.as_str()]));
        let mut marks = Vec::new();
        while marks.len() < limit {
            let left = Some(limit - marks.len());
            let page = self.marks.query_page(doing, user.as_str(), from, left).await?;
            for item in &page.items {
                marks.push(self.marks.read::<OwnMark>(doing, item)?.mark);
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok(marks)
    }

    async fn forward(
        &self,
        user: &UserId,
        epoch: Epoch,
        message: &MessageId,
        action: &JobId,
        step: ForwardStep,
    ) -> Result<Write, StoreError> {
        let forward = |there: Option<&OwnMark>| {
            let mut own = there?.clone();
            (own.mark.forward(epoch, action, step) == Write::Applied).then_some(own)
        };
        let key = self.marks.key(&[user.as_str(), message.as_str()]);
        let doing = "noting a forward";
        let there = self.marks.get(doing, key.clone()).await?;
        Ok(self.marks.change(doing, key, there, forward).await?.write)
    }

    async fn count(
        &self,
        user: &UserId,
        epoch: Epoch,
        now: Timestamp,
    ) -> Result<MarkCounts, StoreError> {
        let doing = "counting marks";
        let (mut counts, mut after) = (MarkCounts::default(), None);
        loop {
            let page = self.marks.query_page(doing, user.as_str(), after, None).await?;
            for item in &page.items {
                let OwnMark { mark, .. } = self.marks.read(doing, item)?;
                if mark.counts(epoch, now) {
                    counts.add(mark.state);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(counts);
            }
        }
    }

    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError> {
        self.marks.delete_page("deleting marks", user.as_str(), limit).await
    }
}
