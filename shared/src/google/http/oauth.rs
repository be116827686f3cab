//! Google's token endpoint, revocation and signing keys over HTTP.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{AGE, CACHE_CONTROL, HeaderMap};
use reqwest::{Response, StatusCode};
use zeroize::Zeroizing;

use super::body::{self, SMALL_LIMIT, Unread};
use super::{Address, GoogleAddresses, HttpClient, errors};
use crate::google::client::{ClientCredentials, ClientSource, FixedClient};
use crate::google::{OAuth, OAuthError, RiscConfiguration, SigningKeys, TokenAnswer, json};
use crate::secret::{ClientSecret, RefreshToken};

/// How long signing keys are kept where Google does not say; Google's own answers say hours.
const KEYS_AGE: Duration = Duration::from_hours(1);

/// How long they are kept at most, so that a key that Google withdrew does not go on signing.
const LONGEST_KEYS_AGE: Duration = Duration::from_hours(24);

/// Google's `OAuth` over HTTP, for one client of ours. No `Debug`: it holds the client's secret.
pub struct HttpOAuth {
    client: HttpClient,
    addresses: GoogleAddresses,
    source: Arc<dyn ClientSource>,
    redirect_uri: String,
}

/// Google's word for a client that it does not know, or not by this password
/// (<https://datatracker.ietf.org/doc/html/rfc6749#section-5.2>).
const UNKNOWN_CLIENT: &str = "invalid_client";

impl HttpOAuth {
    /// Speaks as the client that Google knows by `client_id` and that comes back to `redirect_uri`.
    pub fn new(
        client: HttpClient,
        addresses: GoogleAddresses,
        client_id: String,
        client_secret: ClientSecret,
        redirect_uri: String,
    ) -> Self {
        let source = Arc::new(FixedClient::new(client_id, client_secret));
        Self::with_source(client, addresses, source, redirect_uri)
    }

    /// Speaks as the client whose credentials `source` holds at the time.
    pub fn with_source(
        client: HttpClient,
        addresses: GoogleAddresses,
        source: Arc<dyn ClientSource>,
        redirect_uri: String,
    ) -> Self {
        Self { client, addresses, source, redirect_uri }
    }

    /// Asks for tokens; a client that Google does not know is asked for again under newer credentials, if there are any.
    async fn token(&self, form: &[(&str, &str)]) -> Result<TokenAnswer, OAuthError> {
        let ours = self.source.credentials().await.map_err(OAuthError::Credentials)?;
        match self.token_as(&ours, form).await {
            Err(OAuthError::ClientFault { error }) if error == UNKNOWN_CLIENT => {
                match self.source.newer(&ours).await.map_err(OAuthError::Credentials)? {
                    Some(newer) => self.token_as(&newer, form).await,
                    None => Err(OAuthError::ClientFault { error }),
                }
            }
            answer => answer,
        }
    }

    /// Secrets travel in the form and never in the address, which others may write into their logs.
    async fn token_as(
        &self,
        client: &ClientCredentials,
        form: &[(&str, &str)],
    ) -> Result<TokenAnswer, OAuthError> {
        let ours =
            [("client_id", client.id.as_str()), ("client_secret", client.secret.for_google())];
        let form: Vec<_> = ours.iter().chain(form).collect();
        let request = self.client.pool.post(self.addresses.token_url.url()).form(&form);
        let (status, headers, body) = self.answer(self.client.send(request).await).await?;
        if status == StatusCode::OK {
            Ok(json::token_answer(&body)?)
        } else {
            Err(self.refusal(status, &headers, &body))
        }
    }

