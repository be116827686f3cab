//! The access token: cached while it has time left, replaced by one worker at a time, with the owner's consent or by
//! delegation.

use std::time::Duration;

use shared::breaker::{Permit, Shown};
use shared::disposition::{Attempt, chain};
use shared::google::{OAuthError, TokenAnswer};
use shared::ledger::{Life, NewAccess};
use shared::mailbox::{AccessBy, Mailbox};
use shared::sealing::{SealedFor, SealingError, TokenKind};
use shared::secret::{AccessToken, RefreshToken};
use shared::store::Write;

use crate::UserWorker;
use crate::failure::SyncError;

/// A cached token is used while it has this long left, so that the message jobs listed with it can use it too.
const FRESH: Duration = Duration::from_mins(5);

/// How long one worker may take to refresh before another may try.
const LEASE: Duration = Duration::from_secs(30);

/// How soon to look again when somebody else is refreshing.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// An access token and its number.
pub(crate) struct Access {
    pub(crate) token: AccessToken,
    pub(crate) version: u64,
}

impl UserWorker {
    /// An access token newer than `rejected`: the cached one, or a new one.
    pub(crate) async fn access(
        &self,
        mailbox: &Mailbox,
        rejected: Option<u64>,
        attempt: &Attempt,
    ) -> Result<Access, SyncError> {
        match self.cached(mailbox, rejected, attempt).await? {
            Some(access) => Ok(access),
            None => match mailbox.access {
                AccessBy::Consent => self.refresh(mailbox, attempt).await,
                AccessBy::Delegation => self.mint(mailbox, attempt).await,
            },
        }
    }

    /// After Gmail refused `access`: a newer one.
    pub(crate) async fn newer(
        &self,
        mailbox: &Mailbox,
        access: &Access,
        attempt: &Attempt,
    ) -> Result<Access, SyncError> {
        match self.mailboxes.get(&mailbox.user_id).await? {
            Some(mailbox) => self.access(&mailbox, Some(access.version), attempt).await,
            None => Err(SyncError::NotYet(attempt.now)),
        }
    }

    async fn cached(
        &self,
        mailbox: &Mailbox,
        rejected: Option<u64>,
        attempt: &Attempt,
    ) -> Result<Option<Access>, SyncError> {
        let version = mailbox.access_token_version;
        let (Some(sealed), Some(expiry)) = (&mailbox.access_token, mailbox.expiry) else {
            return Ok(None);
        };
        if rejected.is_some_and(|rejected| version <= rejected) || expiry < attempt.now + FRESH {
            return Ok(None);
        }
        match self.sealing.open(sealed_for(mailbox, TokenKind::Access), sealed).await {
            Ok(token) => Ok(Some(Access { token: AccessToken::new(token), version })),
            Err(SealingError::Keys(error)) => Err(error.into()),
            Err(error @ SealingError::DoesNotOpen { .. }) => {
                tracing::error!(error = chain(&error), "A new token is asked for in its place");
                Ok(None)
            }
        }
    }

    /// One refresh at a time: whoever does not get the lease looks again when the other is done.
    async fn refresh(&self, mailbox: &Mailbox, attempt: &Attempt) -> Result<Access, SyncError> {
        let Some(sealed) = &mailbox.refresh_token else {
            return Err(SyncError::OAuth(OAuthError::GrantDead {
                subtype: Some("no_refresh_token".to_owned()),
            }));
        };
        let permit = self.breaker.ask(attempt.in_doubt, attempt.now).await?;
        if let Permit::Held(until) = permit {
            return Err(SyncError::Held(until));
        }
        self.lease(mailbox, attempt).await?;
        let refreshed =
            match self.sealing.open(sealed_for(mailbox, TokenKind::Refresh), sealed).await {
                Ok(token) => {
                    self.oauth.refresh(&RefreshToken::new(token)).await.map_err(SyncError::from)
                }
                Err(error) => Err(error.into()),
            };
        self.tell_breaker(permit, &refreshed, attempt).await;
        self.conclude(mailbox, refreshed, attempt).await
    }

    /// The right to replace the access token.
    pub(crate) async fn lease(
        &self,
        mailbox: &Mailbox,
        attempt: &Attempt,
    ) -> Result<(), SyncError> {
        let (life, version) = (mailbox.life(), mailbox.access_token_version);
        let (now, until) = (attempt.now, attempt.now + LEASE);
        match self.mailboxes.lease_refresh(life, version, now, until).await? {
            Write::Applied => Ok(()),
            Write::Stale => Err(SyncError::NotYet(now + LOOK_AGAIN)),
        }
    }

    /// Keeps what was given, or gives the lease back.
    pub(crate) async fn conclude(
        &self,
        mailbox: &Mailbox,
        answer: Result<TokenAnswer, SyncError>,
        attempt: &Attempt,
    ) -> Result<Access, SyncError> {
        match answer {
            Ok(answer) => self.keep(mailbox, answer, attempt).await,
            Err(error) => {
                self.mailboxes.release_refresh(&mailbox.user_id).await?;
                Err(error)
            }
        }
    }

    /// What Google's answer says of the fleet. Where it cannot be noted the next answer says it again; a token that was
    /// given is not thrown away for that.
    async fn tell_breaker(
        &self,
        permit: Permit,
        refreshed: &Result<TokenAnswer, SyncError>,
        attempt: &Attempt,
    ) {
        let told = match (permit, refreshed) {
            (_, Err(SyncError::OAuth(OAuthError::ClientFault { .. }))) => {
                self.breaker.client_fault(attempt.now).await
            }
            (Permit::Probe, answer) => self.breaker.probed(shown(answer), attempt.now).await,
            (Permit::Granted | Permit::Held(_), _) => Ok(()),
        };
        if let Err(error) = told {
            tracing::warn!(error = chain(&error), "The fleet breaker could not be told");
        }
    }

    /// Stores a new access token, only while (epoch, grant) are as read: a consent that came in between has better.
    async fn keep(
        &self,
        mailbox: &Mailbox,
        answer: TokenAnswer,
        attempt: &Attempt,
    ) -> Result<Access, SyncError> {
        let sealed = self
            .sealing
            .seal(sealed_for(mailbox, TokenKind::Access), answer.access_token.bearer())
            .await?;
        let refresh_token = match &answer.refresh_token {
            None => None,
            Some(token) => Some(
                self.sealing
                    .seal(sealed_for(mailbox, TokenKind::Refresh), token.for_google())
                    .await?,
            ),
        };
        let version = mailbox.access_token_version + 1;
        let access =
            NewAccess { sealed, version, expiry: attempt.now + answer.expires_in, refresh_token };
        let life: Life<'_> = mailbox.life();
        match self.mailboxes.store_access(life, access).await? {
            Write::Applied => Ok(Access { token: answer.access_token, version }),
            Write::Stale => Err(SyncError::NotYet(attempt.now + LOOK_AGAIN)),
        }
    }
}

/// What a probe has shown. Whoever is told of a person's or an administrator's doing was taken for a client.
fn shown(answer: &Result<TokenAnswer, SyncError>) -> Shown {
    match answer {
        Ok(_) => Shown::Life,
        Err(SyncError::OAuth(OAuthError::GrantDead { .. } | OAuthError::AdminPolicy { .. })) => {
            Shown::Death
        }
        Err(_) => Shown::Nothing,
    }
}

/// What this mailbox's tokens are sealed for in its present life.
pub(crate) fn sealed_for(mailbox: &Mailbox, kind: TokenKind) -> SealedFor<'_> {
    SealedFor { user: &mailbox.user_id, epoch: mailbox.epoch, kind }
}
