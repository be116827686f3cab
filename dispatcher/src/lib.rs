//! The dispatcher: finds the mailboxes whose turn it is and sends each a job.
//!
//! It works in rounds, and a round in runs. A run takes the stored round on, walks pages of the mailboxes, sends jobs,
//! saves how far it came, and stops when it has looked at enough mailboxes or its time is nearly up; the next run goes
//! on from there. Memory is bounded by a page of each segment, whatever the table's size, and a mailbox whose turn it is
//! not costs nothing but being read.

#[cfg(feature = "aws")]
mod aws;
pub mod due;
pub mod round;
pub mod tenure;

use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use shared::clock::{Chance, Clock, Timestamp};
use shared::intake;
use shared::jobs::{Cause, JobHeader, UserJob, UserJobKind};
use shared::ledger::{Control, Mailboxes, ScanPage, Segment};
use shared::mailbox::Roster;
use shared::queue::{Queue, RUN_LIMIT};
use shared::settings::Settings;
use shared::silence::longest_quiet;
use shared::store::{StoreError, Write};

use crate::due::{Tempo, Window};
use crate::round::Page;
use crate::tenure::{Reach, Tenure};

/// The most mailboxes that are read at once per segment: 1,000 rosters are some 100 KB.
pub const PAGE: usize = 1_000;

/// How long before the end of a run no further sweep is begun: longer than one takes.
const MARGIN: Duration = Duration::from_secs(15);

/// Sends due mailboxes their jobs. The fields are everything it may touch.
pub struct Dispatcher {
    /// Scanned, never written.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// Holds the round.
    pub control: Arc<dyn Control>,
    /// Where the jobs go.
    pub user_jobs: Arc<dyn Queue>,
    /// How often mailboxes are asked, and how many a run looks at.
    pub settings: Settings,
    /// Where `now` comes from.
    pub clock: Clock,
    /// For the names of jobs and of this run.
    pub chance: Chance,
    /// How many parts of the table are scanned at once.
    pub segments: u32,
}

/// What a run did.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// How it ended.
    pub state: RunState,
    /// How many mailboxes it looked at.
    pub looked_at: usize,
    /// How many jobs it sent.
    pub sent: usize,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// The round is finished; the next one begins with the next tick.
    Finished,
    /// The round is not finished: start the next run at once.
    Unfinished,
    /// Another run holds the round.
    Busy,
}

impl Dispatcher {
    /// Works on the round until it is finished, enough mailboxes were looked at, or `deadline` is near.
    pub async fn run(&self, deadline: Timestamp) -> Result<Run, StoreError> {
        let mut run = Run { state: RunState::Finished, looked_at: 0, sent: 0 };
        run.state = match self.take().await? {
            Reach::Held(tenure) => self.work(tenure, deadline, &mut run).await?,
            Reach::Busy => RunState::Busy,
            Reach::Nothing => RunState::Finished,
        };
        let (state, looked_at, sent) = (run.state, run.looked_at, run.sent);
        tracing::info!(?state, looked_at, sent, "A dispatcher run ended");
        Ok(run)
    }

    /// Runs until the round is finished or another run holds it, and says how many jobs were sent. For who stays: a
    /// function, whose time is short, starts its next run instead.
    pub async fn round(&self) -> Result<usize, StoreError> {
        let mut sent = 0;
        loop {
            let run = self.run(self.clock.now() + RUN_LIMIT).await?;
            sent += run.sent;
            if run.state != RunState::Unfinished {
                return Ok(sent);
            }
        }
    }

    /// Takes the round back from a run that was killed or failed, so that nobody waits for its lease to run out. Only
    /// for who knows that no run is at work: the one process that may have any, between two of its own.
    pub async fn reclaim(&self) -> Result<(), StoreError> {
        Tenure::reclaim(&*self.control, self.clock.now()).await
    }

    async fn take(&self) -> Result<Reach, StoreError> {
        let (now, first) = (self.clock.now(), self.settings.poll_interval_min);
        Tenure::take(&*self.control, &self.chance, now, first, self.segments).await
    }

