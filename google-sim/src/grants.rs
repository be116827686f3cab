//! What people have consented to: codes, refresh tokens, access tokens, and the ways in which they die.
//!
//! This is the store and its rules; the flows that use it stand in [`oauth`](crate::oauth) and
//! [`tokens`](crate::tokens). Google does not say why a
//! grant is dead, but here it is known, so that a test can tell the causes apart.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use shared::clock::Timestamp;

use crate::errors::OAuthError;
use crate::mailbox::Mailbox;
use crate::scopes::Scopes;

/// Live refresh tokens per account and client; one more, and the oldest dies without a word.
pub const LIVE_TOKENS: usize = 100;

/// How long an access token lasts.
pub const ACCESS_LIFE: Duration = Duration::from_secs(3599);

/// How long a code may wait for its exchange.
pub const CODE_LIFE: Duration = Duration::from_mins(10);

/// A refresh token that nobody uses for six months dies.
const UNUSED: Duration = Duration::from_hours(182 * 24);

/// How long consent lasts while the application's publishing status is *Testing*.
const TESTING: Duration = Duration::from_hours(7 * 24);

/// Why a grant is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The person, or the application, revoked it.
    UserRevoked,
    /// The password was changed, and the grant holds Gmail scopes.
    PasswordChanged,
    /// Nobody used it for six months.
    Unused,
    /// More than a hundred younger ones live.
    Crowded,
    /// It was given for a limited time.
    TimeLimited,
    /// The application is being tested, and seven days are over.
    Testing,
    /// An administrator restricted a service it is for.
    AdminRestricted,
    /// The organisation's session control asks for the password again.
    InvalidRapt,
    /// The account is gone.
    AccountDeleted,
    /// The account is disabled. The grant lives on when it is enabled again.
    AccountDisabled,
}

impl Cause {
    /// What the token endpoint says. Only two causes show.
    pub(crate) fn error(self) -> OAuthError {
        match self {
            Self::InvalidRapt => {
                let refused = OAuthError::invalid_grant("reauth related error (invalid_rapt)");
                OAuthError { subtype: Some("invalid_rapt"), ..refused }
            }
            Self::AccountDeleted => OAuthError::invalid_grant("Account has been deleted"),
            Self::UserRevoked
            | Self::PasswordChanged
            | Self::Unused
            | Self::Crowded
            | Self::TimeLimited
            | Self::Testing
            | Self::AdminRestricted
            | Self::AccountDisabled => {
                OAuthError::invalid_grant("Token has been expired or revoked.")
            }
        }
    }

    /// Whether access tokens die with the grant at once, or live out their hour.
    fn is_sudden(self) -> bool {
        match self {
            Self::UserRevoked
            | Self::PasswordChanged
            | Self::AccountDeleted
            | Self::AccountDisabled => true,
            Self::Unused
            | Self::Crowded
            | Self::TimeLimited
            | Self::Testing
            | Self::AdminRestricted
            | Self::InvalidRapt => false,
        }
    }
}

/// Whether the application is published. *Testing* ends every consent to more than identity after seven days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names are Google's")]
pub enum Publishing {
    #[default]
    Production,
    Testing,
}

/// A code that waits for its exchange.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) scopes: Scopes,
    pub(crate) redirect_uri: String,
    /// PKCE: the method and the challenge.
    pub(crate) challenge: Option<(String, String)>,
    pub(crate) nonce: Option<String>,
    /// Whether its exchange gives a refresh token.
    pub(crate) refreshable: bool,
    pub(crate) until: Timestamp,
    pub(crate) used: bool,
    /// The refresh token that its exchange gave.
    pub(crate) gave: Option<Arc<str>>,
}

/// What stands behind a refresh token.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) scopes: Scopes,
    born: Timestamp,
    used: Timestamp,
    dead: Option<Cause>,
}

/// What stands behind an access token.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) scopes: Scopes,
    pub(crate) until: Timestamp,
    pub(crate) grant: Option<Arc<str>>,
}

/// Every code and token.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    pub(crate) codes: HashMap<String, Code>,
    refresh: HashMap<Arc<str>, Grant>,
    access: HashMap<String, Access>,
    /// Live refresh tokens of each account, oldest first.
    live: HashMap<Box<str>, VecDeque<Arc<str>>>,
    /// What each account has ever agreed to, until it revokes.
    consented: HashMap<Box<str>, Scopes>,
    /// Accounts that Google has disabled.
    disabled: HashSet<Box<str>>,
    /// The size at which expired access tokens are next swept out.
    sweep_at: usize,
}

impl Grants {
    /// Keeps a new refresh token; the oldest of more than a hundred dies. Who could consent is not disabled.
    pub(crate) fn add(
        &mut self,
        token: &Arc<str>,
        mailbox: &Arc<Mailbox>,
        scopes: Scopes,
        now: Timestamp,
    ) {
        self.enable(mailbox);
        let (mailbox, born, used) = (mailbox.clone(), now, now);
        let live = self.live.entry(mailbox.sub.clone()).or_default();
        live.push_back(token.clone());
        let crowded = if live.len() > LIVE_TOKENS { live.pop_front() } else { None };
        self.refresh.insert(token.clone(), Grant { mailbox, scopes, born, used, dead: None });
        if let Some(grant) = crowded.and_then(|oldest| self.refresh.get_mut(&oldest)) {
            grant.dead = Some(Cause::Crowded);
        }
    }

