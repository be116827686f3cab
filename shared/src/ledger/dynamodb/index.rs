//! The index in DynamoDB: an item for each result, read before it is written so that no judgement goes back.

use std::collections::HashMap;

use async_trait::async_trait;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::DynamoLedger;
use super::table::Row;
use super::values::{Attributes, Item, Malformed, any, flag, needed};
use crate::ids::{MessageId, UserId};
use crate::index::{Entry, Index};
use crate::store::StoreError;

/// Writes of one batch that are under way at a time.
const AT_ONCE: usize = 10;

/// An entry with its owner.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct OwnEntry {
    pub(super) user_id: UserId,
    pub(super) entry: Entry,
}

impl Row for OwnEntry {
    fn item(&self) -> Item {
        let Entry {
            message_id,
            key,
            line,
            generation,
            internal_date,
            category,
            labels,
            has_attachments,
        } = &self.entry;
        Attributes::default()
            .with("userId", &self.user_id)
            .with("messageId", message_id)
            .with("key", key)
            .with_any("line", line.as_ref())
            .with("generation", generation)
            .with_any("internalDate", internal_date.as_ref())
            .with("category", category)
            .with("labels", labels)
            .with("hasAttachments", has_attachments)
            .item()
    }

    fn read(item: &Item) -> Result<Self, Malformed> {
        let entry = Entry {
            message_id: needed(item, "messageId")?,
            key: needed(item, "key")?,
            line: any(item, "line")?,
            generation: needed(item, "generation")?,
            internal_date: any(item, "internalDate")?,
            category: needed(item, "category")?,
            labels: needed(item, "labels")?,
            has_attachments: flag(item, "hasAttachments")?,
        };
        Ok(Self { user_id: needed(item, "userId")?, entry })
    }
}

#[async_trait]
impl Index for DynamoLedger {
    async fn note(&self, user: &UserId, entries: &[Entry]) -> Result<(), StoreError> {
        let doing = "noting results";
        let key = |entry: &Entry| self.index.key(&[user.as_str(), entry.message_id.as_str()]);
        // DynamoDB refuses a key that comes twice.
        let last: HashMap<&MessageId, &Entry> =
            entries.iter().map(|entry| (&entry.message_id, entry)).collect();
        let keys: Vec<Item> = last.values().map(|entry| key(entry)).collect();
        let items = self.index.get_all(doing, &keys).await?;
        let mut there: HashMap<MessageId, Item> = items
            .into_iter()
            .filter_map(|item| Some((needed(&item, "messageId").ok()?, item)))
            .collect();
        let changes: Vec<_> = last
            .into_values()
            .map(|entry| {
                let decide = |there: Option<&OwnEntry>| {
                    let follows = entry.follows(there.map(|own| &own.entry));
                    follows.then(|| OwnEntry { user_id: user.clone(), entry: entry.clone() })
                };
                self.index.change(doing, key(entry), there.remove(&entry.message_id), decide)
            })
            .collect();
        let noted = stream::iter(changes).buffer_unordered(AT_ONCE);
        noted.try_for_each(async |_| Ok(())).await
    }

    async fn entries(
        &self,
        user: &UserId,
        after: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let doing = "reading the index";
        let mut found = Vec::new();
        let mut after = after.map(|id| self.index.key(&[user.as_str(), id.as_str()]));
        while found.len() < limit {
            let left = limit - found.len();
            let page = self.index.query_page(doing, user.as_str(), after, Some(left)).await?;
            for item in &page.items {
                found.push(self.index.read::<OwnEntry>(doing, item)?.entry);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(found)
    }

    async fn forget(&self, user: &UserId, limit: usize) -> Result<usize, StoreError> {
        self.index.delete_page("deleting from the index", user.as_str(), limit).await
    }
}
