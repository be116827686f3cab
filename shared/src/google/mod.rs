//! Google, as the pipeline sees it: two traits, their answers and their failures.
//!
//! [`OAuth`] knows our client's secret and turns consent into tokens; [`Gmail`] is given an access token per call and
//! knows nothing else, so that a stage that only reads mail can hold nothing more. Both have two implementations: the
//! HTTP client, and the simulator in process. Failures are typed by Google's `reason`, not by the status alone
//! (<https://developers.google.com/workspace/gmail/api/guides/handle-errors>).

pub mod client;
pub mod delegation;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "id-token")]
pub mod id_token;
#[cfg(feature = "google-json")]
pub mod json;
#[cfg(feature = "id-token")]
mod published_keys;
#[cfg(feature = "id-token")]
pub mod security_event;
pub mod service_account;

use std::time::Duration;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::ids::{HistoryId, MessageId, ThreadId};
use crate::secret::{AccessToken, RefreshToken};
use crate::store::StoreError;

pub use self::delegation::{Account, Delegation, DelegationError};

/// Google's consent and tokens, for our client.
#[async_trait]
pub trait OAuth: Send + Sync {
    /// Exchanges the `code` of a completed consent, with the PKCE verifier that began it.
    async fn exchange(&self, code: &str, verifier: &str) -> Result<TokenAnswer, OAuthError>;

    /// Gets a new access token.
    async fn refresh(&self, token: &RefreshToken) -> Result<TokenAnswer, OAuthError>;

    /// Ends a grant. Google takes away *all* scopes and tokens that this person gave to our whole project. A grant that
    /// had ended already is `Ok`: a disconnect that comes again has nothing left to do.
    async fn revoke(&self, token: &RefreshToken) -> Result<(), OAuthError>;

    /// The keys that sign ID tokens, as a JWKS document, and how long they may be kept.
    async fn signing_keys(&self) -> Result<SigningKeys, OAuthError>;

    /// Who signs security events, and where the keys for them are
    /// (<https://developers.google.com/identity/protocols/risc>).
    async fn risc_configuration(&self) -> Result<RiscConfiguration, OAuthError>;

    /// The keys that sign security events: what stands at the configuration's `jwks_uri`.
    async fn risc_keys(&self, jwks_uri: &str) -> Result<SigningKeys, OAuthError>;
}

/// What the token endpoint answers.
#[derive(Debug)]
pub struct TokenAnswer {
    /// Opens Gmail for [`expires_in`](Self::expires_in).
    pub access_token: AccessToken,
    /// Usually an hour.
    pub expires_in: Duration,
    /// What was really granted: people untick boxes. Empty where Google did not say.
    pub scopes: Vec<String>,
    /// Only with offline access and a fresh consent, or when Google replaces the old one.
    pub refresh_token: Option<RefreshToken>,
    /// Who consented, signed by Google; with scope `openid`.
    pub id_token: Option<String>,
}

/// Google's public signing keys.
#[derive(Debug, Clone)]
pub struct SigningKeys {
    /// The JWKS document, as JSON text.
    pub jwks: String,
    /// How long it may be cached.
    pub max_age: Duration,
}

/// What Google publishes about the security events it sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiscConfiguration {
    /// Who signs them, as their `iss` says it.
    pub issuer: String,
    /// Where the keys are published, as the document says it.
    pub jwks_uri: String,
    /// How long it may be cached.
    pub max_age: Duration,
}

/// Why the token endpoint refused or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// `invalid_grant`: the person's grant, or the code, is dead.
    #[error("Google says that the grant is dead (invalid_grant{})", subtype.as_deref().map(|s| format!(", {s}")).unwrap_or_default())]
    GrantDead {
        /// Google's `error_subtype`, for instance `invalid_rapt`.
        subtype: Option<String>,
    },
    /// `admin_policy_enforced` or `org_internal`: an administrator keeps our application out.
    #[error("an administrator blocks this application ({error})")]
    AdminPolicy {
        /// Google's word for it.
        error: String,
    },
    /// `invalid_client`, `unauthorized_client`, `deleted_client` or a request that Google calls malformed: our own
    /// fault, and nobody's re-auth.
    #[error("Google refuses our own client or request ({error})")]
    ClientFault {
        /// Google's word for it.
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
    /// The password of our own client could not be read: Google was not asked.
    #[error("the credentials of our own client")]
    Credentials(#[source] StoreError),
    /// An answer that is not what the documents promise.
    #[error("Google's token endpoint gave an unusable answer: {cause}")]
    Malformed {
        /// What was wrong, without the answer's content.
        cause: String,
    },
}

/// What a page of `users.history.list` costs, in units of Google's quota
/// (<https://developers.google.com/workspace/gmail/api/reference/quota>).
pub const HISTORY_UNITS: u32 = 2;

/// What a page of `users.messages.list` costs.
pub const LIST_UNITS: u32 = 5;

/// What `users.getProfile` costs.
pub const PROFILE_UNITS: u32 = 1;

/// One mailbox, read through an access token.
#[async_trait]
pub trait Gmail: Send + Sync {
    /// `users.getProfile`: 1 unit.
    async fn profile(&self, token: &AccessToken) -> Result<Profile, GmailError>;

    /// `users.history.list` with `historyTypes=messageAdded`: 2 units a page. [`GmailError::NotFound`] means that Gmail
    /// has forgotten `since`.
    async fn history(
        &self,
        token: &AccessToken,
        since: HistoryId,
        page: Option<&PageToken>,
    ) -> Result<HistoryPage, GmailError>;

    /// `users.messages.list`: 5 units a page.
    async fn list(
        &self,
        token: &AccessToken,
        search: &Search,
        page: Option<&PageToken>,
    ) -> Result<ListPage, GmailError>;

    /// `users.messages.get?format=raw`: 20 units. Stops reading at `limit` bytes of message.
    async fn message(
        &self,
        token: &AccessToken,
        id: &MessageId,
        limit: usize,
    ) -> Result<RawMessage, GmailError>;
}

/// What Gmail is asked to change, each with the token of one mailbox
/// (units: <https://developers.google.com/workspace/gmail/api/reference/quota>).
#[async_trait]
pub trait GmailChanges: Send + Sync {
    /// `users.labels.list`: 1 unit. Gmail's own labels and the person's.
    async fn labels(&self, token: &AccessToken) -> Result<Vec<GmailLabel>, GmailError>;

    /// `users.labels.create`: 5 units. A name that is taken, in whatever case, is `Refused` with status 409.
    async fn create_label(&self, token: &AccessToken, name: &str)
    -> Result<GmailLabel, GmailError>;

    /// `users.messages.modify`: 5 units. Puts labels on a message and takes others off, by their ids. What is there
    /// already, or is not, is as good.
    async fn modify(
        &self,
        token: &AccessToken,
        message: &MessageId,
        add: &[&str],
        remove: &[&str],
    ) -> Result<(), GmailError>;

    /// `users.messages.send`: 100 units. Sends these bytes, up to [`MAX_SENT`], to whom their header names.
    async fn send(&self, token: &AccessToken, raw: Vec<u8>) -> Result<MessageId, GmailError>;
}

/// The longest message that Gmail sends: 36,700,160 bytes (the `maxSize` of `users.messages.send` in Gmail's API
/// description).
pub const MAX_SENT: usize = 36_700_160;

/// A label of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct GmailLabel {
    /// What messages carry.
    pub id: String,
    /// What people see.
    pub name: String,
}

