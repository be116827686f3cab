//! What Google posts to those who asked to be told what happens to accounts
//! (<https://developers.google.com/identity/protocols/risc>, RFC 8417).

use serde::Deserialize;
use serde_json::{Value, json};

use crate::errors::ApiError;
use crate::mailbox::Mailbox;
use crate::world::Google;

/// What may have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are Google's")]
pub enum SecurityEvent {
    SessionsRevoked,
    TokensRevoked,
    AccountDisabled,
    AccountEnabled,
    AccountPurged,
    AccountCredentialChangeRequired,
    Verification,
}

impl SecurityEvent {
    /// Its full name.
    fn name(self) -> &'static str {
        match self {
            Self::SessionsRevoked => {
                "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked"
            }
            Self::TokensRevoked => {
                "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked"
            }
            Self::AccountDisabled => {
                "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
            }
            Self::AccountEnabled => {
                "https://schemas.openid.net/secevent/risc/event-type/account-enabled"
            }
            Self::AccountPurged => {
                "https://schemas.openid.net/secevent/risc/event-type/account-purged"
            }
            Self::AccountCredentialChangeRequired => {
                "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required"
            }
            Self::Verification => {
                "https://schemas.openid.net/secevent/risc/event-type/verification"
            }
        }
    }

    /// What is said about it.
    fn payload(self, mailbox: &Mailbox, issuer: &str) -> Value {
        let subject = json!({"subject_type": "iss-sub", "iss": issuer, "sub": mailbox.sub});
        match self {
            Self::AccountDisabled => json!({"subject": subject, "reason": "hijacking"}),
            Self::Verification => json!({"state": "simulated"}),
            Self::SessionsRevoked
            | Self::TokensRevoked
            | Self::AccountEnabled
            | Self::AccountPurged
            | Self::AccountCredentialChangeRequired => json!({"subject": subject}),
        }
    }
}

impl Google {
    /// The token that Google would post about an account at this moment, signed as ID tokens are. `issuer` is who signs
    /// those; of events the name has a slash at its end. Nothing happens to the account by it.
    pub fn security_event(
        &self,
        email: &str,
        event: SecurityEvent,
        issuer: &str,
    ) -> Result<String, ApiError> {
        let mailbox = self.mailbox(email)?;
        let issuer = format!("{issuer}/");
        let claims = json!({
            "iss": issuer,
            "aud": self.config().client_id,
            "iat": self.now().seconds(),
            "jti": self.token(""),
            "events": { event.name(): event.payload(&mailbox, &issuer) },
        });
        let broken = |_| ApiError::new(500, "backendError", "No key could be made.");
        self.keys().sign(&claims).map_err(broken)
    }
}
