//! `/google/risc`: Google says that something has happened to an account, and a forced refresh says what that means.
//!
//! Anybody can post here. What is not signed by Google for our client has no effect; what is has little: an event makes
//! the user-worker ask Google for one new access token, and Google's answer to that decides, as it does at any poll.
//! Only an account that Google has disabled is paused at once, and goes on when Google has enabled it.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shared::clock::{Chance, Clock, Timestamp};
use shared::disposition::chain;
use shared::google::security_event::{
    EventKind, LONGEST_LIFE, LONGEST_TOKEN, SKEW, SecurityEvent, SecurityEventError,
    SecurityEventVerifier, SecurityEvents,
};
use shared::ids::UserId;
use shared::intake;
use shared::jobs::{Cause, JobHeader, UserJob, UserJobKind};
use shared::ledger::{Control, Mailboxes};
use shared::mailbox::{AccessBy, Mailbox};
use shared::queue::Queue;
use shared::reason::PauseReason;
use shared::store::{StoreError, Write};

use crate::page;

/// Where Google posts its security events.
pub const ADDRESS: &str = "/google/risc";

/// How often the account's last word is read again after somebody else wrote first.
const RACES: usize = 10;

/// Takes what Google posts. The fields are everything it may touch.
pub struct Recipient {
    /// Says whether it is Google's, and what it says.
    pub verifier: SecurityEventVerifier,
    /// What an event makes of its mailbox.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// Remembers which tokens were taken, and Google's last word on an account.
    pub control: Arc<dyn Control>,
    /// Where the refresh that an event forces is asked for.
    pub user_jobs: Arc<dyn Queue>,
    /// Where `now` comes from.
    pub clock: Clock,
    /// For the names of jobs.
    pub chance: Chance,
}

/// Why nothing came of a request.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The body is longer than a token may be, or broke off.
    #[error("the request has no body of a token's length")]
    Body,
    /// Not a token that we believe, or one that we cannot check now.
    #[error("checking a security event")]
    Token(#[source] SecurityEventError),
    /// A store failed.
    #[error("acting on a security event")]
    Store(#[source] StoreError),
    /// Others always wrote first.
    #[error("others always wrote first")]
    Contended,
    /// A bug of ours.
    #[error("the stage panicked on this request")]
    Panicked,
}

/// What an event makes of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: nobody's, not read anyway, or nothing that concerns mail.
    Rest,
    /// A new access token is asked for in place of this version.
    Refresh(u64),
    /// The account is disabled, or enabled again.
    Account(Account),
}

/// How Google says an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Account {
    /// Nobody reads it.
    Disabled,
    /// As any other.
    Enabled,
}

/// The last word on an account, by when Google said it: a token that comes late does not undo a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct LastWord {
    account: Account,
    at: Timestamp,
}

/// Decides what an event makes of the mailbox that it is about. No clock, no store.
pub(crate) fn step(kind: EventKind, row: &Mailbox) -> Step {
    if row.disconnected_at.is_some() {
        return Step::Rest;
    }
    match kind {
        EventKind::AccountDisabled => Step::Account(Account::Disabled),
        EventKind::AccountEnabled => Step::Account(Account::Enabled),
        // Google is asked whether there is still an account, whoever's permission it is read by.
        EventKind::AccountPurged if row.is_readable() => Step::Refresh(row.access_token_version),
        // These end what an owner gave, and say nothing of what the administrator of a domain did.
        EventKind::SessionsRevoked
        | EventKind::TokensRevoked
        | EventKind::TokenRevoked
        | EventKind::CredentialChangeRequired
            if row.is_readable() && row.access == AccessBy::Consent =>
        {
            Step::Refresh(row.access_token_version)
        }
        // Whoever lets the mailbox be read again has it asked for mail, and learns it then.
        EventKind::SessionsRevoked
        | EventKind::TokensRevoked
        | EventKind::TokenRevoked
        | EventKind::AccountPurged
        | EventKind::CredentialChangeRequired
        | EventKind::Verification => Step::Rest,
    }
}

/// In a task of its own: a panic gets an answer too, and the event is sent again.
pub(crate) async fn receive(State(recipient): State<Arc<Recipient>>, body: Body) -> Response {
    let taken = async move {
        let body = to_bytes(body, LONGEST_TOKEN).await.map_err(|_| Refusal::Body)?;
        recipient.take(&body).await
    };
    answer(tokio::spawn(taken).await.unwrap_or(Err(Refusal::Panicked)))
}

impl Recipient {
    /// Takes what was posted, and returns once it has had its effect. Its content type is not asked for: the signature
    /// says what it is.
    pub async fn take(&self, body: &[u8]) -> Result<(), Refusal> {
        let token = std::str::from_utf8(body.trim_ascii()).map_err(|_| Refusal::Body)?;
        let now = self.clock.now();
        let said = self.verifier.verify(token, now).await.map_err(Refusal::Token)?;
        self.heed(&said, now).await
    }

    /// Acts on a token that is believed, unless it has been acted on.
    pub async fn heed(&self, said: &SecurityEvents, now: Timestamp) -> Result<(), Refusal> {
        let mark = format!("security-event/{}", sha256(&said.id));
        if self.control.read(&mark, now).await.map_err(Refusal::Store)?.is_some() {
            return Ok(());
        }
        for event in &said.events {
            self.act(said, event, now).await?;
        }
        // After the effects: a crash in between repeats them, which does no harm, and loses none. Whoever was first has
        // done the same.
        let forgotten_at = Some(said.issued_at + LONGEST_LIFE + SKEW);
        let put = self.control.write(&mark, None, "{}".to_owned(), forgotten_at, now).await;
        match put.map_err(Refusal::Store)? {
            Write::Applied | Write::Stale => Ok(()),
        }
    }

