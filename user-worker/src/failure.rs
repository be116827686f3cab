//! What can fail, and what each failure means for the job and for its mailbox.

use std::time::Duration;

use shared::clock::Timestamp;
use shared::disposition::{
    Attempt, Disposition, GoogleFailure, Verdict, chain, delegation_failure, gmail_failure,
    oauth_failure,
};
use shared::google::{DelegationError, GmailError, OAuthError};
use shared::jobs::{Cause, UserJob, UserJobKind};
use shared::mailbox::Mailbox;
use shared::reason::{PauseReason, Reason};
use shared::reservation::hold;
use shared::sealing::SealingError;
use shared::store::StoreError;

use crate::UserWorker;

/// How long to wait when Google asks for patience without saying how long: the minute its quota is counted in.
const PATIENCE: Duration = Duration::from_mins(1);

/// Why a mailbox could not be brought up to date.
#[derive(Debug)]
pub(crate) enum SyncError {
    /// A table, queue or topic failed.
    Store(StoreError),
    /// Gmail refused or did not answer.
    Gmail(GmailError),
    /// The token endpoint refused or did not answer.
    OAuth(OAuthError),
    /// No token was given by delegation.
    Delegation(DelegationError),
    /// A stored token does not open.
    Sealing(SealingError),
    /// Gmail refused a token that was fresh: refreshing does not help.
    FreshTokenRefused,
    /// The mailbox is paused or its grant is dead, and the job cannot do without it.
    Stopped,
    /// The fleet breaker is open: no token before this moment.
    Held(Timestamp),
    /// Somebody else is refreshing, or the consent changed in between: look again at this moment.
    NotYet(Timestamp),
}

impl From<StoreError> for SyncError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<GmailError> for SyncError {
    fn from(error: GmailError) -> Self {
        Self::Gmail(error)
    }
}

impl From<OAuthError> for SyncError {
    fn from(error: OAuthError) -> Self {
        match error {
            // Our own client's password is missing or shut away: nobody's mail pays for that.
            OAuthError::Credentials(store) => Self::Store(store),
            OAuthError::GrantDead { .. }
            | OAuthError::AdminPolicy { .. }
            | OAuthError::ClientFault { .. }
            | OAuthError::RateLimited { .. }
            | OAuthError::Backend { .. }
            | OAuthError::Unreachable { .. }
            | OAuthError::Malformed { .. } => Self::OAuth(error),
        }
    }
}

impl From<DelegationError> for SyncError {
    fn from(error: DelegationError) -> Self {
        match error {
            // Our service account's key is shut away: nobody's mail pays for that.
            DelegationError::Credentials(store) => Self::Store(store),
            DelegationError::NotAuthorized { .. }
            | DelegationError::NoSuchAccount
            | DelegationError::NoKey
            | DelegationError::Assertion { .. }
            | DelegationError::ServiceAccount { .. }
            | DelegationError::Unheard { .. }
            | DelegationError::RateLimited { .. }
            | DelegationError::Backend { .. }
            | DelegationError::Unreachable { .. }
            | DelegationError::Malformed { .. } => Self::Delegation(error),
        }
    }
}

impl From<SealingError> for SyncError {
    fn from(error: SealingError) -> Self {
        match error {
            SealingError::Keys(store) => Self::Store(store),
            SealingError::DoesNotOpen { .. } => Self::Sealing(error),
        }
    }
}

