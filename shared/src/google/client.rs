//! Who we are for Google: our OAuth client's id and password, and where they come from.

use std::sync::Arc;

use async_trait::async_trait;

use crate::secret::ClientSecret;
use crate::store::StoreError;

/// Who we are for Google.
#[derive(Debug)]
pub struct ClientCredentials {
    /// `GOOGLE_CLIENT_ID`.
    pub id: String,
    /// `GOOGLE_CLIENT_SECRET`.
    pub secret: ClientSecret,
}

/// Where our credentials come from: the settings of one machine, or a secret that may be changed while we run.
#[async_trait]
pub trait ClientSource: Send + Sync {
    /// The credentials to use now.
    async fn credentials(&self) -> Result<Arc<ClientCredentials>, StoreError>;

    /// Google did not know the client by `refused`: newer credentials, where there are any.
    async fn newer(
        &self,
        refused: &Arc<ClientCredentials>,
    ) -> Result<Option<Arc<ClientCredentials>>, StoreError>;
}

/// Credentials that stand for the life of the process.
pub struct FixedClient(Arc<ClientCredentials>);

impl FixedClient {
    /// These.
    pub fn new(id: String, secret: ClientSecret) -> Self {
        Self(Arc::new(ClientCredentials { id, secret }))
    }
}

#[async_trait]
impl ClientSource for FixedClient {
    async fn credentials(&self) -> Result<Arc<ClientCredentials>, StoreError> {
        Ok(self.0.clone())
    }

    async fn newer(
        &self,
        _refused: &Arc<ClientCredentials>,
    ) -> Result<Option<Arc<ClientCredentials>>, StoreError> {
        Ok(None)
    }
}
