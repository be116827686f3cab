//! What Google says has happened to an account: Security Event Tokens of its Cross-Account Protection, checked before
//! anything is built on them (<https://developers.google.com/identity/protocols/risc>, RFC 8417).
//!
//! Who signs them and with which keys, Google's configuration says; it and the keys are kept as long as Google allows.
//! They do not expire, hence `exp` is not looked at; but one is taken for [`LONGEST_LIFE`] only, so that whoever
//! remembers for that long which it has seen sees each once.

mod claims;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, decode_header};
use tokio::sync::Mutex;

use self::claims::Expected;
use super::published_keys::{ASK_INTERVAL, NoKey, PublishedKeys, signed_claims};
use super::{OAuth, OAuthError, RiscConfiguration};
use crate::clock::Timestamp;
use crate::ids::UserId;
use crate::words::words;

/// The longest token that is read, in bytes; Google's own are about one kilobyte.
pub const LONGEST_TOKEN: usize = 64 << 10;

/// How old a token may be. Google sends one again for a while when it was not taken, and does not say how long.
pub const LONGEST_LIFE: Duration = Duration::from_hours(7 * 24);

/// How far Google's clock and ours may be apart.
pub const SKEW: Duration = Duration::from_mins(1);

/// After Google's keys could not be had, whoever posts tokens does not make us ask again before this is over.
const REST: Duration = Duration::from_secs(10);

words! {
    /// What can happen to an account.
    EventKind, "security event" {
        /// The person was signed out everywhere.
        SessionsRevoked = "sessions-revoked",
        /// All tokens that the person gave us were revoked.
        TokensRevoked = "tokens-revoked",
        /// One token was revoked. It is named by its first characters or its hash, of which we keep none.
        TokenRevoked = "token-revoked",
        /// Google has disabled the account.
        AccountDisabled = "account-disabled",
        /// Google has enabled the account again.
        AccountEnabled = "account-enabled",
        /// The account was deleted.
        AccountPurged = "account-purged",
        /// Google asks the person for a new password.
        CredentialChangeRequired = "account-credential-change-required",
        /// A test that the operator has asked for.
        Verification = "verification",
    }
}

/// One event of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityEvent {
    /// What happened.
    pub kind: EventKind,
    /// To whom; `None` where it is about no account, or about a token.
    pub user: Option<UserId>,
    /// What the operator gave a verification to be known by, where that can be shown.
    pub state: Option<String>,
}

/// What a token says, once it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityEvents {
    /// The token's own name, `jti`.
    pub id: String,
    /// When Google wrote it, to the second.
    pub issued_at: Timestamp,
    /// What happened; kinds that we do not know are left out.
    pub events: Vec<SecurityEvent>,
}

/// Why a token was refused: the first thing that is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum SecurityEventError {
    /// Not three parts that can be read, with an algorithm among those that sign.
    #[error("the security event is not a signed token")]
    NotSigned,
    /// `typ` says that it is something else.
    #[error("the token is of another type than a security event's (typ)")]
    Type,
    /// Signed by another algorithm than RS256.
    #[error("the security event is not signed with RS256")]
    Algorithm,
    /// Signed by a key that Google does not publish.
    #[error("the security event is signed with a key that Google does not publish")]
    UnknownKey,
    /// The signature does not fit, or what it covers is no JSON object.
    #[error("the security event's signature does not fit")]
    Signature,
    /// `iss`
    #[error("the security event comes from another issuer (iss)")]
    Issuer,
    /// `aud`
    #[error("the security event is meant for another client (aud)")]
    Audience,
    /// `iat`
    #[error("the security event is from the future, or too old (iat)")]
    IssuedAt,
    /// `jti`
    #[error("the security event has no name (jti)")]
    Id,
    /// `events`
    #[error("the security event says nothing that can be read (events)")]
    Events,
    /// A known event names nobody.
    #[error("the security event names no Google account (subject)")]
    Subject,
    /// Google's configuration or keys could not be had; the token itself may be good.
    #[error("getting the keys for Google's security events")]
    Keys(#[source] OAuthError),
}

