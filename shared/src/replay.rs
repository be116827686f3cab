//! Sending a dead letter round again.
//!
//! The letter is *replaying* before its job is sent: a replay that is killed in between leaves a letter that says so
//! and is sent again, under the same job id, so that consumers see no new event. The stage that ends the job resolves
//! the letter; failing again parks it again.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::disposition::chain;
use crate::ids::{Generation, JobId, MessageId, UserId};
use crate::intake::send;
use crate::jobs::{
    BadJob, Cause, Job, JobHeader, Lane, ProcessorJob, UserJob, UserJobKind, decode,
};
use crate::ledger::{
    DeadLetter, DeadLetters, Happening, LetterState, Mailboxes, Marks, Sent, StageName, Trigger,
    Turn,
};
use crate::mailbox::Mailbox;
use crate::mark::{Ending, MarkState};
use crate::pacing::Pacing;
use crate::queue::Queue;
use crate::reason::SkipReason;
use crate::reservation::{self, reserve, reserve_now};
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
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// It is on its way.
    Sent,
    /// It was not parked any more.
    NotParked,
    /// Its messages have no room in what Gmail grants the mailbox, before this moment. Nothing was done.
    NoRoom(Timestamp),
    /// Its payload cannot be read as a job: it can only be discarded.
    Unreadable(String),
}

