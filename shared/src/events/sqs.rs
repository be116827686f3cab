//! Events for one consumer, straight into its queue: each as a subscription with raw delivery puts it there, so that the
//! consumer cannot tell the two apart but by what the event says of itself.

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};

use super::carried::{Carried, requests};
use super::{Event, Events};
use crate::aws::{Place, fault};
use crate::ids::UserId;
use crate::store::StoreError;

/// The most bytes of one event and of one request, attributes included: 1 MiB
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>). A queue may be
/// set to take less; it then says so itself.
const PAYLOAD: usize = 1024 * 1024;

/// One consumer's queue.
pub struct SqsEvents {
    client: Client,
    url: String,
}

impl SqsEvents {
    /// The queue at `url`, in the region of `config`.
    pub fn new(config: &SdkConfig, url: String) -> Self {
        Self { client: Client::new(config), url }
    }

    /// The queue of this name in this account, in the region of `config`. `Broken` where there is none, or it is not for
    /// us to see.
    pub async fn named(config: &SdkConfig, account: &str, name: &str) -> Result<Self, StoreError> {
        let client = Client::new(config);
        let asked = client.get_queue_url().queue_name(name).queue_owner_aws_account_id(account);
        let at = Place { doing: "looking for a queue", action: "sqs:GetQueueUrl", resource: name };
        let found = asked.send().await.map_err(|error| fault(at, error))?;
        Ok(Self { client, url: found.queue_url.unwrap_or_default() })
    }

    /// Sends one request's worth; answers the positions that SQS did not take.
    async fn send_some(
        &self,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<Vec<usize>, StoreError> {
        let ids: Vec<String> = entries.iter().map(|entry| entry.id.clone()).collect();
        let request = self.client.send_message_batch().queue_url(&self.url);
        let sent = request.set_entries(Some(entries)).send().await;
        let doing = "sending events to a queue";
        let at = Place { doing, action: "sqs:SendMessage", resource: &self.url };
        let answer = sent.map_err(|error| fault(at, error))?;
        for entry in answer.failed() {
            let (code, said) = (entry.code(), entry.message());
            tracing::warn!(code, said, queue = self.url, "SQS did not take an event");
        }
        let taken = |id: &String| answer.successful().iter().any(|it| it.id() == id);
        // What the answer does not name was not sent either.
        Ok(ids.iter().filter(|id| !taken(id)).filter_map(|id| id.parse().ok()).collect())
    }
}

#[async_trait]
impl Events for SqsEvents {
    async fn publish(&self, batch: &[Event]) -> Result<Vec<usize>, StoreError> {
        let (requests, mut failed) = requests(batch, PAYLOAD, entry);
        for request in requests {
            failed.extend(self.send_some(request).await?);
        }
        failed.sort_unstable();
        Ok(failed)
    }

    /// What is in a consumer's queue is the consumer's.
    async fn forget(&self, _user: &UserId) -> Result<(), StoreError> {
        Ok(())
    }
}

fn entry(index: usize, carried: Carried) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let entry = SendMessageBatchRequestEntry::builder().id(index.to_string());
    let mut entry = entry.message_body(carried.text);
    for it in carried.attributes {
        let value = MessageAttributeValue::builder().data_type(it.kind).string_value(it.value);
        entry = entry.message_attributes(it.name, value.build()?);
    }
    entry.build()
}
