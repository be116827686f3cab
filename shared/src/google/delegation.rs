//! The other way to an access token: the super administrator of a Workspace domain has delegated its mailboxes to a
//! service account of ours (<https://developers.google.com/identity/protocols/oauth2/service-account>). Its owners are not
//! asked, there is no refresh token, and nothing of it is theirs to renew or to revoke.

use async_trait::async_trait;

use super::TokenAnswer;
use crate::clock::Timestamp;
use crate::ids::UserId;
use crate::scope::GmailScope;
use crate::secret::AccessToken;
use crate::store::StoreError;

/// What has to be authorized beside the scopes of Gmail's: whose mailbox an address is.
pub const IDENTITY_SCOPE: &str = "https://www.googleapis.com/auth/userinfo.email";

/// What has to be authorized for a mailbox to be read at all.
pub const READING: [&str; 2] = [IDENTITY_SCOPE, GmailScope::Readonly.address()];

/// Access tokens for the mailboxes of domains that have delegated them to us.
#[async_trait]
pub trait Delegation: Send + Sync {
    /// An access token for exactly these scopes of the mailbox that has this address now. One that is lacking fails all.
    async fn mint(&self, email: &str, scopes: &[String]) -> Result<TokenAnswer, DelegationError>;

    /// Whom a token with [`IDENTITY_SCOPE`] speaks for.
    async fn account(&self, token: &AccessToken) -> Result<Account, DelegationError>;
}

/// A token by delegation for all of `scopes`, or, where the domain does not authorize all of them, for what reading needs;
/// with the scopes that it is for. Google gives all or nothing, and a feature that an administrator does not allow is no
/// reason not to read.
pub async fn mint_widest(
    delegation: &dyn Delegation,
    email: &str,
    scopes: &[String],
) -> Result<(TokenAnswer, Vec<String>), DelegationError> {
    let reading = READING.map(str::to_owned).to_vec();
    let has_more = scopes.iter().any(|scope| !reading.contains(scope));
    match delegation.mint(email, scopes).await {
        Ok(token) => Ok((token, scopes.to_vec())),
        Err(DelegationError::NotAuthorized { .. }) if has_more => {
            delegation.mint(email, &reading).await.map(|token| (token, reading))
        }
        Err(error) => Err(error),
    }
}

/// A Google account. No `Debug`: it holds an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its `sub`.
    pub user_id: UserId,
    /// Its address at the moment: not the one it was asked for by, if that is an alias.
    pub email: String,
}

/// Why no token was given.
#[derive(Debug, thiserror::Error)]
pub enum DelegationError {
    /// `unauthorized_client`, `access_denied`, `invalid_scope`, `admin_policy_enforced`: the domain has not authorized our
    /// service account for these scopes, not any more, or not yet.
    #[error("the domain does not let our service account in ({error})")]
    NotAuthorized {
        /// Google's word for it.
        error: String,
    },
    /// `invalid_grant` or `invalid_request` with a text that we know to say so: no account has this address.
    #[error("Google knows no account by this address")]
    NoSuchAccount,
    /// There is no service account to speak as.
    #[error("WORKSPACE_KEY is not set, and this mailbox is read by delegation")]
    NoKey,
    /// `invalid_grant` with a text that we know to be about what was signed: our clock is wrong, or the key is not the
    /// service account's any more.
    #[error(
        "Google refuses what our service account signed ({error}): this machine's clock is wrong, or the key was deleted"
    )]
    Assertion {
        /// Google's word for it.
        error: String,
    },
    /// `invalid_client`, `disabled_client`, `deleted_client`, `org_internal`: Google does not take the service account.
    #[error("Google does not take our service account ({error})")]
    ServiceAccount {
        /// Google's word for it.
        error: String,
    },
    /// A refusal in words that we do not know.
    #[error("Google refuses in words that we do not know (status {status}, {error})")]
    Unheard {
        /// The HTTP status.
        status: u16,
        /// Google's word for it. Its text may name an address.
        error: String,
    },
    /// Too many requests.
    #[error("Google's token endpoint asks for patience")]
    RateLimited {
        /// When to come back, where Google said so.
        until: Option<Timestamp>,
    },
    /// 5xx.
    #[error("Google's token endpoint failed with status {status}")]
    Backend {
        /// The HTTP status.
        status: u16,
    },
    /// No answer: refused, reset, or timed out.
    #[error("Google's token endpoint could not be reached: {cause}")]
    Unreachable {
        /// What happened, without address or query.
        cause: String,
    },
    /// The service account's key could not be read: Google was not asked.
    #[error("the key of our service account")]
    Credentials(#[source] StoreError),
    /// An answer that is not what the documents promise.
    #[error("Google gave an unusable answer: {cause}")]
    Malformed {
        /// What was wrong, without the answer's content.
        cause: String,
    },
}

