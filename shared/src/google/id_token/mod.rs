//! Who consented: Google's signed word for it, checked before anything is built on it: the signature, and then every
//! claim, against the `now` that is given.

mod claims;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, decode_header};
use tokio::sync::Mutex;

use self::claims::Expected;
use super::published_keys::{NoKey, PublishedKeys, signed_claims};
use super::{OAuth, OAuthError};
use crate::clock::Timestamp;
use crate::ids::UserId;

/// Google's own are about one kilobyte.
const LONGEST_TOKEN: usize = 16 << 10;

/// Whom Google vouches for. No `Debug`: it holds an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account: its `sub`.
    pub user_id: UserId,
    /// Its address at the moment, for people to read.
    pub email: String,
}

/// Why a token was refused: the first claim that is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum IdTokenError {
    /// Not three parts that can be read, with an algorithm among those that sign.
    #[error("the ID token is not a signed token")]
    NotSigned,
    /// Signed by another algorithm than RS256.
    #[error("the ID token is not signed with RS256")]
    Algorithm,
    /// Signed by a key that Google does not publish.
    #[error("the ID token is signed with a key that Google does not publish")]
    UnknownKey,
    /// The signature does not fit, or what it covers is no JSON object.
    #[error("the ID token's signature does not fit")]
    Signature,
    /// `iss`
    #[error("the ID token comes from another issuer (iss)")]
    Issuer,
    /// `aud`
    #[error("the ID token is meant for another client (aud)")]
    Audience,
    /// `azp`
    #[error("the ID token was issued to another client (azp)")]
    AuthorizedParty,
    /// `exp`
    #[error("the ID token has expired (exp)")]
    Expiry,
    /// `iat`
    #[error("the ID token is from the future (iat)")]
    IssuedAt,
    /// `nonce`
    #[error("the ID token answers another request (nonce)")]
    Nonce,
    /// `sub`
    #[error("the ID token names no account (sub)")]
    Subject,
    /// `email`
    #[error("the ID token names no address (email)")]
    Email,
    /// Google's keys could not be had; the token itself may be good.
    #[error("getting Google's signing keys")]
    Keys(#[source] OAuthError),
}

/// Checks ID tokens against the keys that Google publishes, which it keeps as long as Google allows.
pub struct IdTokenVerifier {
    oauth: Arc<dyn OAuth>,
    issuer: String,
    client_id: String,
    keys: Mutex<PublishedKeys>,
}

impl IdTokenVerifier {
    /// Takes tokens of `issuer` for our client. Google's own issuer goes by two names, and both are taken.
    pub fn new(oauth: Arc<dyn OAuth>, issuer: String, client_id: String) -> Self {
        Self { oauth, issuer, client_id, keys: Mutex::default() }
    }

    /// Whether this is what the issuer calls itself.
    pub fn is_issuer(&self, name: &str) -> bool {
        claims::is_issuer(name, &self.issuer)
    }

    /// Who the token is about, if it answers the request that carried `nonce`.
    pub async fn verify(
        &self,
        token: &str,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Identity, IdTokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(IdTokenError::NotSigned);
        }
        let header = decode_header(token).map_err(|_| IdTokenError::NotSigned)?;
        if header.alg != Algorithm::RS256 {
            return Err(IdTokenError::Algorithm);
        }
        let key = self.key(&header.kid.ok_or(IdTokenError::UnknownKey)?, now).await?;
        let expected = Expected { issuer: &self.issuer, client_id: &self.client_id, nonce, now };
        expected.identity(&signed_claims(token, &key).ok_or(IdTokenError::Signature)?)
    }

    /// The key called `kid`. The lock is kept while asking Google, so that many who miss a key ask once.
    async fn key(&self, kid: &str, now: Timestamp) -> Result<DecodingKey, IdTokenError> {
        let key = self.keys.lock().await.key(kid, now, self.oauth.signing_keys()).await;
        key.map_err(|none| match none {
            NoKey::Unknown => IdTokenError::UnknownKey,
            NoKey::Unheard(error) => IdTokenError::Keys(error),
        })
    }
}
