//! Sending a dead letter round again.
//!
//! The letter is *replaying* before its job is sent: a replay that is killed in between leaves a letter that says so
//! and is sent again, under the same job id, so that consumers see no new event. The stage that ends the job resolves
//! the letter; failing again parks it again.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::disposition::chain;
use crate::ids::{Epoch, JobId, MessageId, UserId};
use crate::intake::send;
use crate::jobs::{
    BadJob, Cause, Job, JobHeader, Lane, MessageJob, ProcessorJob, UserJob, UserJobKind, decode,
};
use crate::ledger::{DeadLetter, DeadLetters, LetterState, Mailboxes, Marks, StageName};
use crate::pacing::Pacing;
use crate::queue::Queue;
use crate::reservation::reserve;
use crate::store::{StoreError, Write};

/// What sending a letter round again may touch.
#[derive(Clone)]
pub struct Replay {
    /// For the pace.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// Parked marks become listed again.
    pub marks: Arc<dyn Marks>,
    /// The letters.
    pub letters: Arc<dyn DeadLetters>,
    /// Where user jobs go.
    pub user_jobs: Arc<dyn Queue>,
    /// Where message jobs go.
    pub message_jobs: Arc<dyn Queue>,
    /// How fetching is paced.
    pub pacing: Pacing,
}

/// What became of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// It is on its way.
    Sent,
    /// It was not parked any more.
    NotParked,
    /// Its payload cannot be read as a job: it can only be discarded.
    Unreadable(String),
}

/// A dead letter's job, read back.
pub enum LetterJob {
    /// Of the user-worker.
    User(UserJob),
    /// Of the message-processor.
    Processor(ProcessorJob),
}

impl LetterJob {
    /// Reads a body by the stage it died in.
    pub fn read(stage: StageName, body: &str) -> Result<Self, BadJob> {
        match stage {
            StageName::UserWorker => decode(body).map(Self::User),
            StageName::MessageProcessor => decode(body).map(Self::Processor),
        }
    }

    /// What every job carries.
    pub fn header(&self) -> &JobHeader {
        match self {
            Self::User(job) => job.header(),
            Self::Processor(job) => job.header(),
        }
    }

    /// The messages it carries.
    pub fn message_ids(&self) -> Vec<MessageId> {
        match self {
            Self::User(_) => Vec::new(),
            Self::Processor(job) => job.message_ids(),
        }
    }

    /// The name under which it is parked: its own, but one row per mailbox for a sync, and for the refresh that is a
    /// part of one: the next sync that works answers both.
    pub fn letter_id(&self) -> JobId {
        match self {
            Self::User(UserJob {
                kind: UserJobKind::Sync | UserJobKind::Refresh { .. }, ..
            }) => JobId::dead_sync(),
            Self::User(job) => job.header.job_id.clone(),
            Self::Processor(job) => job.header().job_id.clone(),
        }
    }
}

impl Replay {
    /// Sends one letter's job round again.
    pub async fn send(&self, letter: &DeadLetter, now: Timestamp) -> Result<Replayed, StoreError> {
        self.send_as(letter, None, now).await
    }

