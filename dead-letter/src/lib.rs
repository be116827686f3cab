//! The dead-letter stage: drains both dead-letter queues into letters that people can read.
//!
//! A letter is parked first, whatever it says; then its messages' marks say that they are parked; only then is the
//! mailbox looked at, because what the letter waits for may have happened while it travelled. A crash anywhere in
//! between leaves the record in its queue, and doing all of it again comes to the same end.

pub mod arrival;
#[cfg(feature = "aws")]
mod aws;
pub mod decide;
pub mod links;
pub mod notice;
mod words;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::join_all;
use shared::breaker::{Breaker, Word};
use shared::clock::{Clock, Timestamp};
use shared::disposition::chain;
use shared::events::{EventKind, Events, mailbox_event_id};
use shared::ids::{Epoch, UserId};
use shared::intake::BatchAnswer;
use shared::ledger::{
    DeadLetters, Happening, LetterState, Mailboxes, Marks, Sent, StageName, Trigger, Turn,
};
use shared::mailbox::{Mailbox, Notice, RetryDebt};
use shared::queue::{Queue, Record};
use shared::reason::Reason;
use shared::replay::{LetterJob, Replay, Replayed};
use shared::store::{StoreError, Write};
use shared::worker::{Shutdown, drain};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::arrival::Arrival;
use crate::decide::{Next, decide};
use crate::notice::Notices;

/// How many records are taken at once.
const BATCH: usize = 10;

/// How often the mailbox is looked at again after it changed under our eyes.
const RACES: usize = 5;

const CHANGED: &str = "it changed every time it was read";

/// Parks dead letters. The fields are everything it may touch.
pub struct DeadLetterStage {
    /// Looked at; `needsReauth` is set here and nowhere else.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// Listed messages become parked.
    pub marks: Arc<dyn Marks>,
    /// Where letters are kept.
    pub letters: Arc<dyn DeadLetters>,
    /// Sends a letter round again whose mailbox has moved on.
    pub replay: Replay,
    /// Says whether a dead grant is believed.
    pub breaker: Breaker,
    /// Where the notice goes.
    pub events: Arc<dyn Events>,
    /// How the person is told.
    pub notices: Notices,
    /// Where `now` comes from.
    pub clock: Clock,
    /// `STACK_NAME`.
    pub stack: String,
}

impl DeadLetterStage {
    /// Drains one stage's dead-letter queue until told to stop.
    pub async fn run(&self, queue: &dyn Queue, stage: StageName, shutdown: Shutdown) {
        let serve = |records| self.drain(stage, records);
        drain(queue, stage, &self.clock, BATCH, &shutdown, serve).await;
    }

    /// Takes care of a batch: each record by itself, all at once.
    pub async fn drain(&self, stage: StageName, records: Vec<Record>) -> BatchAnswer {
        let kept = join_all(records.iter().map(|record| self.keep(stage, record))).await;
        let mut answer = BatchAnswer::default();
        for (record, kept) in records.into_iter().zip(kept) {
            match kept {
                Some(()) => answer.finished.push(record.receipt),
                None => answer.left.push(record.id),
            }
        }
        answer
    }

    /// `None` when the record must stay in its queue. A panic costs this record only.
    async fn keep(&self, stage: StageName, record: &Record) -> Option<()> {
        // What is known of the letter is noted once it is read, and stands in the line about its failure too.
        let span = tracing::info_span!(
            "letter",
            %stage,
            mailbox = Empty,
            jobId = Empty,
            reason = Empty,
            trace = Empty,
        );
        // On the heap, as a job's handling is.
        let settled = AssertUnwindSafe(Box::pin(self.settle(stage, record, &span)));
        let error = match settled.catch_unwind().instrument(span.clone()).await {
            Ok(Ok(())) => return Some(()),
            Ok(Err(error)) => chain(&error),
            Err(_) => "the stage panicked on this record".to_owned(),
        };
        span.in_scope(|| {
            tracing::error!(record = record.id, error, "A dead letter stays in its queue");
        });
        None
    }

    async fn settle(
        &self,
        stage: StageName,
        record: &Record,
        span: &Span,
    ) -> Result<(), StoreError> {
        let arrival = Arrival::read(record, stage, self.clock.now());
        name(&arrival, span);
        self.park(&arrival).await
    }

    async fn park(&self, arrival: &Arrival) -> Result<(), StoreError> {
        if self.is_purged(arrival).await? {
            // One that came again may have been parked the first time.
            return self.letters.withdraw(&arrival.letter).await;
        }
        // Before anything else: from here on the job cannot be lost, whatever becomes of this process.
        let letter = self.letters.park(arrival.letter.clone()).await?;
        tracing::warn!(error = arrival.letter.error, "A job was parked");
        let Some(job) = &arrival.job else { return Ok(()) };
        let header = job.header();
        // Not where it is on its way again since: then this is the death that it was sent round after.
        if letter.state == LetterState::Parked {
            let (user, ids) = (&header.user_id, job.message_ids());
            self.marks.park(user, header.epoch, &ids, &letter.job_id).await?;
            if let Some(at) = letter.retry_at {
                self.owe_retry(user, header.epoch, at).await?;
            }
        }
        // After parking: a consent that completes now finds the letter and releases it, one that completed before is
        // seen here.
        self.look_at_mailbox(arrival, job, self.clock.now()).await
    }