/// Checks security events against what Google publishes about them.
pub struct SecurityEventVerifier {
    oauth: Arc<dyn OAuth>,
    client_id: String,
    kept: Mutex<Kept>,
}

/// What Google has published.
#[derive(Default)]
struct Kept {
    configuration: Option<(RiscConfiguration, Timestamp)>,
    keys: PublishedKeys,
    failed_at: Option<Timestamp>,
}

impl SecurityEventVerifier {
    /// Takes tokens for our client.
    pub fn new(oauth: Arc<dyn OAuth>, client_id: String) -> Self {
        Self { oauth, client_id, kept: Mutex::default() }
    }

    /// What the token says has happened.
    pub async fn verify(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<SecurityEvents, SecurityEventError> {
        if token.len() > LONGEST_TOKEN {
            return Err(SecurityEventError::NotSigned);
        }
        let header = decode_header(token).map_err(|_| SecurityEventError::NotSigned)?;
        if header.alg != Algorithm::RS256 {
            return Err(SecurityEventError::Algorithm);
        }
        if !header.typ.as_deref().is_none_or(is_our_type) {
            return Err(SecurityEventError::Type);
        }
        let kid = header.kid.ok_or(SecurityEventError::UnknownKey)?;
        let (issuer, key) = self.key(&kid, now).await?;
        let claims = signed_claims(token, &key).ok_or(SecurityEventError::Signature)?;
        Expected { issuer: &issuer, client_id: &self.client_id, now }.events(&claims)
    }

    /// Who signs, and the key called `kid`. The lock is kept while asking Google, so that many who miss a key ask once.
    async fn key(
        &self,
        kid: &str,
        now: Timestamp,
    ) -> Result<(String, DecodingKey), SecurityEventError> {
        let kept = &mut *self.kept.lock().await;
        let found = self.look_up(kept, kid, now).await;
        found.map_err(|none| match none {
            NoKey::Unknown => SecurityEventError::UnknownKey,
            NoKey::Unheard(error) => SecurityEventError::Keys(error),
        })
    }

    async fn look_up(
        &self,
        kept: &mut Kept,
        kid: &str,
        now: Timestamp,
    ) -> Result<(String, DecodingKey), NoKey> {
        let Kept { configuration, keys, failed_at } = kept;
        if let Some((_, fresh_until)) = configuration
            && now >= *fresh_until
        {
            *configuration = None;
        }
        let (published, _) = if let Some(known) = configuration {
            known
        } else {
            let answer = asked(failed_at, now, self.oauth.risc_configuration()).await;
            let published = answer.map_err(NoKey::Unheard)?;
            let fresh_until = now + published.max_age.max(ASK_INTERVAL);
            configuration.insert((published, fresh_until))
        };
        let ask = asked(failed_at, now, self.oauth.risc_keys(&published.jwks_uri));
        let key = keys.key(kid, now, ask).await?;
        Ok((published.issuer.clone(), key))
    }
}

/// Google's answer; none is waited for shortly after one that failed.
async fn asked<T>(
    failed_at: &mut Option<Timestamp>,
    now: Timestamp,
    answer: impl Future<Output = Result<T, OAuthError>>,
) -> Result<T, OAuthError> {
    if failed_at.is_some_and(|failed_at| now.since(failed_at) < REST) {
        return Err(OAuthError::Unreachable { cause: "failed a moment ago".to_owned() });
    }
    let answer = answer.await;
    *failed_at = answer.is_err().then_some(now);
    answer
}

/// As RFC 8417 says it, or as any JWT does; a token need not say it.
fn is_our_type(typ: &str) -> bool {
    let known = ["secevent+jwt", "application/secevent+jwt", "JWT"];
    known.iter().any(|known| typ.eq_ignore_ascii_case(known))
}
