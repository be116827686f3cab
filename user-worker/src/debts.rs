//! What is owed to a mailbox beside mail: released dead letters.

use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::ledger::{DeadLetter, LetterFilter, LetterState};
use shared::mailbox::{Mailbox, Owed};
use shared::reason::Reason;
use shared::replay::{LetterJob, Replay, Replayed};

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
}
