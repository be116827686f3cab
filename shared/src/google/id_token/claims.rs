//! What an ID token must say, claim by claim
//! (<https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken>).

use serde_json::{Map, Value};

use super::{IdTokenError, Identity};
use crate::clock::Timestamp;
use crate::ids::UserId;

/// How far Google's clock and ours may be apart, in seconds.
const SKEW: i64 = 60;

/// The longest address that mail can be sent to has 254 characters; this is no place to be exact.
const LONGEST_EMAIL: usize = 320;

/// Google's issuer, and the name without a scheme that its tokens may carry as well.
const GOOGLE: (&str, &str) = ("https://accounts.google.com", "accounts.google.com");

/// What the claims are held against.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

impl Expected<'_> {
    /// Whom the claims name, if every one of them is as it must be. A claim of a wrong type counts as absent.
    pub(super) fn identity(&self, claims: &Map<String, Value>) -> Result<Identity, IdTokenError> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
        let seconds = |claim: &str| claims.get(claim).and_then(Value::as_i64);
        let now = self.now.seconds();
        if !text("iss").is_some_and(|name| is_issuer(name, self.issuer)) {
            return Err(IdTokenError::Issuer);
        }
        // A token for several audiences is none of ours, even if we are among them.
        if text("aud") != Some(self.client_id) {
            return Err(IdTokenError::Audience);
        }
        if claims.contains_key("azp") && text("azp") != Some(self.client_id) {
            return Err(IdTokenError::AuthorizedParty);
        }
        if seconds("exp").is_none_or(|exp| exp.saturating_add(SKEW) <= now) {
            return Err(IdTokenError::Expiry);
        }
        if seconds("iat").is_none_or(|iat| iat > now.saturating_add(SKEW)) {
            return Err(IdTokenError::IssuedAt);
        }
        if text("nonce") != Some(self.nonce) {
            return Err(IdTokenError::Nonce);
        }
        let user_id = text("sub").and_then(|sub| sub.parse::<UserId>().ok());
        let user_id = user_id.ok_or(IdTokenError::Subject)?;
        let email = text("email").filter(|email| is_address(email)).ok_or(IdTokenError::Email)?;
        Ok(Identity { user_id, email: email.to_owned() })
    }
}

/// Whether `issuer` goes by this `name`.
pub(super) fn is_issuer(name: &str, issuer: &str) -> bool {
    name == issuer || (issuer == GOOGLE.0 && name == GOOGLE.1)
}

/// Fit to be shown: an address is never more than that here.
fn is_address(text: &str) -> bool {
    text.len() <= LONGEST_EMAIL
        && text.contains('@')
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}