    /// The whole answer. The body is zeroed on drop, because it may hold tokens.
    async fn answer(
        &self,
        answer: Result<Response, String>,
    ) -> Result<(StatusCode, HeaderMap, Zeroizing<Vec<u8>>), OAuthError> {
        let answer = answer.map_err(|cause| OAuthError::Unreachable { cause })?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        match body::read(answer, SMALL_LIMIT).await {
            Ok(body) => Ok((status, headers, Zeroizing::new(body))),
            Err(Unread::Cut(cause)) => Err(OAuthError::Unreachable { cause }),
            Err(Unread::TooLong) if status == StatusCode::OK => {
                Err(OAuthError::Malformed { cause: format!("more than {SMALL_LIMIT} bytes") })
            }
            Err(Unread::TooLong) => Err(self.refusal(status, &headers, b"")),
        }
    }

    /// What Google publishes there, and how long it may be kept.
    async fn published_at(
        &self,
        address: &Address,
    ) -> Result<(Duration, Zeroizing<Vec<u8>>), OAuthError> {
        let request = self.client.pool.get(address.url());
        let (status, headers, body) = self.answer(self.client.send(request).await).await?;
        if status != StatusCode::OK {
            return Err(self.refusal(status, &headers, &body));
        }
        Ok((max_age(&headers), body))
    }

    async fn keys_at(&self, address: &Address) -> Result<SigningKeys, OAuthError> {
        let (max_age, body) = self.published_at(address).await?;
        Ok(SigningKeys { jwks: json::key_set(body.to_vec())?, max_age })
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> OAuthError {
        errors::oauth(status.as_u16(), headers, body, self.client.clock.now())
    }
}

#[async_trait]
impl OAuth for HttpOAuth {
    async fn exchange(&self, code: &str, verifier: &str) -> Result<TokenAnswer, OAuthError> {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", &self.redirect_uri),
        ])
        .await
    }

    async fn refresh(&self, token: &RefreshToken) -> Result<TokenAnswer, OAuthError> {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token.for_google())]).await
    }

    async fn revoke(&self, token: &RefreshToken) -> Result<(), OAuthError> {
        let request = self.client.pool.post(self.addresses.revoke_url.url());
        let request = request.form(&[("token", token.for_google())]);
        let (status, headers, body) = self.answer(self.client.send(request).await).await?;
        if status == StatusCode::OK || errors::is_revoked_already(status.as_u16(), &body) {
            Ok(())
        } else {
            Err(self.refusal(status, &headers, &body))
        }
    }

    async fn signing_keys(&self) -> Result<SigningKeys, OAuthError> {
        self.keys_at(&self.addresses.jwks_url).await
    }

    async fn risc_configuration(&self) -> Result<RiscConfiguration, OAuthError> {
        let (max_age, body) = self.published_at(&self.addresses.risc_url).await?;
        let (issuer, jwks_uri) = json::risc_configuration(&body)?;
        Ok(RiscConfiguration { issuer, jwks_uri, max_age })
    }

    async fn risc_keys(&self, jwks_uri: &str) -> Result<SigningKeys, OAuthError> {
        // The keys may be on another host than the configuration that names them, as Google's are: it is Google's word,
        // which came over TLS. Plain http is for a Google on this machine; no other makes us ask our own ports.
        let address = jwks_uri.parse::<Address>().ok();
        let safe = |address: &Address| !address.is_plain() || self.addresses.risc_url.is_plain();
        let cause = "a jwks_uri that nothing is fetched from".to_owned();
        let address = address.filter(safe).ok_or(OAuthError::Malformed { cause })?;
        self.keys_at(&address).await
    }
}

/// How long the answer stays fresh: `max-age` less the time it has spent in caches on the way.
fn max_age(headers: &HeaderMap) -> Duration {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let mut directives = text(CACHE_CONTROL).unwrap_or_default().split(',');
    let told = directives.find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok());
    let spent =
        text(AGE).and_then(|age| age.parse().ok()).map_or(Duration::ZERO, Duration::from_secs);
    told.map_or(KEYS_AGE, Duration::from_secs).saturating_sub(spent).min(LONGEST_KEYS_AGE)
}

#[cfg(test)]
mod tests;
