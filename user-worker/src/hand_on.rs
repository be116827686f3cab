//! From a listing to message jobs: marks first, then jobs. The cursor comes after both, in [`crate::sync`].

use std::collections::BTreeSet;

use shared::clock::Timestamp;
use shared::disposition::Attempt;
use shared::ids::Generation;
use shared::intake::send;
use shared::jobs::{JobHeader, Lane, Listed, MAX_MESSAGES_PER_JOB, MessageJob, UserJob};
use shared::mailbox::Mailbox;
use shared::mark::{Listing as Marking, MarkState};
use shared::reservation::reserve;

use crate::UserWorker;
use crate::failure::SyncError;
use crate::listing::{Found, Pages};
use crate::token::Access;

/// What handing a listing on came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Handed {
    /// Messages that Gmail named.
    pub(crate) found: usize,
    /// How many of them were accounted for before.
    pub(crate) already_had: usize,
}

/// When what is handed on may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// In the first blocks that have room.
    InTurn,
    /// At once: its room is reserved.
    Reserved,
}

/// A message job to be, and the messages that Gmail named for it.
type Chunk<'a> = (JobHeader, &'a [Found]);

impl UserWorker {
    /// Hands a whole listing on, page by page: each page is marked and sent before the next is asked for. A message
    /// that two pages name is handed on once.
    pub(crate) async fn hand_all_on(
        &self,
        job: &UserJob,
        mailbox: &Mailbox,
        access: &Access,
        mut pages: Pages,
        how: (Lane, Pace),
        attempt: &Attempt,
    ) -> Result<Handed, SyncError> {
        let mut all = Handed::default();
        let mut seen = BTreeSet::new();
        loop {
            pages.page.retain(|found| seen.insert(found.id.clone()));
            let handed = self.hand_on(job, mailbox, &pages.page, how, attempt).await?;
            all.found += handed.found;
            all.already_had += handed.already_had;
            let Some(next) = pages.next.take() else {
                let (found, already_had, units) = (all.found, all.already_had, pages.units);
                tracing::info!(found, already_had, units, "Listed");
                return Ok(all);
            };
            self.turn(&access.token, &mut pages, &next).await?;
        }
    }

    /// Marks every message, then sends jobs for those that are on their way: also for those that an earlier run
    /// marked and may not have sent. What is done, skipped or in a dead letter is accounted for.
    async fn hand_on(
        &self,
        job: &UserJob,
        mailbox: &Mailbox,
        found: &[Found],
        (lane, pace): (Lane, Pace),
        attempt: &Attempt,
    ) -> Result<Handed, SyncError> {
        let child = || job.header.child(attempt.now, &attempt.chance);
        let chunks: Vec<Chunk<'_>> =
            found.chunks(MAX_MESSAGES_PER_JOB).map(|chunk| (child(), chunk)).collect();
        let marking: Vec<Marking> = chunks.iter().flat_map(marking).collect();
        let states =
            self.marks.list(&mailbox.user_id, mailbox.epoch, &marking, attempt.now).await?;
        let mut jobs = message_jobs(chunks, &states, lane, attempt.now);
        match pace {
            Pace::InTurn => self.pace(mailbox, &mut jobs, attempt.now).await?,
            Pace::Reserved => {}
        }
        send(&*self.message_jobs, &jobs, attempt.now).await?;
        let sent: usize = jobs.iter().map(|job| job.messages.len()).sum();
        Ok(Handed { found: found.len(), already_had: found.len() - sent })
    }

    async fn pace(
        &self,
        mailbox: &Mailbox,
        jobs: &mut [MessageJob],
        now: Timestamp,
    ) -> Result<(), SyncError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let size = |job: &MessageJob| u32::try_from(job.messages.len()).unwrap_or(u32::MAX);
        let sizes: Vec<u32> = jobs.iter().map(size).collect();
        let turns =
            reserve(&*self.mailboxes, self.settings.pacing, &mailbox.user_id, &sizes, now).await?;
        for (job, turn) in jobs.iter_mut().zip(turns) {
            if turn > now {
                job.header.wait_for_turn(turn);
            }
        }
        Ok(())
    }
}

fn marking<'a>((header, chunk): &'a Chunk<'_>) -> impl Iterator<Item = Marking> + use<'a> {
    chunk.iter().map(|found| Marking {
        message_id: found.id.clone(),
        job_id: header.job_id.clone(),
        state: found.state,
    })
}

/// One job per chunk, of those of its messages that are on their way; none for a chunk without any.
fn message_jobs(
    chunks: Vec<Chunk<'_>>,
    states: &[MarkState],
    lane: Lane,
    now: Timestamp,
) -> Vec<MessageJob> {
    let mut states = states.iter();
    let job = |(header, chunk): Chunk<'_>| {
        let on_their_way =
            chunk.iter().zip(states.by_ref()).filter(|(_, state)| **state == MarkState::Listed);
        let listed = |(found, _): (&Found, _)| Listed { id: found.id.clone(), listed_at: now };
        let messages = on_their_way.map(listed).collect();
        MessageJob { header, messages, lane, generation: Generation::default(), refused: None }
    };
    chunks.into_iter().map(job).filter(|job| !job.messages.is_empty()).collect()
}