impl UserWorker {
    /// Ends a job that failed: the one match over everything that can go wrong.
    pub(crate) async fn settle(
        &self,
        job: UserJob,
        mailbox: &Mailbox,
        attempt: &Attempt,
        error: SyncError,
    ) -> Disposition<UserJob> {
        match error {
            SyncError::Store(error) => attempt.store_failed(job, &error),
            SyncError::NotYet(until) => attempt.postpone(job, until),
            SyncError::Held(until) => held(job, attempt, until),
            SyncError::Stopped => wait(job, "the mailbox is paused or needs its owner's consent"),
            SyncError::Sealing(error) => Disposition::dead(job, Reason::ClientFault, chain(&error)),
            SyncError::FreshTokenRefused => attempt.refused_again(job, mailbox),
            SyncError::Gmail(error) => {
                let failure = gmail_failure(&error).under(mailbox.access);
                self.settle_google(job, mailbox, attempt, failure, chain(&error)).await
            }
            SyncError::OAuth(error) => {
                self.settle_google(job, mailbox, attempt, oauth_failure(&error), chain(&error))
                    .await
            }
            SyncError::Delegation(error) => {
                let failure = delegation_failure(&error);
                self.settle_google(job, mailbox, attempt, failure, chain(&error)).await
            }
        }
    }

    async fn settle_google(
        &self,
        job: UserJob,
        mailbox: &Mailbox,
        attempt: &Attempt,
        failure: GoogleFailure,
        error: String,
    ) -> Disposition<UserJob> {
        match failure {
            GoogleFailure::Dead(reason) => dead(job, mailbox, reason, error),
            GoogleFailure::Final(reason) => Disposition::dead(job, reason, error),
            GoogleFailure::OurClient => {
                tracing::error!(error, "No mailbox is read by consent until this is mended");
                held(job, attempt, attempt.now)
            }
            GoogleFailure::OurServiceAccount => {
                tracing::error!(error, "No mailbox is read by delegation until this is mended");
                held(job, attempt, attempt.now)
            }
            GoogleFailure::Passing | GoogleFailure::TokenRefused | GoogleFailure::Gone => {
                attempt.failed(job, error)
            }
            GoogleFailure::Pause(reason) => {
                let (user, mailbox_epoch) = (&mailbox.user_id, mailbox.epoch);
                tracing::warn!(%reason, "Paused: Google does not let this mailbox be read");
                // Stale is as good: the life has ended, and with it the job.
                match self.mailboxes.pause(user, mailbox_epoch, reason).await {
                    Ok(_) => paused(job, reason),
                    Err(error) => attempt.store_failed(job, &error),
                }
            }
            GoogleFailure::Patience(until) => {
                let until = until.unwrap_or(attempt.now + PATIENCE);
                match hold(&*self.mailboxes, &mailbox.user_id, until).await {
                    Ok(()) => attempt.postpone(job, until),
                    Err(error) => attempt.store_failed(job, &error),
                }
            }
        }
    }
}

/// No token is to be had for a while. What comes again by itself ends here: copies of it would pile up for as long as
/// that lasts. The rest waits, each a little longer than the other.
fn held(job: UserJob, attempt: &Attempt, until: Timestamp) -> Disposition<UserJob> {
    match (&job.kind, job.cause) {
        (UserJobKind::Sync | UserJobKind::Refresh { .. }, Cause::Schedule) => Disposition::Done,
        _ => attempt.postpone(job, until + attempt.chance.jitter(PATIENCE)),
    }
}

/// Resuming asks for a new sync and a new token by itself; a window of old mail is known to its job alone.
fn paused(job: UserJob, reason: PauseReason) -> Disposition<UserJob> {
    match job.kind {
        UserJobKind::Backfill { .. } | UserJobKind::Census { .. } => {
            wait(job, format!("the mailbox is paused: {reason}"))
        }
        UserJobKind::Sync | UserJobKind::Refresh { .. } | UserJobKind::Disconnect { .. } => {
            Disposition::Done
        }
    }
}

/// Parked until the mailbox can be read again, which sends it round.
fn wait(job: UserJob, why: impl Into<String>) -> Disposition<UserJob> {
    Disposition::dead(job, Reason::Waiting, why)
}

/// A dead letter that names the consent whose token was used: no other is ever called dead for it.
fn dead(job: UserJob, mailbox: &Mailbox, reason: Reason, error: String) -> Disposition<UserJob> {
    let consent = Some((mailbox.epoch, mailbox.grant));
    Disposition::DeadLetter(Box::new(Verdict { job, reason, error, consent }))
}