    async fn work(
        &self,
        mut tenure: Tenure,
        deadline: Timestamp,
        run: &mut Run,
    ) -> Result<RunState, StoreError> {
        while !tenure.round.is_finished() && self.may_go_on(run, deadline) {
            self.sweep(&mut tenure, run).await?;
            if tenure.save(&*self.control, self.clock.now()).await? == Write::Stale {
                return Ok(RunState::Busy);
            }
        }
        let finished = tenure.round.is_finished();
        let (silent, mailboxes) = (tenure.round.silent, tenure.round.looked_at);
        match tenure.release(&*self.control, self.clock.now()).await? {
            Write::Applied if finished => {
                tracing::info!(silent, mailboxes, "A dispatcher round was finished");
                Ok(RunState::Finished)
            }
            Write::Applied => Ok(RunState::Unfinished),
            Write::Stale => Ok(RunState::Busy),
        }
    }

    fn may_go_on(&self, run: &Run, deadline: Timestamp) -> bool {
        run.looked_at < self.settings.max_users_per_invocation
            && self.clock.now() + MARGIN < deadline
    }

    /// Reads one page of every segment, all at once, and sends their jobs. The pages are turned, and saved by the
    /// caller, only when every job has been sent: a crash in between repeats a page and never skips one.
    async fn sweep(&self, tenure: &mut Tenure, run: &mut Run) -> Result<(), StoreError> {
        let room = self.settings.max_users_per_invocation - run.looked_at;
        let (pages, now) = (self.read_pages(tenure, room).await?, self.clock.now());
        for (segment, page) in pages {
            run.looked_at += page.mailboxes.len();
            run.sent += self.send(&page.mailboxes, tenure.round.window).await?;
            let readable = page.mailboxes.iter().filter(|mailbox| mailbox.readable);
            tenure.round.looked_at += readable.clone().count() as u64;
            tenure.round.silent +=
                readable.filter(|mailbox| self.is_silent(mailbox, now)).count() as u64;
            tenure.round.turn_page(segment, Page::after(page.next));
        }
        Ok(())
    }

    /// Whether a mailbox's cursor stands still although it is asked, or should be.
    fn is_silent(&self, mailbox: &Roster, now: Timestamp) -> bool {
        now.since(mailbox.last_fetched_at) > longest_quiet(self.settings.poll_interval_max)
    }

    async fn read_pages(
        &self,
        tenure: &Tenure,
        room: usize,
    ) -> Result<Vec<(Segment, ScanPage)>, StoreError> {
        let open = tenure.round.open(room);
        let limit = (room / open.len().max(1)).clamp(1, PAGE);
        let read = |(segment, page): (Segment, &Page)| {
            let after = page.position().cloned();
            async move {
                let page = self.mailboxes.scan(segment, after.as_ref(), limit).await?;
                Ok((segment, page))
            }
        };
        try_join_all(open.into_iter().map(read)).await
    }

    async fn send(&self, page: &[Roster], window: Window) -> Result<usize, StoreError> {
        let (now, tempo) = (self.clock.now(), Tempo::of(&self.settings));
        let due = page.iter().filter_map(|mailbox| {
            let delay = tempo.turn(mailbox, window)?;
            Some(self.job(mailbox, now, now + delay))
        });
        let jobs: Vec<UserJob> = due.collect();
        intake::send(&*self.user_jobs, &jobs, now).await?;
        Ok(jobs.len())
    }

    fn job(&self, mailbox: &Roster, now: Timestamp, turn: Timestamp) -> UserJob {
        let (user, epoch) = (mailbox.user_id.clone(), mailbox.epoch);
        let mut header = JobHeader::new(user, epoch, now, &self.chance);
        header.not_before = Some(turn).filter(|turn| *turn > now);
        UserJob { header, kind: UserJobKind::Sync, cause: Cause::Schedule }
    }
}

#[cfg(test)]
mod tests;