    async fn act(
        &self,
        said: &SecurityEvents,
        event: &SecurityEvent,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (kind, id, state) = (event.kind, &said.id, event.state.as_deref());
        let Some(user) = &event.user else {
            tracing::info!(event = %kind, token.id = ?id, state, "Google sent a security event about no account");
            return Ok(());
        };
        let row = self.mailboxes.get(user).await.map_err(Refusal::Store)?;
        let Some(row) = row else { return Ok(()) };
        let step = step(kind, &row);
        tracing::info!(event = %kind, token.id = ?id, mailbox = %user, ?step, "Google sent a security event");
        match step {
            Step::Rest => Ok(()),
            Step::Refresh(rejected) => {
                let header = JobHeader::new(user.clone(), row.epoch, now, &self.chance);
                let kind = UserJobKind::Refresh { rejected };
                let job = UserJob { header, kind, cause: Cause::Push };
                intake::send(&*self.user_jobs, &[job], now).await.map_err(Refusal::Store)
            }
            Step::Account(account) => {
                let word = LastWord { account, at: said.issued_at };
                self.follow(&row, word, now).await
            }
        }
    }

    /// Brings the mailbox to Google's last word on its account. Noted first and looked at again afterwards: of two
    /// that are taken at once, both end at the later one.
    async fn follow(&self, row: &Mailbox, word: LastWord, now: Timestamp) -> Result<(), Refusal> {
        let mut followed = None;
        for _ in 0..RACES {
            let last = self.note(&row.user_id, word, now).await?;
            if followed == Some(last) {
                return Ok(());
            }
            self.apply(row, last.account, now).await.map_err(Refusal::Store)?;
            followed = Some(last);
        }
        Err(Refusal::Contended)
    }

    /// Notes the word, unless there is a later one; answers which stands.
    async fn note(
        &self,
        user: &UserId,
        word: LastWord,
        now: Timestamp,
    ) -> Result<LastWord, Refusal> {
        let name = format!("account/{}", sha256(user.as_str()));
        for _ in 0..RACES {
            let item = self.control.read(&name, now).await.map_err(Refusal::Store)?;
            let stands = item.as_ref().and_then(|item| serde_json::from_str(&item.value).ok());
            if let Some(stands) =
                stands.filter(|stands: &LastWord| *stands == word || stands.at > word.at)
            {
                return Ok(stands);
            }
            let value = serde_json::json!(word).to_string();
            let version = item.map(|item| item.version);
            let until = Some(word.at + LONGEST_LIFE + SKEW);
            let put = self.control.write(&name, version, value, until, now).await;
            if put.map_err(Refusal::Store)? == Write::Applied {
                return Ok(word);
            }
        }
        Err(Refusal::Contended)
    }

    /// Stale is as good: it was paused for another reason, goes on already, or its life has ended.
    async fn apply(
        &self,
        row: &Mailbox,
        account: Account,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (user, epoch, reason) = (&row.user_id, row.epoch, PauseReason::AccountDisabled);
        match account {
            Account::Disabled => self.mailboxes.pause(user, epoch, reason).await.map(|_| ()),
            Account::Enabled => self.mailboxes.resume(user, epoch, reason, now).await.map(|_| ()),
        }
    }
}

/// 202 once it has had its effect, 400 for what will never be believed, and 503 where it is to be sent again (RFC 8935).
/// A refusal gets its only log line here.
fn answer(outcome: Result<(), Refusal>) -> Response {
    let Err(refusal) = outcome else {
        return page::guarded(StatusCode::ACCEPTED.into_response());
    };
    let Some(word) = refusal.word() else {
        tracing::error!(error = chain(&refusal), "A security event is to be sent again");
        return unavailable();
    };
    tracing::warn!(error = chain(&refusal), "A security event was refused");
    let told = match &refusal {
        Refusal::Token(error) => error.to_string(),
        Refusal::Body | Refusal::Store(_) | Refusal::Contended | Refusal::Panicked => {
            refusal.to_string()
        }
    };
    let body = serde_json::json!({ "err": word, "description": told }).to_string();
    let json = [(CONTENT_TYPE, "application/json")];
    page::guarded((StatusCode::BAD_REQUEST, json, body).into_response())
}

/// For what is to be sent again.
pub(crate) fn unavailable() -> Response {
    page::guarded(StatusCode::SERVICE_UNAVAILABLE.into_response())
}

impl Refusal {
    /// The word for it (<https://www.rfc-editor.org/rfc/rfc8935#section-2.4>); `None` where it is not the token's fault.
    fn word(&self) -> Option<&'static str> {
        match self {
            Self::Token(SecurityEventError::Keys(_))
            | Self::Store(_)
            | Self::Contended
            | Self::Panicked => None,
            Self::Token(
                SecurityEventError::Algorithm
                | SecurityEventError::UnknownKey
                | SecurityEventError::Signature,
            ) => Some("invalid_key"),
            Self::Token(SecurityEventError::Issuer) => Some("invalid_issuer"),
            Self::Token(SecurityEventError::Audience) => Some("invalid_audience"),
            Self::Body
            | Self::Token(
                SecurityEventError::NotSigned
                | SecurityEventError::Type
                | SecurityEventError::IssuedAt
                | SecurityEventError::Id
                | SecurityEventError::Events
                | SecurityEventError::Subject,
            ) => Some("invalid_request"),
        }
    }
}

/// In hex, as a name in `Control`.
fn sha256(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}
