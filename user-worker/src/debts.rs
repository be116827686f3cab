//! What is owed to a mailbox beside mail: dead letters that are to go round again.

use shared::clock::Timestamp;
use shared::ledger::{DeadLetter, LetterFilter, LetterState, Sent, Trigger};
use shared::mailbox::{Mailbox, Owed, RetryDebt};
use shared::reason::Reason;
use shared::replay::{Replay, Replayed};

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
        let user_id = Some(mailbox.user_id.clone());
        for reason in WAITED_FOR_MAILBOX {
            let reason = Some(reason);
            let filter =
                LetterFilter { user_id: user_id.clone(), reason, ..LetterFilter::default() };
            // A replay that was killed after it had begun left its letter *replaying*: those go again too.
            let meant = |letter: &DeadLetter| letter.state.is_open();
            if let Next::Turn(turn) = self.send_round(&filter, Trigger::Release, meant, now).await?
            {
                return Ok(Next::Turn(turn));
            }
        }
        let paid = Owed { release: Some(debt), ..Owed::default() };
        self.mailboxes.settle(&mailbox.user_id, paid).await?;
        Ok(Next::Done)
    }

    /// Sends those round again whose reason is known to pass and whose time has come. Only where the mailbox could be
    /// read a moment ago: in an outage nobody comes here.
    pub(crate) async fn retry(&self, mailbox: &Mailbox, now: Timestamp) -> Result<Next, SyncError> {
        let Some(debt) = mailbox.owed.retry.filter(|debt| debt.at <= now) else {
            return Ok(Next::Done);
        };
        let user = &mailbox.user_id;
        let filter = LetterFilter { user_id: Some(user.clone()), ..LetterFilter::default() };
        let meant = |letter: &DeadLetter| match letter.state {
            LetterState::Parked => letter.retry_at.is_some_and(|at| at <= now),
            // The run before died, perhaps between saying so and sending it.
            LetterState::Replaying => letter.last_sent() == Some(Sent::by_itself(Trigger::Retry)),
            LetterState::Resolved | LetterState::Discarded => false,
        };
        if let Next::Turn(turn) = self.send_round(&filter, Trigger::Retry, meant, now).await? {
            return Ok(Next::Turn(turn));
        }
        let parked = LetterFilter { state: Some(LetterState::Parked), ..filter };
        let next = self.first_retry(&parked).await?.map(|at| RetryDebt { at, ..debt });
        // Stale is as good: another letter was noted meanwhile, and the next poll comes back for it.
        let _ = self.mailboxes.owe_retry(user, mailbox.epoch, Some(debt), next).await?;
        Ok(Next::Done)
    }

    async fn first_retry(&self, filter: &LetterFilter) -> Result<Option<Timestamp>, SyncError> {
        let (mut first, mut after) = (None, None);
        loop {
            let letters = self.letters.list(filter, after.as_ref(), PAGE).await?;
            let Some(last) = letters.last() else { return Ok(first) };
            after = Some(last.key());
            let due = letters.iter().filter_map(|letter| letter.retry_at);
            first = first.into_iter().chain(due).min();
        }
    }

    /// Sends those of the filter's letters that are meant round again, as long as they have room.
    async fn send_round(
        &self,
        filter: &LetterFilter,
        by: Trigger,
        meant: impl Fn(&DeadLetter) -> bool,
        now: Timestamp,
    ) -> Result<Next, SyncError> {
        let (mut after, replay) = (None, self.replay());
        loop {
            let letters = self.letters.list(filter, after.as_ref(), PAGE).await?;
            let Some(last) = letters.last() else { return Ok(Next::Done) };
            after = Some(last.key());
            for letter in letters.iter().filter(|letter| meant(letter)) {
                match replay.send(letter, Sent::by_itself(by), now).await? {
                    Replayed::Sent | Replayed::NotParked => {}
                    Replayed::NoRoom(until) => return Ok(Next::Turn(until)),
                    Replayed::Unreadable(cause) => {
                        tracing::error!(jobId = %letter.job_id, cause, "Cannot be released");
                    }
                }
            }
        }
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
