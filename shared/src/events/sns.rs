//! Events on an SNS topic: ten in a request, each with the attributes that subscribers filter on.
//!
//! A request that timed out may have been taken. Its events are then announced again, under the same ids.

mod entry;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::PublishBatchRequestEntry;

use self::entry::entries;
use super::{Event, Events};
use crate::aws::{Place, fault};
use crate::ids::UserId;
use crate::store::StoreError;

/// One topic.
pub struct SnsEvents {
    client: Client,
    topic_arn: String,
}

impl SnsEvents {
    /// The topic of that name, which must be there.
    pub fn new(config: &SdkConfig, topic_arn: String) -> Self {
        Self { client: Client::new(config), topic_arn }
    }

    /// Publishes one request's worth; answers the positions that SNS did not take.
    async fn publish_some(
        &self,
        entries: Vec<PublishBatchRequestEntry>,
    ) -> Result<Vec<usize>, StoreError> {
        let ids: Vec<String> = entries.iter().map(|entry| entry.id.clone()).collect();
        let request = self.client.publish_batch().topic_arn(&self.topic_arn);
        let published = request.set_publish_batch_request_entries(Some(entries)).send().await;
        let at =
            Place { doing: "publishing events", action: "sns:Publish", resource: &self.topic_arn };
        let answer = published.map_err(|error| fault(at, error))?;
        for entry in answer.failed() {
            let (code, said) = (entry.code(), entry.message());
            tracing::warn!(code, said, topic = self.topic_arn, "SNS did not take an event");
        }
        let taken = |id: &String| answer.successful().iter().any(|it| it.id() == Some(id));
        // What the answer does not name was not published either.
        Ok(ids.iter().filter(|id| !taken(id)).filter_map(|id| id.parse().ok()).collect())
    }
}

#[async_trait]
impl Events for SnsEvents {
    async fn publish(&self, batch: &[Event]) -> Result<Vec<usize>, StoreError> {
        let (requests, mut failed) = entries(batch);
        // One after the other: a topic has no order, but nothing is gained by mixing it up.
        for request in requests {
            failed.extend(self.publish_some(request).await?);
        }
        failed.sort_unstable();
        Ok(failed)
    }

    /// A topic keeps nothing.
    async fn forget(&self, _user: &UserId) -> Result<(), StoreError> {
        Ok(())
    }
}
