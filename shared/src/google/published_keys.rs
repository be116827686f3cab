//! Google's published keys, kept for as long as Google allows, and what is signed with them.
//!
//! The signature must be RS256 by a key that Google publishes; whatever else a token's header proposes is refused, so
//! that a public key is never taken for a shared secret. What a token claims is held against our own clock by those who
//! take it: the JWT library reads the machine's, hence its own checks are switched off.

use std::collections::HashMap;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::google::{OAuthError, SigningKeys};

/// Google publishes two or three.
const MOST_KEYS: usize = 16;

/// How often Google is asked at most, whatever its cache header says and whatever key a token names.
pub(super) const ASK_INTERVAL: Duration = Duration::from_mins(1);

/// Why there is no key by a name.
pub(super) enum NoKey {
    /// Google does not publish it.
    Unknown,
    /// Google's keys could not be had.
    Unheard(OAuthError),
}

/// The keys as they were last published.
#[derive(Default)]
pub(super) struct PublishedKeys(Option<KeyRing>);

impl PublishedKeys {
    /// The key called `kid`; `ask` is awaited where those at hand are stale, or do not know it.
    pub(super) async fn key(
        &mut self,
        kid: &str,
        now: Timestamp,
        ask: impl Future<Output = Result<SigningKeys, OAuthError>>,
    ) -> Result<DecodingKey, NoKey> {
        if let Some(ring) = self.0.as_mut().filter(|ring| ring.is_fresh(now)) {
            if let Some(key) = ring.get(kid) {
                return Ok(key.clone());
            }
            // Google may have begun to sign with a new key; but whoever invents key names must not make us ask always.
            if !ring.may_ask_again(now) {
                return Err(NoKey::Unknown);
            }
        }
        let answer = ask.await.map_err(NoKey::Unheard)?;
        let ring = KeyRing::read(&answer, now).map_err(NoKey::Unheard)?;
        self.0.insert(ring).get(kid).cloned().ok_or(NoKey::Unknown)
    }
}

/// The claims, if they are signed with this key; nothing else is checked yet.
pub(super) fn signed_claims(token: &str, key: &DecodingKey) -> Option<Map<String, Value>> {
    let mut signature_only = Validation::new(Algorithm::RS256);
    signature_only.validate_exp = false;
    signature_only.validate_aud = false;
    signature_only.required_spec_claims.clear();
    decode(token, key, &signature_only).ok().map(|token| token.claims)
}

/// The RSA keys of one answer, by their `kid`.
struct KeyRing {
    keys: HashMap<String, DecodingKey>,
    asked_at: Timestamp,
    fresh_until: Timestamp,
}

/// A key as JWKS describes it (RFC 7517, RFC 7518 section 6.3).
#[derive(Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
    n: String,
    e: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
}

impl KeyRing {
    /// Reads an answer that came at `now`. Keys of other kinds are left out: Google may add some.
    fn read(answer: &SigningKeys, now: Timestamp) -> Result<Self, OAuthError> {
        #[derive(Deserialize)]
        struct Jwks {
            keys: Vec<Value>,
        }
        let malformed = |cause: &str| OAuthError::Malformed { cause: cause.to_owned() };
        let jwks: Jwks =
            serde_json::from_str(&answer.jwks).map_err(|_| malformed("not a list of keys"))?;
        if jwks.keys.len() > MOST_KEYS {
            return Err(malformed("too many keys"));
        }
        let keys = jwks.keys.into_iter().filter_map(rs256_key).collect();
        Ok(Self { keys, asked_at: now, fresh_until: now + answer.max_age.max(ASK_INTERVAL) })
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.fresh_until
    }

    fn get(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.get(kid)
    }

    /// Whether Google may be asked before the keys are stale; a yes counts as having asked.
    fn may_ask_again(&mut self, now: Timestamp) -> bool {
        let may = now.since(self.asked_at) >= ASK_INTERVAL;
        if may {
            self.asked_at = now;
        }
        may
    }
}

fn rs256_key(json: Value) -> Option<(String, DecodingKey)> {
    let jwk: Jwk = serde_json::from_value(json).ok()?;
    let fits = jwk.kty == "RSA"
        && jwk.alg.is_none_or(|alg| alg == "RS256")
        && jwk.purpose.is_none_or(|purpose| purpose == "sig");
    let key = DecodingKey::from_rsa_components(&jwk.n, &jwk.e).ok()?;
    fits.then_some((jwk.kid, key))
}
