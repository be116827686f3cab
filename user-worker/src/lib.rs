//! The user-worker brings one mailbox up to date.
//!
//! A job is decided by the mailbox's row: an ended life is nothing to do, a debt is paid whatever the state, and only
//! a readable mailbox is asked for mail. Then the road is straight: access token → listing → marks → message jobs →
//! cursor. The order of those last three is the first guarantee: the cursor passes an id only when its mark is
//! durable and its job is sent, so that a crash between any two repeats work and loses nothing.

#[cfg(feature = "aws")]
mod aws;
mod backfill;
mod census;
mod debts;
mod delegated;
mod failure;
mod goodbye;
mod hand_on;
mod listing;
mod sync;
mod token;

use std::sync::Arc;

use shared::archive::Archive;
use shared::breaker::Breaker;
use shared::clock::Timestamp;
use shared::disposition::{Attempt, Disposition};
use shared::events::Events;
use shared::google::{Delegation, Gmail, OAuth};
use shared::index::Index;
use shared::jobs::{UserJob, UserJobKind};
use shared::ledger::{Control, DeadLetters, Mailboxes, Marks};
use shared::mailbox::Mailbox;
use shared::queue::Queue;
use shared::replay::resolve;
use shared::sealing::Sealing;
use shared::settings::Settings;

use crate::failure::SyncError;
use crate::goodbye::is_late_purge;

/// Brings mailboxes up to date. The fields are everything it may touch.
#[derive(Clone)]
pub struct UserWorker {
    /// Refreshes and revokes.
    pub oauth: Arc<dyn OAuth>,
    /// Speaks for the mailboxes of Workspace domains; `None` where no `WORKSPACE_KEY` is set.
    pub delegation: Option<Arc<dyn Delegation>>,
    /// Lists.
    pub gmail: Arc<dyn Gmail>,
    /// Cursor, tokens, pace and debts.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// What is known of each message.
    pub marks: Arc<dyn Marks>,
    /// Parked jobs, to be released.
    pub letters: Arc<dyn DeadLetters>,
    /// Where a census is answered.
    pub control: Arc<dyn Control>,
    /// Says whether Google may be asked for tokens.
    pub breaker: Breaker,
    /// Opens refresh tokens, seals and opens access tokens.
    pub sealing: Arc<dyn Sealing>,
    /// Where backfill windows go.
    pub user_jobs: Arc<dyn Queue>,
    /// Where message ids go.
    pub message_jobs: Arc<dyn Queue>,
    /// What a purge empties; nothing is read of it.
    pub archive: Arc<dyn Archive>,
    /// The index of results, which a purge empties too; `None` where there is none.
    pub index: Option<Arc<dyn Index>>,
    /// Where what happens to mailboxes is announced.
    pub events: Arc<dyn Events>,
    /// How it is set.
    pub settings: Settings,
}

impl UserWorker {
    /// Does one job.
    pub async fn handle(&self, job: UserJob, attempt: Attempt) -> Disposition<UserJob> {
        let mailbox = match self.mailboxes.get(&job.header.user_id).await {
            Ok(Some(mailbox)) => mailbox,
            Ok(None) => return Disposition::Done,
            Err(error) => return attempt.store_failed(job, &error),
        };
        let outcome = self.act(&job, &mailbox, &attempt).await;
        let outcome = match outcome {
            Ok(Next::Done) => resolve(&*self.letters, &job.header, attempt.now)
                .await
                .map(|()| Next::Done)
                .map_err(SyncError::Store),
            other => other,
        };
        match outcome {
            Ok(Next::Done) => Disposition::Done,
            Ok(Next::Turn(until)) => attempt.next_turn(job, until),
            Err(error) => self.settle(job, &mailbox, &attempt, error).await,
        }
    }

    async fn act(
        &self,
        job: &UserJob,
        mailbox: &Mailbox,
        attempt: &Attempt,
    ) -> Result<Next, SyncError> {
        if let Next::Turn(until) = self.clear_away(mailbox, attempt).await? {
            return Ok(Next::Turn(until));
        }
        match &job.kind {
            // In whatever life the mailbox is: somebody waits to be told.
            UserJobKind::Census { from, to } => {
                self.census(job, mailbox, (*from, *to), attempt).await
            }
            _ if job.header.epoch != mailbox.epoch && !is_late_purge(job, mailbox) => {
                Ok(Next::Done)
            }
            UserJobKind::Disconnect { purge } => self.disconnect(mailbox, *purge, attempt).await,
            UserJobKind::Refresh { rejected } if mailbox.is_readable() => {
                self.access(mailbox, Some(*rejected), attempt).await?;
                Ok(Next::Done)
            }
            UserJobKind::Backfill { from, to } if mailbox.is_readable() => {
                self.backfill(job, mailbox, (*from, *to), attempt).await
            }
            UserJobKind::Sync => self.sync(job, mailbox, attempt).await,
            // Nobody else knows of this window any more: it waits in a dead letter.
            UserJobKind::Backfill { .. } if mailbox.disconnected_at.is_none() => {
                Err(SyncError::Stopped)
            }
            // Whoever asked for the token waits in a dead letter, and asks again.
            UserJobKind::Refresh { .. } | UserJobKind::Backfill { .. } => Ok(Next::Done),
        }
    }
}

/// What remains of a job that did not fail.
enum Next {
    /// Nothing.
    Done,
    /// Its next paced turn.
    Turn(Timestamp),
}
