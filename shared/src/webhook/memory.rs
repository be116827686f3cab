//! Webhooks that go nowhere, and are remembered.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Webhook, WebhookError, Webhooks};

/// What was posted, with its address, in order.
#[derive(Default)]
pub struct MemoryWebhooks {
    posted: Mutex<Vec<(String, Webhook)>>,
    /// What is answered from now on; 200 where it is none.
    status: Mutex<Option<u16>>,
}

impl MemoryWebhooks {
    /// Everything that was taken.
    pub fn posted(&self) -> Vec<(String, Webhook)> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    }
}

#[async_trait]
impl Webhooks for MemoryWebhooks {
    async fn post(&self, address: &str, webhook: &Webhook) -> Result<(), WebhookError> {
        let status = *self.status.lock().unwrap_or_else(PoisonError::into_inner);
        super::verdict(status.unwrap_or(200))?;
        let mut posted = self.posted.lock().unwrap_or_else(PoisonError::into_inner);
        posted.push((address.to_owned(), webhook.clone()));
        Ok(())
    }
}