/// What `messages.list` is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Gmail's search syntax.
    pub query: Option<String>,
    /// Whether spam and trash are searched too.
    pub include_spam_trash: bool,
}

/// Gmail's own mark of where a listing goes on; short-lived, hence never queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(pub String);

/// A mailbox as `getProfile` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The address, which may change.
    pub email: String,
    /// Where the mailbox's history stands now.
    pub history_id: HistoryId,
}

/// A page of history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPage {
    /// The messages that were added, in the order they came; one may come twice.
    pub added: Vec<Added>,
    /// Where the mailbox's history stood when this page was made.
    pub history_id: HistoryId,
    /// Where the listing goes on; `None` on the last page.
    pub next: Option<PageToken>,
}

/// A message that history names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Gmail's id.
    pub id: MessageId,
    /// Its labels, where history names them: it need not.
    pub label_ids: Option<Vec<String>>,
}

/// A page of `messages.list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// The messages found, usually newest first; the order is not promised.
    pub ids: Vec<MessageId>,
    /// Where the listing goes on; `None` on the last page.
    pub next: Option<PageToken>,
}

/// A message, whole. No `Debug`: it is a person's mail.
#[derive(Clone, PartialEq, Eq)]
pub struct RawMessage {
    /// Gmail's id.
    pub id: MessageId,
    /// The conversation it belongs to.
    pub thread_id: Option<ThreadId>,
    /// Gmail's labels.
    pub label_ids: Vec<String>,
    /// When Gmail accepted it; for imported mail the Date header.
    pub internal_date: Timestamp,
    /// The exact bytes.
    pub raw: Vec<u8>,
}

/// Why Gmail refused or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum GmailError {
    /// 400: a request that Gmail calls malformed. Ours to mend.
    #[error("Gmail calls our request malformed ({reason})")]
    BadRequest {
        /// Google's reason.
        reason: String,
    },
    /// 400 `failedPrecondition`: the account has no Gmail mailbox.
    #[error("the account has no Gmail mailbox")]
    NoMailbox,
    /// 401: the access token is not accepted.
    #[error("Gmail does not accept the access token")]
    Unauthorized,
    /// 403 `insufficientPermissions`: the grant lacks a scope.
    #[error("the grant lacks the scope for this")]
    ScopeMissing,
    /// 403 `domainPolicy`: the domain's administrator blocks our application.
    #[error("the domain's administrator blocks this application")]
    DomainPolicy,
    /// 403 `rateLimitExceeded`, `userRateLimitExceeded`, or 429.
    #[error("Gmail asks for patience")]
    RateLimited {
        /// When to come back, where Gmail said so (in a header or in the message's text).
        until: Option<Timestamp>,
    },
    /// 403 `dailyLimitExceeded`: our project's own cap.
    #[error("our project's daily limit is spent")]
    DailyLimit,
    /// 403 `accessNotConfigured`, `SERVICE_DISABLED`: our project is not set up.
    #[error("the Gmail API is not switched on for our project")]
    NotConfigured,
    /// 404: for history the cursor is forgotten, for a message it is deleted.
    #[error("Gmail does not have it")]
    NotFound,
    /// 5xx.
    #[error("Gmail failed with status {status}")]
    Backend {
        /// The HTTP status.
        status: u16,
    },
    /// Any other refusal.
    #[error("Gmail refused with status {status} ({reason})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Google's reason.
        reason: String,
    },
    /// No answer: refused, reset, or timed out.
    #[error("Gmail could not be reached: {cause}")]
    Unreachable {
        /// What happened, without address or query.
        cause: String,
    },
    /// An answer that is not what the documents promise: cut, mistyped, or too long.
    #[error("Gmail gave an unusable answer: {cause}")]
    Malformed {
        /// What was wrong, without the answer's content.
        cause: String,
    },
    /// The message is larger than the limit that was given.
    #[error("the message is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}
