//! Reading many rows: by their keys, by the first part of their key, or all of them.

use std::time::Duration;

use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use futures::stream::{self, StreamExt, TryStreamExt};

use super::table::Table;
use super::values::Item;
use crate::aws::fault;
use crate::clock::Clock;
use crate::store::StoreError;

/// The most keys of one `BatchGetItem` (`API_BatchGetItem`).
const BATCH: usize = 100;

/// How often keys that were left over are asked for again, the first time after [`PAUSE`].
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(25);

/// Deletes that are under way at a time.
const AT_ONCE: usize = 10;

/// A page of rows. It is no longer than asked for, but may be shorter, or empty, and yet be followed by another:
/// DynamoDB stops at a megabyte.
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    /// The key after which the next page begins; `None` after the last.
    pub(super) next: Option<Item>,
}

impl Table {
    /// Those of the rows with these keys that are there, as they are now, in any order. No key may come twice.
    pub(super) async fn get_all(
        &self,
        doing: &'static str,
        keys: &[Item],
    ) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for batch in keys.chunks(BATCH) {
            self.get_batch(doing, batch.to_vec(), &mut found).await?;
        }
        Ok(found)
    }

    /// DynamoDB answers what it had capacity for; the rest is asked for again.
    async fn get_batch(
        &self,
        doing: &'static str,
        mut keys: Vec<Item>,
        found: &mut Vec<Item>,
    ) -> Result<(), StoreError> {
        for attempt in 0..TRIES {
            if attempt > 0 {
                Clock::System.sleep(self.chance.jitter(PAUSE * 2_u32.pow(attempt))).await;
            }
            let asked = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
            let asked =
                asked.build().map_err(|e| StoreError::Broken { doing, source: e.into() })?;
            let request = self.client.batch_get_item().request_items(&self.name, asked);
            let at = self.place(doing, "dynamodb:BatchGetItem");
            let answer = request.send().await.map_err(|error| fault(at, error))?;
            found.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items));
            let left = answer.unprocessed_keys.into_iter().flatten();
            keys = left.flat_map(|(_, left)| left.keys).collect();
            if keys.is_empty() {
                return Ok(());
            }
        }
        let source = format!("{} had no capacity for {} keys", self.name, keys.len()).into();
        Err(StoreError::Unavailable { doing, source })
    }

    /// A page of the rows whose first key part is `of`, in the order of the second, as they are now.
    pub(super) async fn query_page(
        &self,
        doing: &'static str,
        of: &str,
        after: Option<Item>,
        limit: Option<usize>,
    ) -> Result<Page, StoreError> {
        let request = self.client.query().table_name(&self.name).consistent_read(true);
        let request = request.key_condition_expression("#key = :key");
        let request = request.expression_attribute_names("#key", self.key[0]);
        let request = request.expression_attribute_values(":key", AttributeValue::S(of.to_owned()));
        let request = request.set_exclusive_start_key(after).set_limit(limit.map(at_most));
        let at = self.place(doing, "dynamodb:Query");
        let answer = request.send().await.map_err(|error| fault(at, error))?;
        Ok(Page { items: answer.items.unwrap_or_default(), next: answer.last_evaluated_key })
    }

    /// Deletes at most `limit` of the rows whose first key part is `of`, and answers how many; 0 when none is left.
    pub(super) async fn delete_page(
        &self,
        doing: &'static str,
        of: &str,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let page = self.query_page(doing, of, None, Some(limit)).await?;
        let keys = page.items.into_iter().map(|mut item| {
            item.retain(|name, _| self.key.contains(&name.as_str()));
            item
        });
        let doomed: Vec<_> = keys.map(|key| self.delete(doing, key)).collect();
        let gone: Vec<()> = stream::iter(doomed).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(gone.len())
    }

    /// A page of all rows, read as `how` says.
    pub(super) async fn scan_page(
        &self,
        doing: &'static str,
        after: Option<Item>,
        limit: usize,
        how: impl FnOnce(ScanFluentBuilder) -> ScanFluentBuilder,
    ) -> Result<Page, StoreError> {
        let request = self.client.scan().table_name(&self.name).limit(at_most(limit));
        let request = how(request.set_exclusive_start_key(after));
        let at = self.place(doing, "dynamodb:Scan");
        let answer = request.send().await.map_err(|error| fault(at, error))?;
        Ok(Page { items: answer.items.unwrap_or_default(), next: answer.last_evaluated_key })
    }
}

/// A page's limit: DynamoDB takes no 0.
fn at_most(limit: usize) -> i32 {
    i32::try_from(limit.max(1)).unwrap_or(i32::MAX)
}
