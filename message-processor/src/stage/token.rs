//! The access token as the processor has it: the cached one, or none.

use std::time::Duration;

use shared::disposition::{Attempt, Disposition, chain};
use shared::intake::send;
use shared::jobs::{Cause, Job, UserJob, UserJobKind, WithToken};
use shared::mailbox::Mailbox;
use shared::sealing::{SealedFor, SealingError, TokenKind};
use shared::secret::AccessToken;
use shared::store::StoreError;

use super::MessageProcessor;

/// A token that runs out within this is not begun with: a job takes seconds.
const LEAST_LIFE: Duration = Duration::from_mins(1);

/// How long a job waits for a newer token at first, and at most when none comes: Google's token endpoint may be down
/// for hours, and every look asks for another refresh.
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// An access token and its number.
pub(super) struct Access {
    pub(super) token: AccessToken,
    pub(super) version: u64,
}

impl MessageProcessor {
    /// The cached access token, if it has time left and is newer than the one that this job saw refused.
    pub(super) async fn access(
        &self,
        mailbox: &Mailbox,
        job: &impl WithToken,
        attempt: &Attempt,
    ) -> Result<Option<Access>, StoreError> {
        let version = mailbox.access_token_version;
        let (Some(sealed), Some(expiry)) = (&mailbox.access_token, mailbox.expiry) else {
            return Ok(None);
        };
        if job.refused().is_some_and(|token| version <= token.version)
            || expiry < attempt.now + LEAST_LIFE
        {
            return Ok(None);
        }
        let life =
            SealedFor { user: &mailbox.user_id, epoch: mailbox.epoch, kind: TokenKind::Access };
        match self.sealing.open(life, sealed).await {
            Ok(token) => Ok(Some(Access { token: AccessToken::new(token), version })),
            Err(SealingError::Keys(error)) => Err(error),
            Err(error @ SealingError::DoesNotOpen { .. }) => {
                // A newer token heals this one; the mailbox is named, nothing else stops.
                tracing::error!(error = chain(&error), "A token does not open");
                Ok(None)
            }
        }
    }

    /// Asks the user-worker for a newer token and postpones what is left.
    pub(super) async fn wait_for_token<J: Job>(
        &self,
        job: J,
        mailbox: &Mailbox,
        attempt: &Attempt,
    ) -> Result<Disposition<J>, StoreError> {
        let mut header = job.header().child(attempt.now, &attempt.chance);
        // The answer that a job in doubt waits for is the one that this gets.
        header.in_doubt = attempt.in_doubt;
        let kind = UserJobKind::Refresh { rejected: mailbox.access_token_version };
        send(&*self.user_jobs, &[UserJob { header, kind, cause: Cause::Schedule }], attempt.now)
            .await?;
        let waited = attempt.now.since(job.header().first_seen_at);
        let wait = (waited / 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        Ok(attempt.postpone(job, attempt.now + attempt.chance.jitter(wait)))
    }
}
