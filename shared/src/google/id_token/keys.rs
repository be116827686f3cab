//! Google's published keys, kept for as long as Google allows.

use std::collections::HashMap;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::google::{OAuthError, SigningKeys};

/// Google publishes two or three.
const MOST_KEYS: usize = 16;

/// How often Google is asked at most, whatever its cache header says and whatever key a token names.
const ASK_INTERVAL: Duration = Duration::from_mins(1);

/// The RSA keys of one answer, by their `kid`.
pub(super) struct KeyRing {
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
    pub(super) fn read(answer: &SigningKeys, now: Timestamp) -> Result<Self, OAuthError> {
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

    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.fresh_until
    }

    pub(super) fn get(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.get(kid)
    }

    /// Whether Google may be asked before the keys are stale; a yes counts as having asked.
    pub(super) fn may_ask_again(&mut self, now: Timestamp) -> bool {
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
