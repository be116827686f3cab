//! By what a receiver knows that a webhook comes from us.

use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Webhook;
use crate::store::StoreError;

/// What a key's text begins with.
const PREFIX: &str = "whsec_";

/// How long a key may be, in bytes (Standard Webhooks: 24 to 64).
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The keys that webhooks are signed with: one, or while it is replaced two.
pub struct SigningKeys(Vec<hmac::Key>);

/// Where they come from.
#[async_trait]
pub trait WebhookKeys: Send + Sync {
    /// The keys as they are now.
    async fn keys(&self) -> Result<Arc<SigningKeys>, StoreError>;
}

/// Keys that stay as they are.
pub struct FixedKeys(Arc<SigningKeys>);

impl FixedKeys {
    /// These.
    pub fn new(keys: SigningKeys) -> Self {
        Self(Arc::new(keys))
    }
}

#[async_trait]
impl WebhookKeys for FixedKeys {
    async fn keys(&self) -> Result<Arc<SigningKeys>, StoreError> {
        Ok(self.0.clone())
    }
}

/// A text that holds no keys. Nothing of it is repeated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not one or two keys such as whsec_ followed by base64 of 24 to 64 random bytes, with a blank between two"
)]
pub struct NoKeys;

impl FromStr for SigningKeys {
    type Err = NoKeys;

    fn from_str(text: &str) -> Result<Self, NoKeys> {
        let key = |word: &str| {
            let bytes = STANDARD.decode(word.strip_prefix(PREFIX)?).ok()?;
            let fits = KEY_BYTES.contains(&bytes.len());
            fits.then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        };
        let keys: Option<Vec<_>> = text.split_ascii_whitespace().map(key).collect();
        keys.filter(|keys| (1..=2).contains(&keys.len())).map(Self).ok_or(NoKeys)
    }
}

impl SigningKeys {
    /// The header `webhook-signature`: `v1,` and base64 of HMAC-SHA-256 over id, timestamp and body, for each key.
    pub fn signature(&self, webhook: &Webhook) -> String {
        let Webhook { id, at, body } = webhook;
        let content = format!("{id}.{}.{body}", at.seconds());
        let signed = self.0.iter().map(|key| {
            let tag = hmac::sign(key, content.as_bytes());
            format!("v1,{}", STANDARD.encode(tag.as_ref()))
        });
        signed.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// The example of the specification's reference libraries.
    #[test]
    fn a_webhook_is_signed_as_other_libraries_sign_it() {
        let webhook = Webhook {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap(),
            at: Timestamp::from_millis(1_614_265_330_000),
            body: r#"{"test": 2432232314}"#.to_owned(),
        };
        let keys: SigningKeys = KEY.parse().unwrap();
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(keys.signature(&webhook), signature);
        let both: SigningKeys = format!("{KEY} {KEY}").parse().unwrap();
        assert_eq!(both.signature(&webhook), format!("{signature} {signature}"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let three = format!("{KEY} {KEY} {KEY}");
        for text in ["", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!", &KEY[6..], &three] {
            assert_eq!(text.parse::<SigningKeys>().err(), Some(NoKeys), "{text}");
        }
    }
}