impl DelegationError {
    /// What a refusal of the token endpoint means, by Google's word, and where that word stands for an account that is gone
    /// as well as for our clock, by the text with it. `until` is when to come back, where Google said so. Statuses from 500
    /// on are for who has them.
    ///
    /// What we do not know is nobody's fault yet: it neither pauses a mailbox nor stops a fleet.
    pub fn of(word: &str, text: &str, status: u16, until: Option<Timestamp>) -> Self {
        let error = word.to_owned();
        match word {
            "unauthorized_client" | "access_denied" | "invalid_scope" | "admin_policy_enforced" => {
                Self::NotAuthorized { error }
            }
            "invalid_grant" | "invalid_request" => match about(text) {
                Some(About::Address) => Self::NoSuchAccount,
                Some(About::Assertion) => Self::Assertion { error },
                Some(About::ServiceAccount) => Self::ServiceAccount { error },
                None => Self::Unheard { status, error },
            },
            "unsupported_grant_type" => Self::Assertion { error },
            "invalid_client" | "disabled_client" | "deleted_client" | "org_internal" => {
                Self::ServiceAccount { error }
            }
            "rate_limit_exceeded" | "slow_down" | "rateLimitExceeded" | "RESOURCE_EXHAUSTED" => {
                Self::RateLimited { until }
            }
            "temporarily_unavailable" | "server_error" | "internal_failure" => {
                Self::Backend { status }
            }
            _ if status == 429 => Self::RateLimited { until },
            _ => Self::Unheard { status, error },
        }
    }
}

impl DelegationError {
    /// What it means that `userinfo` refused a token that was given a moment ago.
    pub fn of_userinfo(status: u16, until: Option<Timestamp>) -> Self {
        match status {
            500.. => Self::Backend { status },
            429 => Self::RateLimited { until },
            _ => Self::Malformed { cause: format!("userinfo, status {status}") },
        }
    }
}

/// What a refusal is about.
#[derive(Clone, Copy)]
enum About {
    Address,
    Assertion,
    ServiceAccount,
}

/// The texts that say that no account has an address, whole: the first two are Google's documented ones
/// (<https://developers.google.com/identity/protocols/oauth2/service-account#error-codes>), the others are met for accounts
/// that were deleted long ago. "Not a valid email or user ID" is not among them, for it may mean the service account's.
const NO_SUCH_ACCOUNT: [&str; 4] = [
    "invalid email or user id",
    "not a valid email",
    "invalid impersonation \"sub\" field",
    "invalid impersonation prn email address",
];

/// What a text is about, if we know it. A mailbox is paused for a text, or a fleet held, and only a person ends the first:
/// a text that merely resembles a known one is not known.
fn about(text: &str) -> Option<About> {
    let text = text.replace("&quot;", "\"").to_ascii_lowercase();
    let text = text.trim().trim_end_matches('.');
    match text {
        _ if NO_SUCH_ACCOUNT.contains(&text) => Some(About::Address),
        // "Invalid JWT Signature", "Invalid JWT: Token must be a short-lived token…", "… Failed audience check".
        _ if text.starts_with("invalid jwt") => Some(About::Assertion),
        // These name the service account.
        "invalid grant: account not found" | "robot is disabled" => Some(About::ServiceAccount),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