    /// The same for a job whose grant is in doubt: it is not begun before `until`, and its next answer counts.
    pub async fn send_in_doubt(
        &self,
        letter: &DeadLetter,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Replayed, StoreError> {
        self.send_as(letter, Some(until), now).await
    }

    async fn send_as(
        &self,
        letter: &DeadLetter,
        in_doubt: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Replayed, StoreError> {
        let job = match LetterJob::read(letter.stage, &letter.payload) {
            Ok(job) => job,
            Err(bad) => return Ok(Replayed::Unreadable(chain(&bad))),
        };
        let key = (letter.user_id.clone(), letter.job_id.clone());
        let from = [LetterState::Parked, LetterState::Replaying];
        if self.letters.shift(&key, &from, LetterState::Replaying).await? == Write::Stale {
            return Ok(Replayed::NotParked);
        }
        match job {
            LetterJob::User(job) => self.send_user_job(job, &letter.job_id, in_doubt, now).await?,
            LetterJob::Processor(ProcessorJob::Messages(job)) => {
                self.send_message_job(job, in_doubt, now).await?;
            }
            LetterJob::Processor(ProcessorJob::Action(mut job)) => {
                job.header = again(&job.header, in_doubt, now);
                job.refused = None;
                send(&*self.message_jobs, &[job], now).await?;
            }
        }
        Ok(Replayed::Sent)
    }

    async fn send_user_job(
        &self,
        mut job: UserJob,
        letter: &JobId,
        in_doubt: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        job.header = again(&job.header, in_doubt, now);
        job.header.replay_of = Some(letter.clone());
        job.cause = Cause::Replay;
        send(&*self.user_jobs, &[job], now).await
    }

    async fn send_message_job(
        &self,
        mut job: MessageJob,
        in_doubt: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let ids: Vec<MessageId> = job.messages.iter().map(|listed| listed.id.clone()).collect();
        let (user, epoch) = (job.header.user_id.clone(), job.header.epoch);
        self.marks.unpark(&user, epoch, &ids, &job.header.job_id).await?;
        let size = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let turns = reserve(&*self.mailboxes, self.pacing, &user, &[size], now).await?;
        job.header = again(&job.header, in_doubt, now);
        if let Some(turn) = turns.first() {
            job.header.wait_for_turn(in_doubt.map_or(*turn, |until| until.max(*turn)));
        }
        job.lane = Lane::Replay;
        job.refused = None;
        send(&*self.message_jobs, &[job], now).await
    }
}

fn again(header: &JobHeader, in_doubt: Option<Timestamp>, now: Timestamp) -> JobHeader {
    JobHeader { in_doubt: in_doubt.is_some(), not_before: in_doubt, ..header.replayed(now) }
}

/// Resolves the letter that a job was replayed from, once the job has come to its end. Written before the job is
/// acknowledged.
pub async fn resolve(letters: &dyn DeadLetters, header: &JobHeader) -> Result<(), StoreError> {
    let Some(letter) = header.replay_of.clone() else { return Ok(()) };
    resolve_letter(letters, &header.user_id, letter).await
}

/// Resolves a mailbox's dead sync, if there is one: the next sync that works answers it.
pub async fn resolve_dead_sync(letters: &dyn DeadLetters, user: &UserId) -> Result<(), StoreError> {
    resolve_letter(letters, user, JobId::dead_sync()).await
}

async fn resolve_letter(
    letters: &dyn DeadLetters,
    user: &UserId,
    letter: JobId,
) -> Result<(), StoreError> {
    let key = (Some(user.clone()), letter);
    let from = [LetterState::Parked, LetterState::Replaying];
    // Stale is as good: somebody resolved or discarded it before.
    let _ = letters.shift(&key, &from, LetterState::Resolved).await?;
    Ok(())
}

/// Gives a letter's messages up: they become *skipped, discarded*, and then the letter says so.
pub async fn discard(
    marks: &dyn Marks,
    letters: &dyn DeadLetters,
    letter: &DeadLetter,
    now: Timestamp,
) -> Result<Write, StoreError> {
    use crate::mark::{Ending, MarkState};
    use crate::reason::SkipReason;

    if let (Ok(job), Some(user)) = (LetterJob::read(letter.stage, &letter.payload), &letter.user_id)
    {
        let ending = |message_id| Ending {
            message_id,
            state: MarkState::Skipped(SkipReason::Discarded),
            generation: crate::ids::Generation::default(),
            internal_date: None,
        };
        let endings: Vec<Ending> = job.message_ids().into_iter().map(ending).collect();
        let epoch: Epoch = job.header().epoch;
        marks.finish(user, epoch, &endings, now).await?;
    }
    let key = (letter.user_id.clone(), letter.job_id.clone());
    letters
        .shift(&key, &[LetterState::Parked, LetterState::Replaying], LetterState::Discarded)
        .await
}
