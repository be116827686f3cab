//! Access by delegation, over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use zeroize::Zeroizing;

use super::body::{self, SMALL_LIMIT, Unread};
use super::{GoogleAddresses, HttpClient, errors, retry};
use crate::google::client::AccountSource;
use crate::google::service_account::{JWT_BEARER, ServiceAccount};
use crate::google::{Account, Delegation, DelegationError, TokenAnswer, json};
use crate::secret::AccessToken;

/// Google's token and userinfo endpoints, for a service account of ours. No `Debug`: it holds its key.
pub struct HttpDelegation {
    client: HttpClient,
    addresses: GoogleAddresses,
    source: Arc<dyn AccountSource>,
}

impl HttpDelegation {
    /// Speaks as the service account that `source` holds at the time.
    pub fn new(
        client: HttpClient,
        addresses: GoogleAddresses,
        source: Arc<dyn AccountSource>,
    ) -> Self {
        Self { client, addresses, source }
    }

    async fn mint_as(
        &self,
        account: &ServiceAccount,
        email: &str,
        scopes: &str,
    ) -> Result<TokenAnswer, DelegationError> {
        let (audience, now) = (self.addresses.token_url.to_string(), self.client.clock.now());
        let assertion = account.assertion(email, scopes, &audience, now);
        let assertion =
            assertion.map_err(|error| DelegationError::Assertion { error: error.to_string() })?;
        let form = [("grant_type", JWT_BEARER), ("assertion", assertion.as_str())];
        let request = self.client.pool.post(self.addresses.token_url.url()).form(&form);
        let (status, headers, body) = self.answer(request).await?;
        if status != StatusCode::OK {
            return Err(self.refusal(status, &headers, &body));
        }
        json::token_answer(&body).map_err(|misfit| DelegationError::Malformed { cause: misfit.0 })
    }

    /// The whole answer. The body is zeroed on drop, because it may hold a token.
    async fn answer(
        &self,
        request: RequestBuilder,
    ) -> Result<(StatusCode, HeaderMap, Zeroizing<Vec<u8>>), DelegationError> {
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|cause| DelegationError::Unreachable { cause })?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        match body::read(answer, SMALL_LIMIT).await {
            Ok(body) => Ok((status, headers, Zeroizing::new(body))),
            Err(Unread::Cut(cause)) => Err(DelegationError::Unreachable { cause }),
            Err(Unread::TooLong) => {
                Err(DelegationError::Malformed { cause: format!("more than {SMALL_LIMIT} bytes") })
            }
        }
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> DelegationError {
        errors::delegation(status.as_u16(), headers, body, self.client.clock.now())
    }
}

#[async_trait]
impl Delegation for HttpDelegation {
    /// Asks once more under a newer key, where there is one, when Google does not take what was signed.
    async fn mint(&self, email: &str, scopes: &[String]) -> Result<TokenAnswer, DelegationError> {
        let scopes = scopes.join(" ");
        let ours = self.source.account().await.map_err(DelegationError::Credentials)?;
        match self.mint_as(&ours, email, &scopes).await {
            Err(
                refused @ (DelegationError::Assertion { .. }
                | DelegationError::ServiceAccount { .. }),
            ) => match self.source.newer(&ours).await.map_err(DelegationError::Credentials)? {
                Some(newer) => self.mint_as(&newer, email, &scopes).await,
                None => Err(refused),
            },
            answer => answer,
        }
    }

    async fn account(&self, token: &AccessToken) -> Result<Account, DelegationError> {
        let request = self.client.pool.get(self.addresses.userinfo_url.url());
        let (status, headers, body) = self.answer(request.bearer_auth(token.bearer())).await?;
        if status != StatusCode::OK {
            let until = retry::hint(&headers, "", self.client.clock.now());
            return Err(DelegationError::of_userinfo(status.as_u16(), until));
        }
        json::account(&body).map_err(|misfit| DelegationError::Malformed { cause: misfit.0 })
    }
}

#[cfg(test)]
mod tests;
