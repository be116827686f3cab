//! What is owed to a mailbox beside mail: released dead letters, and the end of a life.

use shared::announce::{Revoked, publish_disconnect};
use shared::clock::Timestamp;
use shared::disposition::{Attempt, GoogleFailure, MAX_TRIES, chain, oauth_failure};
use shared::events::{EventKind, mailbox_event_id};
use shared::ids::UserId;
use shared::ledger::{DeadLetter, LetterFilter, LetterState};
use shared::mailbox::{DisconnectDebt, Mailbox, Owed};
use shared::reason::Reason;
use shared::replay::{LetterJob, Replay, Replayed};
use shared::sealing::{SealedFor, SealingError, TokenKind};
use shared::secret::RefreshToken;

use crate::failure::SyncError;
use crate::{Next, UserWorker};

/// How many letters are looked at in one read.
const PAGE: usize = 100;

/// Why a letter may have waited for the mailbox rather than for a person.
const WAITED_FOR_MAILBOX: [Reason; 3] = [Reason::Waiting, Reason::GrantDead, Reason::ScopeMissing];

impl UserWorker {
    /// Sends the mailbox's parked jobs round again, now that what they waited for has happened: as many as the present
    /// block has room for, and the rest in their turn, so that new mail does not wait behind all of them.
    pub(crate) async fn release(
        &self,
        mailbox: &Mailbox,
        now: Timestamp,
    ) -> Result<Next, SyncError> {
        let Some(debt) = mailbox.owed.release.clone() else { return Ok(Next::Done) };
        for reason in WAITED_FOR_MAILBOX {
            if let Next::Turn(turn) = self.release_reason(mailbox, reason, now).await? {
                return Ok(Next::Turn(turn));
            }
        }
        let paid = Owed { release: Some(debt), ..Owed::default() };
        self.mailboxes.settle(&mailbox.user_id, paid).await?;
        Ok(Next::Done)
    }

    async fn release_reason(
        &self,
        mailbox: &Mailbox,
        reason: Reason,
        now: Timestamp,
    ) -> Result<Next, SyncError> {
        let user_id = Some(mailbox.user_id.clone());
        let mut after = None;
        let replay = self.replay();
        loop {
            // A replay that was killed after it had begun left its letter *replaying*: those go again too.
            let filter =
                LetterFilter { user_id: user_id.clone(), reason: Some(reason), state: None };
            let letters = self.letters.list(&filter, after.as_ref(), PAGE).await?;
            let Some(last) = letters.last() else { return Ok(Next::Done) };
            after = Some((last.user_id.clone(), last.job_id.clone()));
            let open = |state| matches!(state, LetterState::Parked | LetterState::Replaying);
            for letter in letters.iter().filter(|letter| open(letter.state)) {
                if let Next::Turn(turn) = self.room_for(letter, &mailbox.user_id, now).await? {
                    return Ok(Next::Turn(turn));
                }
                if let Replayed::Unreadable(cause) = replay.send(letter, now).await? {
                    tracing::error!(letter = %letter.job_id, cause, "Cannot be released");
                }
            }
        }
    }

    /// Whether the messages of a letter have room in the present block.
    async fn room_for(
        &self,
        letter: &DeadLetter,
        user: &UserId,
        now: Timestamp,
    ) -> Result<Next, SyncError> {
        let job = LetterJob::read(letter.stage, &letter.payload);
        let messages = job.map_or(0, |job| job.message_ids().len());
        let pace = self.mailboxes.get(user).await?.map(|mailbox| mailbox.pace).unwrap_or_default();
        let room = self.settings.pacing.room_now(pace, now);
        let fits = messages <= usize::try_from(room).unwrap_or(usize::MAX);
        Ok(if fits { Next::Done } else { Next::Turn(pace.until) })
    }

    fn replay(&self) -> Replay {
        Replay {
            mailboxes: self.mailboxes.clone(),
            marks: self.marks.clone(),
            letters: self.letters.clone(),
            user_jobs: self.user_jobs.clone(),
            message_jobs: self.message_jobs.clone(),
            pacing: self.settings.pacing,
        }
    }

    /// Ends the mailbox's life. First one write, so that nothing new is begun; then the rest, which a crash repeats.
    pub(crate) async fn disconnect(
        &self,
        mailbox: &Mailbox,
        attempt: &Attempt,
    ) -> Result<Next, SyncError> {
        if mailbox.disconnected_at.is_some() {
            return Ok(Next::Done);
        }
        let (user, epoch, grant) = (&mailbox.user_id, mailbox.epoch, mailbox.grant);
        let id = mailbox_event_id(EventKind::Disconnected, user, epoch, grant, mailbox.history_id);
        let debt = DisconnectDebt { id, epoch, grant, at: attempt.now };
        // Stale means that somebody else ended it: what is owed is in the row, and read again here.
        let _ = self.mailboxes.disconnect(user, debt).await?;
        if let Some(ended) = self.mailboxes.get(user).await? {
            self.clear_away(&ended, attempt).await?;
        }
        Ok(Next::Done)
    }

    /// Clears an ended life away: revoke, forget, announce, and only then the debt.
    pub(crate) async fn clear_away(
        &self,
        mailbox: &Mailbox,
        attempt: &Attempt,
    ) -> Result<(), SyncError> {
        let Some(debt) = mailbox.owed.disconnect.clone() else { return Ok(()) };
        let revoked = self.revoke(mailbox, &debt, attempt).await?;
        let _ = self.mailboxes.forget_tokens(&mailbox.user_id, debt.epoch).await?;
        publish_disconnect(&*self.events, &self.settings.stack, mailbox, &debt, revoked).await?;
        let paid = Owed { disconnect: Some(debt), ..Owed::default() };
        Ok(self.mailboxes.settle(&mailbox.user_id, paid).await?)
    }

    /// Asks Google to take the grant back, with the token of the life that ended. A grant that is dead already is as
    /// good; a Google that does not answer is asked again, but does not keep us from forgetting the tokens for ever.
    async fn revoke(
        &self,
        mailbox: &Mailbox,
        debt: &DisconnectDebt,
        attempt: &Attempt,
    ) -> Result<Revoked, SyncError> {
        let Some(sealed) = &mailbox.refresh_token else { return Ok(Revoked::No) };
        let life =
            SealedFor { user: &mailbox.user_id, epoch: debt.epoch, kind: TokenKind::Refresh };
        let token = match self.sealing.open(life, sealed).await {
            Ok(token) => RefreshToken::new(token),
            // A key that is out of reach or forbidden is ours to mend, and the grant is revoked then.
            Err(SealingError::Keys(error)) => return Err(error.into()),
            Err(error @ SealingError::DoesNotOpen { .. }) => {
                tracing::error!(error = chain(&error), "Cannot be revoked at Google");
                return Ok(Revoked::No);
            }
        };
        let Err(error) = self.oauth.revoke(&token).await else { return Ok(Revoked::Yes) };
        match oauth_failure(&error) {
            GoogleFailure::Dead(_) | GoogleFailure::Gone | GoogleFailure::TokenRefused => {
                Ok(Revoked::Yes)
            }
            GoogleFailure::Passing | GoogleFailure::Patience(_) if attempt.tries < MAX_TRIES => {
                Err(SyncError::OAuth(error))
            }
            GoogleFailure::Passing
            | GoogleFailure::Patience(_)
            | GoogleFailure::Pause(_)
            | GoogleFailure::OurClient
            | GoogleFailure::Final(_) => {
                tracing::error!(error = chain(&error), "Could not be revoked at Google");
                Ok(Revoked::No)
            }
        }
    }
}
