//! Telling a program over HTTPS that a message has come, as Standard Webhooks has it
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

#[cfg(feature = "http")]
pub mod http;
pub mod memory;
pub mod networks;
pub mod signature;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::ids::JobId;
use crate::store::StoreError;

pub use self::networks::Networks;
pub use self::signature::{FixedKeys, SigningKeys, WebhookKeys};

/// What is told. No `Debug`: with `EVENT_DATA=full` it carries a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The same at each attempt, so that whoever gets it twice can tell.
    pub id: JobId,
    /// When this attempt is made: a receiver refuses what is minutes old, for it may be somebody's copy.
    pub at: Timestamp,
    /// JSON.
    pub body: String,
}

/// Takes webhooks to where they go.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Posts it once.
    async fn post(&self, address: &str, webhook: &Webhook) -> Result<(), WebhookError>;
}

/// Why nobody has taken a webhook. No address is in it: a webhook's may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address is none that may be called.
    #[error("the webhook {0}")]
    Forbidden(Forbidden),
    /// 410: nobody is to be told there any more.
    #[error("the webhook answered 410: it is gone")]
    Gone,
    /// Any other answer than one from 200 to 299.
    #[error("the webhook answered {status}")]
    Answered {
        /// The HTTP status.
        status: u16,
    },
    /// Nobody answered there a moment ago, and nobody is to wait for it again before this.
    #[error("the webhook did not answer, and is not called before {until}")]
    Resting {
        /// When.
        until: Timestamp,
    },
    /// No answer.
    #[error("the webhook could not be reached: {cause}")]
    Unreachable {
        /// What happened, without the address.
        cause: String,
    },
    /// The keys could not be had.
    #[error(transparent)]
    Keys(#[from] StoreError),
}

/// Why an address is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// It is no address.
    #[error("has no address that can be read")]
    Unreadable,
    /// Whoever stands in between could read it.
    #[error("is not https")]
    Plain,
    /// A password in an address ends up in logs.
    #[error("has a user or a password in its address")]
    Credentials,
    /// It leads into a network that is not everybody's.
    #[error("leads into a private network, which WEBHOOK_NETWORKS does not name")]
    Private,
}

/// What an answer with this status means.
fn verdict(status: u16) -> Result<(), WebhookError> {
    match status {
        200..=299 => Ok(()),
        410 => Err(WebhookError::Gone),
        status => Err(WebhookError::Answered { status }),
    }
}
