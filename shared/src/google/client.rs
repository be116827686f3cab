//! Who we are for Google: our OAuth client's id and password, our service account, and where they come from.

use std::sync::Arc;

use async_trait::async_trait;

use super::service_account::ServiceAccount;
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

/// Where our service account comes from, in the same two ways.
#[async_trait]
pub trait AccountSource: Send + Sync {
    /// The account to speak as now.
    async fn account(&self) -> Result<Arc<ServiceAccount>, StoreError>;

    /// Google did not take what `refused` signed: a newer key, where there is one.
    async fn newer(
        &self,
        refused: &Arc<ServiceAccount>,
    ) -> Result<Option<Arc<ServiceAccount>>, StoreError>;
}

/// A service account that stands for the life of the process.
pub struct FixedAccount(Arc<ServiceAccount>);

impl FixedAccount {
    /// This one.
    pub fn new(account: ServiceAccount) -> Self {
        Self(Arc::new(account))
    }
}

#[async_trait]
impl AccountSource for FixedAccount {
    async fn account(&self) -> Result<Arc<ServiceAccount>, StoreError> {
        Ok(self.0.clone())
    }

    async fn newer(
        &self,
        _refused: &Arc<ServiceAccount>,
    ) -> Result<Option<Arc<ServiceAccount>>, StoreError> {
        Ok(None)
    }
}