/// When the messages of a letter are to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turns {
    /// Now, if they have room: new mail never waits behind what is sent round again.
    IfThereIsRoom,
    /// In the first block that has room, and not before this moment: one letter that nobody comes back to.
    NotBefore(Option<Timestamp>),
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

    /// The messages that it takes in, or the one that an action is for.
    pub fn about(&self) -> Vec<MessageId> {
        match self {
            Self::Processor(ProcessorJob::Action(job)) => vec![job.message_id.clone()],
            Self::User(_) | Self::Processor(ProcessorJob::Messages(_)) => self.message_ids(),
        }
    }

    /// Which judgement of messages it is about.
    pub fn generation(&self) -> Option<Generation> {
        match self {
            Self::User(_) => None,
            Self::Processor(ProcessorJob::Messages(job)) => Some(job.generation),
            Self::Processor(ProcessorJob::Action(job)) => Some(job.generation),
        }
    }

    /// Whether it ends its mailbox's life: that is done whatever state the mailbox is in.
    pub fn ends_a_life(&self) -> bool {
        match self {
            Self::User(job) => matches!(job.kind, UserJobKind::Disconnect { .. }),
            Self::Processor(_) => false,
        }
    }

    /// Whether the mailbox still has use for the job: it belongs to its present life, or ends the last one.
    pub fn concerns(&self, mailbox: &Mailbox) -> bool {
        let epoch = self.header().epoch;
        if let Self::User(UserJob { kind: UserJobKind::Disconnect { purge }, .. }) = self {
            let owed = mailbox.owed.disconnect.as_ref();
            // What is to be purged may have been ended by somebody else while the job travelled.
            let has_ended = mailbox.disconnected_at.is_some() && epoch.next() == mailbox.epoch;
            let is_owed = owed.is_some_and(|debt| debt.epoch == epoch);
            return epoch == mailbox.epoch || (*purge && has_ended) || is_owed;
        }
        epoch == mailbox.epoch
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
    /// Sends one letter's job round again, if its messages have room now.
    pub async fn send(
        &self,
        letter: &DeadLetter,
        sent: Sent,
        now: Timestamp,
    ) -> Result<Replayed, StoreError> {
        self.send_in(letter, sent, Turns::IfThereIsRoom, now).await
    }

    /// The same in its turn, whenever that comes: for who will not come back to this letter.
    pub async fn send_in_turn(
        &self,
        letter: &DeadLetter,
        sent: Sent,
        now: Timestamp,
    ) -> Result<Replayed, StoreError> {
        self.send_in(letter, sent, Turns::NotBefore(None), now).await
    }

    /// The same for a job whose grant is in doubt: it is not begun before `until`, and its next answer counts.
    pub async fn send_in_doubt(
        &self,
        letter: &DeadLetter,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Replayed, StoreError> {
        let sent = Sent::by_itself(Trigger::Doubt);
        self.send_in(letter, sent, Turns::NotBefore(Some(until)), now).await
    }

    async fn send_in(
        &self,
        letter: &DeadLetter,
        sent: Sent,
        turns: Turns,
        now: Timestamp,
    ) -> Result<Replayed, StoreError> {
        let job = match LetterJob::read(letter.stage, &letter.payload) {
            Ok(job) => job,
            Err(bad) => return Ok(Replayed::Unreadable(chain(&bad))),
        };
        let turn = match self.turn(&job, turns, now).await? {
            Room::Taken(turn) => turn,
            Room::None(until) => return Ok(Replayed::NoRoom(until)),
        };
        let from = [LetterState::Parked, LetterState::Replaying];
        let happening = Happening { at: now, what: Turn::Replaying(sent) };
        if self.letters.turn(&letter.key(), &from, happening).await? == Write::Stale {
            return Ok(Replayed::NotParked);
        }
        let in_doubt = matches!(turns, Turns::NotBefore(Some(_)));
        let header = |header: &JobHeader| {
            let mut header = JobHeader { in_doubt, ..header.replayed(now) };
            header.replay_of = Some(letter.job_id.clone());
            if let Some(turn) = turn.filter(|turn| *turn > now) {
                header.wait_for_turn(turn);
            }
            header
        };
        match job {
            LetterJob::User(mut job) => {
                job.header = header(&job.header);
                job.cause = Cause::Replay;
                send(&*self.user_jobs, &[job], now).await?;
            }
            LetterJob::Processor(ProcessorJob::Messages(mut job)) => {
                let ids: Vec<_> = job.messages.iter().map(|listed| listed.id.clone()).collect();
                let (user, epoch) = (&job.header.user_id, job.header.epoch);
                self.marks.unpark(user, epoch, &ids, &job.header.job_id).await?;
                job.header = header(&job.header);
                job.lane = Lane::Replay;
                job.refused = None;
                send(&*self.message_jobs, &[job], now).await?;
            }
            LetterJob::Processor(ProcessorJob::Action(mut job)) => {
                job.header = header(&job.header);
                job.refused = None;
                send(&*self.message_jobs, &[job], now).await?;
            }
        }
        Ok(Replayed::Sent)
    }

    /// Reserves what the job's messages need, and says from when they may be fetched. Before anything else is done: what
    /// was reserved in vain is a minute's quota, and a letter that was moved on in vain would wait for somebody.
    async fn turn(
        &self,
        job: &LetterJob,
        turns: Turns,
        now: Timestamp,
    ) -> Result<Room, StoreError> {
        let messages = u32::try_from(job.message_ids().len()).unwrap_or(u32::MAX);
        let (user, mailboxes) = (&job.header().user_id, &*self.mailboxes);
        match turns {
            Turns::NotBefore(until) if messages == 0 => Ok(Room::Taken(until)),
            Turns::IfThereIsRoom if messages == 0 => Ok(Room::Taken(None)),
            Turns::NotBefore(until) => {
                let turns = reserve(mailboxes, self.pacing, user, &[messages], now).await?;
                Ok(Room::Taken(turns.first().copied().max(until)))
            }
            Turns::IfThereIsRoom => {
                match reserve_now(mailboxes, self.pacing, user, messages, now).await? {
                    reservation::Room::Taken => Ok(Room::Taken(None)),
                    reservation::Room::From(until) => Ok(Room::None(until)),
                }
            }
        }
    }
}

/// What reserving came to.
enum Room {
    /// It is reserved, from this moment on.
    Taken(Option<Timestamp>),
    /// There is none before.
    None(Timestamp),
}

/// Resolves the letter that a job was replayed from, once the job has come to its end. Written before the job is
/// acknowledged.
pub async fn resolve(
    letters: &dyn DeadLetters,
    header: &JobHeader,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(letter) = header.replay_of.clone() else { return Ok(()) };
    resolve_letter(letters, &header.user_id, letter, now).await
}

/// Resolves a mailbox's dead sync, if there is one: the next sync that works answers it.
pub async fn resolve_dead_sync(
    letters: &dyn DeadLetters,
    user: &UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    resolve_letter(letters, user, JobId::dead_sync(), now).await
}

async fn resolve_letter(
    letters: &dyn DeadLetters,
    user: &UserId,
    letter: JobId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let key = (Some(user.clone()), letter);
    let from = [LetterState::Parked, LetterState::Replaying];
    // Stale is as good: somebody resolved or discarded it before.
    let _ = letters.turn(&key, &from, Happening { at: now, what: Turn::Resolved }).await?;
    Ok(())
}

/// Gives a letter's messages up: they become *skipped, discarded*, and then the letter says so. Marks of a life that has
/// ended are left alone: they count for nothing, whereas *skipped* would count in the next life too, and hide the messages
/// from it.
pub async fn discard(
    marks: &dyn Marks,
    letters: &dyn DeadLetters,
    (letter, mailbox): (&DeadLetter, Option<&Mailbox>),
    order: Option<u64>,
    now: Timestamp,
) -> Result<Write, StoreError> {
    let job = LetterJob::read(letter.stage, &letter.payload).ok();
    let job = job.filter(|job| mailbox.is_some_and(|mailbox| job.concerns(mailbox)));
    if let (Some(job), Some(user)) = (job, &letter.user_id) {
        let ending = |message_id| Ending {
            message_id,
            state: MarkState::Skipped(SkipReason::Discarded),
            generation: Generation::default(),
            internal_date: None,
        };
        let endings: Vec<Ending> = job.message_ids().into_iter().map(ending).collect();
        marks.finish(user, job.header().epoch, &endings, now).await?;
    }
    let from = [LetterState::Parked, LetterState::Replaying];
    let what = Turn::Discarded { order };
    letters.turn(&letter.key(), &from, Happening { at: now, what }).await
}
