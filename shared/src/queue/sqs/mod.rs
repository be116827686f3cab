//! A queue in SQS: a standard queue, fair between the groups that are named as `MessageGroupId`.
//!
//! Every batch goes out in requests of ten, side by side, and every entry is looked for in the answer: an HTTP 200 of
//! SQS's may still carry failures, each of its own.

mod batch;
mod receipts;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Builder as Overrides;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName as Known,
    QueueAttributeName as Attribute, SendMessageBatchRequestEntry,
};
use futures::stream::{self, StreamExt, TryStreamExt};

use self::batch::{ENTRIES, requests};
use self::receipts::{Leases, Taken};
use super::{Depth, Outgoing, Queue, Receipt, Record, SendFailure, VISIBILITY};
use crate::aws::{ATTEMPT, Place, fault};
use crate::clock::{Clock, Timestamp};
use crate::disposition::chain;
use crate::store::StoreError;

/// Requests of one batch that are under way at a time.
const AT_ONCE: usize = 4;

/// The longest that SQS waits for a first record, in whole seconds
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>).
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// One queue.
pub struct SqsQueue {
    client: Client,
    url: String,
    clock: Clock,
    leases: Leases,
}

impl SqsQueue {
    /// The queue at `url`, which must be there.
    pub fn new(config: &SdkConfig, url: String, clock: Clock) -> Self {
        Self { client: Client::new(config), url, clock, leases: Leases::default() }
    }

    fn place(&self, doing: &'static str, action: &'static str) -> Place<'_> {
        Place { doing, action, resource: &self.url }
    }

    async fn send_some(
        &self,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<Vec<SendFailure>, StoreError> {
        let ids: Vec<String> = entries.iter().map(|entry| entry.id.clone()).collect();
        let request = self.client.send_message_batch().queue_url(&self.url);
        let sent = request.set_entries(Some(entries)).send().await;
        let at = self.place("sending to a queue", "sqs:SendMessage");
        let answer = sent.map_err(|error| fault(at, error))?;
        let taken = |id: &String| answer.successful().iter().any(|entry| &entry.id == id);
        let failure = |id: &String| {
            let said = answer.failed().iter().find(|entry| &entry.id == id);
            let cause = said.map_or("SQS did not say".to_owned(), |entry| {
                format!("{}: {}", entry.code(), entry.message().unwrap_or("no message"))
            });
            Some(SendFailure { index: id.parse().ok()?, cause })
        };
        // What the answer does not name was not sent either.
        Ok(ids.iter().filter(|id| !taken(id)).filter_map(failure).collect())
    }

    /// At most ten records.
    async fn receive_some(&self, max: usize, wait: Duration) -> Result<Vec<Record>, StoreError> {
        let wait = wait.min(LONGEST_WAIT).as_millis().div_ceil(1000);
        let wait = i32::try_from(wait).unwrap_or_default();
        let known = [Known::ApproximateReceiveCount, Known::SentTimestamp];
        let since = self.clock.now();
        let asked = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(max).unwrap_or(1))
            .visibility_timeout(whole_seconds(VISIBILITY))
            .wait_time_seconds(wait)
            .message_attribute_names("All")
            .set_message_system_attribute_names(Some(known.to_vec()));
        let patience = ATTEMPT + Duration::from_secs(wait.unsigned_abs().into());
        let received = asked.customize().config_override(patient(patience)).send().await;
        let at = self.place("receiving from a queue", "sqs:ReceiveMessage");
        let messages = received.map_err(|error| fault(at, error))?.messages.unwrap_or_default();
        Ok(messages.into_iter().filter_map(|message| record(message, since)).collect())
    }

    async fn delete_some(
        &self,
        entries: Vec<DeleteMessageBatchRequestEntry>,
    ) -> Result<(), StoreError> {
        let doing = "deleting from a queue";
        let request = self.client.delete_message_batch().queue_url(&self.url);
        let deleted = request.set_entries(Some(entries)).send().await;
        let at = self.place(doing, "sqs:DeleteMessage");
        let answer = deleted.map_err(|error| fault(at, error))?;
        match answer.failed().iter().find(|entry| !has_run_out(entry.code())) {
            None => Ok(()),
            Some(entry) => {
                let (failed, code) = (answer.failed().len(), entry.code());
                let source = format!("{failed} records were not deleted, the first for {code}");
                Err(StoreError::Unavailable { doing, source: source.into() })
            }
        }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, batch: Vec<Outgoing>) -> Result<Vec<SendFailure>, StoreError> {
        let (requests, refused) = requests(batch);
        let sending = requests.into_iter().map(|entries| self.send_some(entries));
        let sent = stream::iter(sending).buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?;
        let mut failures: Vec<_> = refused.into_iter().chain(sent.into_iter().flatten()).collect();
        failures.sort_by_key(|failure| failure.index);
        Ok(failures)
    }

    async fn receive(&self, max: usize, wait: Duration) -> Result<Vec<Record>, StoreError> {
        let (mut records, mut wait) = (Vec::new(), wait);
        while records.len() < max {
            let asked = ENTRIES.min(max - records.len());
            let found = match self.receive_some(asked, wait).await {
                Ok(found) => found,
                Err(error) if records.is_empty() => return Err(error),
                Err(error) => {
                    // What was received before is served; the next receive meets the fault again.
                    tracing::warn!(error = chain(&error), "Fewer records were received");
                    break;
                }
            };
            let last = found.len() < asked;
            records.extend(found);
            if last {
                break;
            }
            wait = Duration::ZERO;
        }
        Ok(records)
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<(), StoreError> {
        let now = self.clock.now();
        let taken = receipts.iter().filter_map(|receipt| self.leases.held(receipt, now));
        let entry = |(index, taken): (usize, Taken<'_>)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
            entry.receipt_handle(taken.handle).build().ok()
        };
        let entries: Vec<_> = taken.enumerate().filter_map(entry).collect();
        let deleting = entries.chunks(ENTRIES).map(|some| self.delete_some(some.to_vec()));
        let deleting: Vec<_> = deleting.collect();
        stream::iter(deleting).buffer_unordered(AT_ONCE).try_collect::<()>().await
    }

    async fn hide(&self, receipt: &Receipt, after: Duration) -> Result<(), StoreError> {
        let now = self.clock.now();
        let Some(taken) = self.leases.held(receipt, now) else { return Ok(()) };
        let after = after.min(taken.longest(now));
        let request = self.client.change_message_visibility().queue_url(&self.url);
        let request = request.receipt_handle(taken.handle);
        let hidden = request.visibility_timeout(whole_seconds(after)).send().await;
        match hidden {
            Ok(_) => self.leases.extend(&taken, now + after, now),
            Err(error) if error.code().is_some_and(has_run_out) => {}
            Err(error) => {
                let at = self.place("hiding a record of a queue", "sqs:ChangeMessageVisibility");
                return Err(fault(at, error));
            }
        }
        Ok(())
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        let visible = Attribute::ApproximateNumberOfMessages;
        let in_flight = Attribute::ApproximateNumberOfMessagesNotVisible;
        let delayed = Attribute::ApproximateNumberOfMessagesDelayed;
        let names = vec![visible.clone(), in_flight.clone(), delayed.clone()];
        let request = self.client.get_queue_attributes().queue_url(&self.url);
        let counted = request.set_attribute_names(Some(names)).send().await;
        let at = self.place("counting a queue", "sqs:GetQueueAttributes");
        let said = counted.map_err(|error| fault(at, error))?.attributes.unwrap_or_default();
        let count = |name| said.get(&name).and_then(|text| text.parse().ok()).unwrap_or_default();
        Ok(Depth { visible: count(visible), in_flight: count(in_flight), delayed: count(delayed) })
    }
}

