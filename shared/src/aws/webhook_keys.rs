//! The keys that webhooks are signed with, from Secrets Manager.

use std::sync::Arc;

use async_trait::async_trait;

use super::kept::Kept;
use super::secrets::Secrets;
use crate::clock::Clock;
use crate::store::StoreError;
use crate::webhook::{SigningKeys, WebhookKeys};

/// One secret, read at the first webhook and then kept for as long as the process lives: a key is replaced by a secret
/// that holds both for some hours.
pub struct SecretWebhookKeys {
    secrets: Secrets,
    secret_id: String,
    known: Kept<SigningKeys>,
}

impl SecretWebhookKeys {
    /// The keys in this secret.
    pub fn new(secrets: Secrets, secret_id: String, clock: Clock) -> Self {
        Self { secrets, secret_id, known: Kept::new(clock) }
    }
}

#[async_trait]
impl WebhookKeys for SecretWebhookKeys {
    async fn keys(&self) -> Result<Arc<SigningKeys>, StoreError> {
        self.known.get(self.secrets.webhook_keys(&self.secret_id)).await
    }
}