    /// Notes in the mailbox's row that a letter is to go round by itself. An ended life is owed nothing.
    async fn owe_retry(
        &self,
        user: &UserId,
        epoch: Epoch,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        for _ in 0..RACES {
            let mailbox = self.mailboxes.get(user).await?;
            let lives = |it: &Mailbox| it.epoch == epoch && it.disconnected_at.is_none();
            let Some(mailbox) = mailbox.filter(lives) else { return Ok(()) };
            let read = mailbox.owed.retry;
            let new = Some(RetryDebt::and(read, at));
            if self.mailboxes.owe_retry(user, epoch, read, new).await? == Write::Applied {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable {
            doing: "noting what is to go round again",
            source: CHANGED.into(),
        })
    }

    /// Whether nothing is kept of the life that the job belongs to, this letter included.
    async fn is_purged(&self, arrival: &Arrival) -> Result<bool, StoreError> {
        let Some(job) = &arrival.job else { return Ok(false) };
        let mailbox = self.mailboxes.get(&job.header().user_id).await?;
        Ok(mailbox.is_some_and(|mailbox| mailbox.has_forgotten(job.header().epoch)))
    }

    async fn look_at_mailbox(
        &self,
        arrival: &Arrival,
        job: &LetterJob,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for _ in 0..RACES {
            let mailbox = self.mailboxes.get(&job.header().user_id).await?;
            if mailbox.as_ref().is_some_and(|mailbox| mailbox.has_forgotten(job.header().epoch)) {
                // Buried while the letter was being parked. A burial that comes after this look sweeps behind itself.
                return self.letters.withdraw(&arrival.letter).await;
            }
            let reason = arrival.letter.reason;
            match (decide(job, reason, arrival.consent, mailbox.as_ref()), &mailbox) {
                (Next::NeedReauth, Some(mailbox)) => match self.word(job, reason, now).await? {
                    // Whether it was set or the row has changed: the row is read again, and its debts paid then.
                    Word::Believed => {
                        let _: Write = self.need_reauth(arrival, mailbox, now).await?;
                        continue;
                    }
                    Word::Doubted(until) => self.ask_once_more(arrival, until, now).await?,
                },
                (Next::Replay, _) => self.replay(arrival, now).await?,
                (Next::Discard, _) => self.discard(arrival, now).await?,
                (Next::StayParked | Next::NeedReauth, _) => {}
            }
            return match mailbox {
                Some(mailbox) => self.tell(&mailbox, now).await,
                None => Ok(()),
            };
        }
        Err(StoreError::Unavailable { doing: "looking at a mailbox", source: CHANGED.into() })
    }

    /// Whether Google's word on this grant is taken: not while it says the same of many, but then the second time.
    async fn word(
        &self,
        job: &LetterJob,
        reason: Reason,
        now: Timestamp,
    ) -> Result<Word, StoreError> {
        if reason == Reason::GrantDead && !job.header().in_doubt {
            return self.breaker.died(now).await;
        }
        Ok(Word::Believed)
    }

    async fn ask_once_more(
        &self,
        arrival: &Arrival,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        tracing::warn!("A dead grant is in doubt, and asked once more");
        // Not parked any more is as good: somebody else has sent it.
        let _: Replayed = self.replay.send_in_doubt(&arrival.letter, until, now).await?;
        Ok(())
    }

    /// Sets `needsReauth` and owes the notice in one write, for the consent that failed and no other. The event's id is
    /// fixed here, so that however often it is published it is the same event.
    async fn need_reauth(
        &self,
        arrival: &Arrival,
        mailbox: &Mailbox,
        now: Timestamp,
    ) -> Result<Write, StoreError> {
        let life = mailbox.life();
        let kind = EventKind::NeedsReauth;
        let id = mailbox_event_id(kind, life.user, life.epoch, life.grant, mailbox.history_id);
        let reason = arrival.letter.reason;
        let set = self.mailboxes.need_reauth(life, Notice { id, reason, at: now }).await?;
        if set == Write::Applied {
            tracing::warn!("A mailbox needs a new consent");
        }
        Ok(set)
    }

    async fn replay(&self, arrival: &Arrival, now: Timestamp) -> Result<(), StoreError> {
        let sent = Sent::by_itself(Trigger::Release);
        match self.replay.send_in_turn(&arrival.letter, sent, now).await? {
            // Not parked any more: somebody else sent or discarded it, which is as good.
            Replayed::Sent | Replayed::NotParked | Replayed::NoRoom(_) => {}
            Replayed::Unreadable(error) => {
                tracing::error!(error, "A dead letter cannot be replayed");
            }
        }
        Ok(())
    }

    /// The letter says that nobody waits for it. Its marks are left alone: they are of an ended life and count for
    /// nothing, whereas *skipped* would count in the next life too, and hide the messages from it.
    async fn discard(&self, arrival: &Arrival, now: Timestamp) -> Result<(), StoreError> {
        let from = [LetterState::Parked, LetterState::Replaying];
        let turn = Happening { at: now, what: Turn::Discarded { order: None } };
        let _: Write = self.letters.turn(&arrival.letter.key(), &from, turn).await?;
        Ok(())
    }
}

/// Names the letter in every line about it, by the ids that lead to it and back to where it died.
fn name(arrival: &Arrival, span: &Span) {
    let letter = &arrival.letter;
    span.record("mailbox", letter.user_id.as_ref().map_or("-", UserId::as_str));
    span.record("jobId", letter.job_id.as_str());
    span.record("reason", letter.reason.as_str());
    if let Some(job) = &arrival.job {
        span.record("trace", job.header().trace.as_str());
    }
}

#[cfg(test)]
mod tests;
