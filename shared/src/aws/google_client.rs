//! Our OAuth client's credentials as the secret holds them: fetched at first use, and again when Google no longer knows
//! the client by them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::secrets::Secrets;
use crate::clock::{Clock, Timestamp};
use crate::google::client::{ClientCredentials, ClientSource};
use crate::store::StoreError;

/// How long a secret is not read again after it was: while Google refuses the client, every refresh of every mailbox
/// asks for newer credentials.
const REST: Duration = Duration::from_secs(30);

/// Credentials from the secret `GOOGLE_SECRET_ID`.
pub struct SecretClient {
    secrets: Secrets,
    secret_id: String,
    clock: Clock,
    known: Mutex<Option<Known>>,
}

struct Known {
    credentials: Arc<ClientCredentials>,
    read_at: Timestamp,
}

impl SecretClient {
    /// Reads nothing yet.
    pub fn new(secrets: Secrets, secret_id: String, clock: Clock) -> Self {
        Self { secrets, secret_id, clock, known: Mutex::new(None) }
    }

    async fn read(&self, known: &mut Option<Known>) -> Result<Arc<ClientCredentials>, StoreError> {
        let credentials = Arc::new(self.secrets.client_credentials(&self.secret_id).await?);
        *known = Some(Known { credentials: credentials.clone(), read_at: self.clock.now() });
        Ok(credentials)
    }
}

#[async_trait]
impl ClientSource for SecretClient {
    async fn credentials(&self) -> Result<Arc<ClientCredentials>, StoreError> {
        // Held while the secret is read: of many jobs that begin at once one asks.
        let mut known = self.known.lock().await;
        match &*known {
            Some(known) => Ok(known.credentials.clone()),
            None => self.read(&mut known).await,
        }
    }

    async fn newer(
        &self,
        refused: &Arc<ClientCredentials>,
    ) -> Result<Option<Arc<ClientCredentials>>, StoreError> {
        let mut known = self.known.lock().await;
        if let Some(known) = &*known {
            if !Arc::ptr_eq(&known.credentials, refused) {
                return Ok(Some(known.credentials.clone()));
            }
            if self.clock.now() < known.read_at + REST {
                return Ok(None);
            }
        }
        let credentials = self.read(&mut known).await?;
        let same = credentials.id == refused.id
            && credentials.secret.for_google() == refused.secret.for_google();
        Ok((!same).then_some(credentials))
    }
}

#[cfg(test)]
mod tests;
