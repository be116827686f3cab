//! Secrets Manager: the password of our OAuth client, the key of our service account, the key for cookies and links, and
//! those for webhooks.

use aws_config::SdkConfig;
use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_secretsmanager::Client;
use futures::FutureExt;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{Place, fault};
use crate::google::client::ClientCredentials;
use crate::google::service_account::{BadServiceAccount, ServiceAccount};
use crate::secret::ClientSecret;
use crate::store::StoreError;
use crate::webhook::SigningKeys;
use crate::webhook::signature::NoKeys;

const DOING: &str = "reading a secret";

/// The names in the secret of our OAuth client: exactly these two.
const CLIENT_ID: &str = "GOOGLE_CLIENT_ID";
const CLIENT_SECRET: &str = "GOOGLE_CLIENT_SECRET";

/// The shortest text that a key is made of, in characters.
const KEY_CHARS: usize = 32;

/// Reads secrets. Each call is a request: what is needed again is for the caller to keep.
#[derive(Debug, Clone)]
pub struct Secrets(Client);

/// A secret that is not what it should be. None of it is quoted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum BadSecret {
    #[error("it has no text")]
    NoText,
    #[error("it is not JSON with the names {CLIENT_ID} and {CLIENT_SECRET}")]
    NotJson,
    #[error("{} {} not set", .0.join(" and "), if .0.len() == 1 { "is" } else { "are" })]
    Unset(Vec<&'static str>),
    #[error("it has names beside {CLIENT_ID} and {CLIENT_SECRET}")]
    MoreNames,
    #[error("it is shorter than {KEY_CHARS} characters")]
    ShortKey,
    #[error("it {0}")]
    WebhookKeys(#[from] NoKeys),
    #[error(transparent)]
    ServiceAccount(#[from] BadServiceAccount),
}

impl Secrets {
    /// Reads secrets of this account.
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// The secret of our OAuth client, JSON with exactly the names `GOOGLE_CLIENT_ID` and `GOOGLE_CLIENT_SECRET`.
    pub async fn client_credentials(
        &self,
        secret_id: &str,
    ) -> Result<ClientCredentials, StoreError> {
        let text = self.text(secret_id).await?;
        credentials(&text).map_err(|bad| refused(secret_id, &bad))
    }

    /// The secret of our service account: the key file, as Google gave it out.
    pub async fn service_account(&self, secret_id: &str) -> Result<ServiceAccount, StoreError> {
        let text = self.text(secret_id).await?;
        ServiceAccount::parse(&text).map_err(|bad| refused(secret_id, &bad.into()))
    }

    /// The key for cookies and links: SHA-256 of a text of at least 32 characters, as the template has it generated.
    pub async fn web_key(&self, secret_id: &str) -> Result<Zeroizing<[u8; 32]>, StoreError> {
        let text = self.text(secret_id).await?;
        key(&text).map_err(|bad| refused(secret_id, &bad))
    }

    /// The secret with which webhooks are signed: one key, or two while it is replaced.
    pub async fn webhook_keys(&self, secret_id: &str) -> Result<SigningKeys, StoreError> {
        let text = self.text(secret_id).await?;
        text.parse().map_err(|bad: NoKeys| refused(secret_id, &bad.into()))
    }

    async fn text(&self, secret_id: &str) -> Result<Zeroizing<String>, StoreError> {
        // On the heap, as behind a trait: the SDK's future is so deep that compilers give up on what is built around it.
        let read = self.0.get_secret_value().secret_id(secret_id).send().boxed().await;
        let action = "secretsmanager:GetSecretValue";
        let at = Place { doing: DOING, action, resource: secret_id };
        let text = read.map_err(|error| fault(at, error))?.secret_string;
        text.map(Zeroizing::new).ok_or_else(|| refused(secret_id, &BadSecret::NoText))
    }
}

fn refused(secret_id: &str, bad: &BadSecret) -> StoreError {
    StoreError::Broken { doing: DOING, source: format!("secret {secret_id}: {bad}").into() }
}

fn credentials(text: &str) -> Result<ClientCredentials, BadSecret> {
    let mut names: Map<String, Value> =
        serde_json::from_str(text).map_err(|_| BadSecret::NotJson)?;
    let mut take = |name| match names.remove(name) {
        Some(Value::String(value)) if !value.trim().is_empty() => Some(value.trim().to_owned()),
        _ => None,
    };
    match (take(CLIENT_ID), take(CLIENT_SECRET)) {
        (Some(_), Some(_)) if !names.is_empty() => Err(BadSecret::MoreNames),
        (Some(id), Some(secret)) => Ok(ClientCredentials { id, secret: ClientSecret::new(secret) }),
        (None, Some(_)) => Err(BadSecret::Unset(vec![CLIENT_ID])),
        (Some(_), None) => Err(BadSecret::Unset(vec![CLIENT_SECRET])),
        (None, None) => Err(BadSecret::Unset(vec![CLIENT_ID, CLIENT_SECRET])),
    }
}

fn key(text: &str) -> Result<Zeroizing<[u8; 32]>, BadSecret> {
    if text.chars().count() < KEY_CHARS {
        return Err(BadSecret::ShortKey);
    }
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    Ok(key)
}

#[cfg(test)]
mod tests;
