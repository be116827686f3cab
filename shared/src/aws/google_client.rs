//! Who we are for Google, as secrets hold it: our OAuth client's credentials, and our service account's key.

use std::sync::Arc;

use async_trait::async_trait;

use super::kept::Kept;
use super::secrets::Secrets;
use crate::clock::Clock;
use crate::google::client::{AccountSource, ClientCredentials, ClientSource};
use crate::google::service_account::ServiceAccount;
use crate::store::StoreError;

/// Credentials from the secret `GOOGLE_SECRET_ID`.
pub struct SecretClient {
    secrets: Secrets,
    secret_id: String,
    kept: Kept<ClientCredentials>,
}

impl SecretClient {
    /// Reads nothing yet.
    pub fn new(secrets: Secrets, secret_id: String, clock: Clock) -> Self {
        Self { secrets, secret_id, kept: Kept::new(clock) }
    }
}

#[async_trait]
impl ClientSource for SecretClient {
    async fn credentials(&self) -> Result<Arc<ClientCredentials>, StoreError> {
        self.kept.get(self.secrets.client_credentials(&self.secret_id)).await
    }

    async fn newer(
        &self,
        refused: &Arc<ClientCredentials>,
    ) -> Result<Option<Arc<ClientCredentials>>, StoreError> {
        let is_same = |one: &ClientCredentials, other: &ClientCredentials| {
            one.id == other.id && one.secret.for_google() == other.secret.for_google()
        };
        self.kept.newer(refused, is_same, self.secrets.client_credentials(&self.secret_id)).await
    }
}

/// The service account whose key is in the secret that `WORKSPACE_KEY` names.
pub struct SecretAccount {
    secrets: Secrets,
    secret_id: String,
    kept: Kept<ServiceAccount>,
}

impl SecretAccount {
    /// Reads nothing yet.
    pub fn new(secrets: Secrets, secret_id: String, clock: Clock) -> Self {
        Self { secrets, secret_id, kept: Kept::new(clock) }
    }
}

#[async_trait]
impl AccountSource for SecretAccount {
    async fn account(&self) -> Result<Arc<ServiceAccount>, StoreError> {
        self.kept.get(self.secrets.service_account(&self.secret_id)).await
    }

    async fn newer(
        &self,
        refused: &Arc<ServiceAccount>,
    ) -> Result<Option<Arc<ServiceAccount>>, StoreError> {
        self.kept
            .newer(refused, ServiceAccount::is, self.secrets.service_account(&self.secret_id))
            .await
    }
}

#[cfg(test)]
mod tests;