/// Whether SQS says that a receipt is no right to anything: run out, used, or of another queue. A record that is no
/// longer in flight has `InvalidParameterValue` for a receipt.
fn has_run_out(code: &str) -> bool {
    let code = code.trim_start_matches("AWS.SimpleQueueService.");
    matches!(code, "ReceiptHandleIsInvalid" | "MessageNotInflight" | "InvalidParameterValue")
}

/// Rounded up: what was to stay hidden must not come early.
fn whole_seconds(length: Duration) -> i32 {
    i32::try_from(length.as_millis().div_ceil(1000)).unwrap_or(i32::MAX)
}

/// A long poll is no slow answer: it gets its wait on top of what every request gets.
fn patient(attempt: Duration) -> Overrides {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt);
    Overrides::new().timeout_config(timeouts.operation_timeout(attempt + ATTEMPT).build())
}

/// A message, received no earlier than `since`. One without a receipt can be neither served nor deleted.
fn record(message: Message, since: Timestamp) -> Option<Record> {
    let receipt = receipts::receipt(&message.receipt_handle?, since);
    let known = message.attributes.unwrap_or_default();
    let number = |name| known.get(&name).and_then(|text| text.parse::<i64>().ok());
    let carried = message.message_attributes.unwrap_or_default().into_iter();
    let count = number(Known::ApproximateReceiveCount).and_then(|count| u32::try_from(count).ok());
    Some(Record {
        id: message.message_id.unwrap_or_default(),
        receipt,
        body: message.body.unwrap_or_default(),
        attributes: carried.filter_map(|(name, value)| Some((name, value.string_value?))).collect(),
        receive_count: count.unwrap_or(1),
        sent_at: number(Known::SentTimestamp).map_or(since, Timestamp::from_millis),
    })
}
