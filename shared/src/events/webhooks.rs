//! Events for one consumer, posted to it one by one as webhooks: `webhook-id` is the event's id, the body the event.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};

use super::{Event, Events};
use crate::clock::Clock;
use crate::disposition::chain;
use crate::ids::UserId;
use crate::store::StoreError;
use crate::webhook::{Webhook, WebhookError, Webhooks};

/// Posts that are under way at a time: a receiver that takes 50 ms for each then takes 160 a second.
const TOGETHER: usize = 8;

/// What we do, in errors.
const DOING: &str = "telling a webhook of an event";

/// One receiver.
pub struct WebhookEvents {
    /// Signs and posts.
    pub webhooks: Arc<dyn Webhooks>,
    /// Whom. It may be a secret, and is in no error.
    pub address: String,
    /// A webhook says when it is posted.
    pub clock: Clock,
}

impl WebhookEvents {
    async fn post(&self, event: &Event) -> Result<(), StoreError> {
        let broken = |source| StoreError::Broken { doing: DOING, source };
        let id = event.id.parse().map_err(|bad: crate::ids::BadId| broken(bad.into()))?;
        let body = serde_json::to_string(event).map_err(|error| broken(error.into()))?;
        let webhook = Webhook { id, at: self.clock.now(), body };
        self.webhooks.post(&self.address, &webhook).await.map_err(meaning)
    }
}

/// What may pass is worth another try; an address that is not to be called, and one that wants no more, stay so.
fn meaning(error: WebhookError) -> StoreError {
    match error {
        WebhookError::Keys(error) => error,
        WebhookError::Forbidden(_) | WebhookError::Gone => {
            StoreError::Broken { doing: DOING, source: error.into() }
        }
        WebhookError::Answered { .. }
        | WebhookError::Resting { .. }
        | WebhookError::Unreachable { .. } => {
            StoreError::Unavailable { doing: DOING, source: error.into() }
        }
    }
}

#[async_trait]
impl Events for WebhookEvents {
    /// Fails as a whole where the receiver took none, so that whoever asked learns why.
    async fn publish(&self, batch: &[Event]) -> Result<Vec<usize>, StoreError> {
        let posts: Vec<_> = batch.iter().map(|event| self.post(event)).collect();
        let posted: Vec<_> = stream::iter(posts).buffered(TOGETHER).collect().await;
        let (mut failed, mut first) = (Vec::new(), None);
        for (index, answer) in posted.into_iter().enumerate() {
            if let Err(error) = answer {
                failed.push(index);
                first.get_or_insert(error);
            }
        }
        match first {
            Some(error) if failed.len() == batch.len() => Err(error),
            Some(error) => {
                let (error, failed_ones) = (chain(&error), failed.len());
                tracing::warn!(error, failed = failed_ones, "A receiver did not take every event");
                Ok(failed)
            }
            None => Ok(failed),
        }
    }

    /// What a receiver has taken is the receiver's.
    async fn forget(&self, _user: &UserId) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::events::EventKind;
    use crate::webhook::memory::MemoryWebhooks;

    fn event(id: &str) -> Event {
        let at = "2026-05-01T12:00:00Z".parse().unwrap();
        Event::new("local", id.into(), EventKind::MessageProcessed, "m1".into(), at, json!({}))
    }

    fn receiver() -> (Arc<MemoryWebhooks>, WebhookEvents) {
        let webhooks = Arc::new(MemoryWebhooks::default());
        let clock = Clock::manual("2026-05-01T12:00:00Z".parse().unwrap());
        let address = "https://example.com/hook?key=1".to_owned();
        (webhooks.clone(), WebhookEvents { webhooks, address, clock })
    }

    #[tokio::test]
    async fn each_event_is_posted_under_its_own_id() {
        let (taken, events) = receiver();
        let batch = ["e1", "e2", "e3"].map(event);
        assert!(events.publish(&batch).await.unwrap().is_empty());
        let posted = taken.posted();
        assert_eq!(posted.len(), 3);
        for (event, (address, webhook)) in batch.iter().zip(posted) {
            assert_eq!((address, webhook.id.as_str()), (events.address.clone(), &*event.id));
            assert!(serde_json::from_str::<Event>(&webhook.body).unwrap() == *event);
        }
    }

    #[tokio::test]
    async fn a_receiver_that_takes_nothing_says_why_without_its_address() {
        let (taken, events) = receiver();
        for (status, is_broken) in [(500, false), (404, false), (410, true)] {
            taken.answer(status);
            let error = events.publish(&[event("e1"), event("e2")]).await.err().unwrap();
            assert_eq!(matches!(error, StoreError::Broken { .. }), is_broken, "{status}");
            let said = chain(&error);
            assert!(said.contains(&status.to_string()) && !said.contains("key=1"), "{said}");
        }
        assert!(taken.posted().is_empty());
    }

    #[tokio::test]
    async fn what_one_receiver_refuses_alone_is_told_by_its_place() {
        let (taken, events) = receiver();
        let failed = events.publish(&[event("e1"), event("no id, this"), event("e3")]).await;
        assert_eq!(failed.unwrap(), [1]);
        assert_eq!(taken.posted().len(), 2);
        assert!(events.publish(&[]).await.unwrap().is_empty());
    }
}