    /// Keeps a new access token, and now and then forgets those whose hour is over.
    pub(crate) fn admit(&mut self, token: String, access: Access, now: Timestamp) {
        if self.access.len() >= self.sweep_at.max(1024) {
            self.access.retain(|_, access| access.until > now);
            self.sweep_at = self.access.len() * 2;
        }
        self.access.insert(token, access);
    }

    /// What an access token opens, while it lasts.
    pub(crate) fn access(&self, token: &str, now: Timestamp) -> Option<Access> {
        self.access.get(token).filter(|access| access.until > now).cloned()
    }

    /// Uses a refresh token: what it was given for, or why it is dead.
    pub(crate) fn refresh(
        &mut self,
        token: &str,
        publishing: Publishing,
        now: Timestamp,
    ) -> Result<(Arc<str>, &Grant), OAuthError> {
        let key = self.refresh.get_key_value(token).map(|(key, _)| key.clone());
        let found = key.and_then(|key| self.refresh.get_mut(token).map(|grant| (key, grant)));
        let (key, grant) = found.ok_or_else(|| OAuthError::invalid_grant("Bad Request"))?;
        if let Some(cause) = grant.death(publishing, now) {
            grant.dead = Some(cause);
            return Err(cause.error());
        }
        if self.disabled.contains(&grant.mailbox.sub) {
            return Err(Cause::AccountDisabled.error());
        }
        grant.used = now;
        Ok((key, grant))
    }

    /// The mailbox of a refresh token, dead or alive.
    pub(crate) fn owner(&self, token: &str) -> Option<Arc<Mailbox>> {
        let refresh = self.refresh.get(token).map(|grant| grant.mailbox.clone());
        refresh.or_else(|| self.access.get(token).map(|access| access.mailbox.clone()))
    }

    /// What the account has agreed to so far.
    pub(crate) fn consented(&self, mailbox: &Mailbox) -> Scopes {
        self.consented.get(&mailbox.sub).copied().unwrap_or_default()
    }

    pub(crate) fn remember(&mut self, mailbox: &Mailbox, scopes: Scopes) {
        let all = self.consented(mailbox).with(scopes);
        self.consented.insert(mailbox.sub.clone(), all);
    }

    /// Ends every grant of an account that the cause is a cause for.
    pub(crate) fn kill(&mut self, mailbox: &Mailbox, cause: Cause) {
        if cause == Cause::AccountDisabled {
            self.access.retain(|_, access| access.mailbox.sub != mailbox.sub);
            self.disabled.insert(mailbox.sub.clone());
            return;
        }
        let spared = |scopes: Scopes| cause == Cause::PasswordChanged && !scopes.any(Scopes::MAIL);
        let live = self.live.remove(&mailbox.sub).unwrap_or_default();
        let (kept, ended): (VecDeque<_>, VecDeque<_>) = live
            .into_iter()
            .partition(|token| self.refresh.get(token).is_some_and(|g| spared(g.scopes)));
        for token in ended {
            if let Some(grant) = self.refresh.get_mut(&token) {
                grant.dead.get_or_insert(cause);
            }
        }
        self.live.insert(mailbox.sub.clone(), kept);
        if cause.is_sudden() {
            self.access
                .retain(|_, access| access.mailbox.sub != mailbox.sub || spared(access.scopes));
        }
        if cause == Cause::UserRevoked {
            self.consented.remove(&mailbox.sub);
        }
    }

    /// Lets an account be used again that was disabled.
    pub(crate) fn enable(&mut self, mailbox: &Mailbox) {
        self.disabled.remove(&mailbox.sub);
    }

    /// Whether nothing is given for an account.
    pub(crate) fn is_disabled(&self, mailbox: &Mailbox) -> bool {
        self.disabled.contains(&mailbox.sub)
    }

    /// Ends one grant and its access tokens: its code was used twice.
    pub(crate) fn kill_one(&mut self, token: &Arc<str>) {
        if let Some(grant) = self.refresh.get_mut(token) {
            grant.dead = Some(Cause::UserRevoked);
        }
        self.access.retain(|_, access| access.grant.as_ref() != Some(token));
    }
}

impl Grant {
    fn death(&self, publishing: Publishing, now: Timestamp) -> Option<Cause> {
        let tested = publishing == Publishing::Testing && self.scopes.any(Scopes::MAIL);
        let testing_over = tested && now.since(self.born) >= TESTING;
        self.dead
            .or_else(|| testing_over.then_some(Cause::Testing))
            .or_else(|| (now.since(self.used) >= UNUSED).then_some(Cause::Unused))
    }
}
