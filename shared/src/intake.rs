//! From a queue's records to a stage and back: decode, let the stage decide, carry the disposition out.
//!
//! Every stage takes its jobs through [`Intake::serve`], on one machine and on Lambda alike. A record that is no job
//! becomes a dead letter with its body kept; a panic costs its own record only; the answer says, record by record,
//! which are finished, because a batch is never one thing.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use tracing::Instrument;

use crate::clock::{Chance, Clock, Timestamp};
use crate::disposition::{Attempt, Disposition, Verdict, chain};
use crate::ids::JobId;
use crate::jobs::{Job, decode, encode};
use crate::ledger::StageName;
use crate::queue::{
    MAX_DELAY, MAX_RECEIVES, Outgoing, Queue, RUN_LIMIT, Receipt, Record, VISIBILITY,
};
use crate::reason::Reason;
use crate::store::StoreError;

/// How long before the end of a run nothing new is begun: longer than one message takes at its slowest.
const MARGIN: Duration = Duration::from_secs(10);

/// How long to wait before a full store is tried again.
const FULL_PAUSE: Duration = Duration::from_secs(5);

/// The longest that a record is hidden at once: half of what SQS allows a record in flight.
const LONGEST_KEPT_BACK: Duration = Duration::from_hours(6);

/// SQS takes 256 KiB of attributes and body; an error in words needs far less.
const MAX_ERROR_CHARS: usize = 500;

/// One stage's queues, and what it needs to judge time and tries.
#[derive(Clone)]
pub struct Intake {
    /// Where its jobs come from, and where postponed copies go.
    pub queue: Arc<dyn Queue>,
    /// Where its dead letters go.
    pub dead_letters: Arc<dyn Queue>,
    /// Its name.
    pub stage: StageName,
    /// Where `now` comes from.
    pub clock: Clock,
    /// For jitter and job names.
    pub chance: Chance,
    /// `RETRY_BASE`.
    pub retry_base: Duration,
}

/// What became of a batch, record by record.
#[must_use]
#[derive(Debug, Default, PartialEq, Eq)]
pub struct BatchAnswer {
    /// To be deleted.
    pub finished: Vec<Receipt>,
    /// The ids of those that stay in the queue and come again.
    pub left: Vec<String>,
}

/// Whether a record is finished or stays in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    Finished,
    Left,
}

impl Intake {
    /// Serves a batch: each record by itself, all at once.
    pub async fn serve<J, F, Fut>(&self, records: Vec<Record>, stage: F) -> BatchAnswer
    where
        J: Job,
        F: Fn(J, Attempt) -> Fut,
        Fut: Future<Output = Disposition<J>>,
    {
        self.serve_until(records, self.clock.now() + RUN_LIMIT, stage).await
    }

    /// The same in a run that ends at `end`, if that comes before [`RUN_LIMIT`] is over.
    pub async fn serve_until<J, F, Fut>(
        &self,
        records: Vec<Record>,
        end: Timestamp,
        stage: F,
    ) -> BatchAnswer
    where
        J: Job,
        F: Fn(J, Attempt) -> Fut,
        Fut: Future<Output = Disposition<J>>,
    {
        let deadline = end.min(self.clock.now() + RUN_LIMIT) - MARGIN;
        let settled =
            join_all(records.iter().map(|record| self.serve_one(record, deadline, &stage))).await;
        let mut answer = BatchAnswer::default();
        for (record, settled) in records.into_iter().zip(settled) {
            match settled {
                Settled::Finished => answer.finished.push(record.receipt),
                Settled::Left => answer.left.push(record.id),
            }
        }
        answer
    }

    async fn serve_one<J, F, Fut>(&self, record: &Record, deadline: Timestamp, stage: &F) -> Settled
    where
        J: Job,
        F: Fn(J, Attempt) -> Fut,
        Fut: Future<Output = Disposition<J>>,
    {
        let job: J = match decode(&record.body) {
            Ok(job) => job,
            Err(bad) => {
                // The name of its letter: nothing else of it is known.
                let name = JobId::of_body(&record.body);
                let span = tracing::info_span!("record", stage = %self.stage, jobId = %name);
                let error = chain(&bad);
                let parked = self.park_undecodable(record, bad.reason(), &error);
                return parked.instrument(span).await;
            }
        };
        let header = job.header();
        let span = tracing::info_span!(
            "job",
            stage = %self.stage,
            mailbox = %header.user_id,
            jobId = %header.job_id,
            trace = %header.trace,
        );
        self.serve_job(job, record, deadline, stage).instrument(span).await
    }

    async fn serve_job<J, F, Fut>(
        &self,
        job: J,
        record: &Record,
        deadline: Timestamp,
        stage: &F,
    ) -> Settled
    where
        J: Job,
        F: Fn(J, Attempt) -> Fut,
        Fut: Future<Output = Disposition<J>>,
    {
        let attempt = self.attempt(&job, record, deadline);
        if let Some(turn) = job.header().not_before.filter(|turn| *turn > attempt.now) {
            // Early: a queue keeps no delay beyond its limit. It goes on waiting, counted from where it was.
            return self.settle(record, Disposition::Postpone { until: turn, job }).await;
        }
        // On the heap: a batch is a row of these, and neither it nor the compiler is to carry every stage's depth in it.
        let handled = Box::pin(stage(job.clone(), attempt.clone()));
        let handled = AssertUnwindSafe(handled).catch_unwind().await;
        let disposition = handled
            .unwrap_or_else(|_| attempt.failed(job.clone(), "the stage panicked on this job"));
        tell(&attempt, &disposition);
        self.settle(record, disposition).await
    }

    fn attempt<J: Job>(&self, job: &J, record: &Record, deadline: Timestamp) -> Attempt {
        Attempt {
            now: self.clock.now(),
            deadline,
            // Saturating: the number comes from a body, and a record must not cost the others of its batch.
            tries: job.header().tries.saturating_add(record.receive_count),
            retry_base: self.retry_base,
            in_doubt: job.header().in_doubt,
            chance: self.chance.clone(),
        }
    }

    /// Carries a disposition out. What cannot be carried out leaves the record in the queue: it comes again.
    async fn settle<J: Job>(&self, record: &Record, disposition: Disposition<J>) -> Settled {
        match disposition {
            Disposition::Done => Settled::Finished,
            Disposition::Retry { after, .. } => {
                if let Err(error) = self.queue.hide(&record.receipt, after).await {
                    tracing::warn!(error = chain(&error), "A record could not be hidden");
                }
                Settled::Left
            }
            Disposition::Postpone { until, job } => {
                self.hand_on(record, &self.queue, || self.copy(&job, until, record)).await
            }
            Disposition::DeadLetter(verdict) => {
                let letter = letter(&verdict, self.stage, record.receive_count);
                self.hand_on(record, &self.dead_letters, || letter.clone()).await
            }
        }
    }

    /// A delayed copy: it carries the failures that the queue's own count will no longer show. This receive is not
    /// one of them.
    fn copy<J: Job>(&self, job: &J, until: Timestamp, record: &Record) -> Outgoing {
        let mut job = job.clone();
        let header = job.header_mut();
        header.tries = header.tries.saturating_add(record.receive_count.saturating_sub(1));
        header.not_before = Some(until);
        outgoing(&job, self.clock.now())
    }

    async fn park_undecodable(&self, record: &Record, reason: Reason, error: &str) -> Settled {
        let id = &record.id;
        tracing::error!(record = id, %reason, error, "A record is not one of our jobs");
        let attributes = letter_attributes(self.stage, reason, error, record.receive_count, None);
        let letter =
            Outgoing { body: record.body.clone(), group: None, delay: Duration::ZERO, attributes };
        self.hand_on(record, &self.dead_letters, || letter.clone()).await
    }

    /// Sends, and only then lets the record go. A full store is waited for here, holding the record: a worker that
    /// cannot write takes no further job.
    async fn hand_on(
        &self,
        record: &Record,
        to: &Arc<dyn Queue>,
        outgoing: impl Fn() -> Outgoing,
    ) -> Settled {
        loop {
            match to.send(vec![outgoing()]).await {
                Ok(failures) if failures.is_empty() => return Settled::Finished,
                Ok(failures) => {
                    let cause = failures.first().map(|first| first.cause.as_str());
                    tracing::error!(cause, "A record was refused when it was handed on");
                    return self.keep_back(record).await;
                }
                Err(StoreError::Full { .. }) => {
                    tracing::error!("No room is left; this worker waits for some");
                    self.clock.sleep(FULL_PAUSE).await;
                }
                Err(error) => {
                    tracing::error!(error = chain(&error), "A record could not be handed on");
                    return self.keep_back(record).await;
                }
            }
        }
    }

    /// Hides a record that could not be handed on, the longer the more often it came: its queue gives it up after
    /// [`MAX_RECEIVES`], and by then somebody must have had a day to mend what keeps us from sending.
    async fn keep_back(&self, record: &Record) -> Settled {
        let after = kept_back_for(record.receive_count);
        if let Err(error) = self.queue.hide(&record.receipt, after).await {
            tracing::warn!(error = chain(&error), "A record could not be hidden");
        }
        Settled::Left
    }
}

/// The one log line that a job's failure gets.
fn tell<J: Job>(attempt: &Attempt, disposition: &Disposition<J>) {
    match disposition {
        Disposition::Done => tracing::debug!("Done"),
        Disposition::Retry { after, error } => {
            let tries = attempt.tries;
            tracing::warn!(tries, ?after, error, "Failed; will be tried again");
        }
        Disposition::Postpone { until, .. } => tracing::info!(%until, "Postponed"),
        Disposition::DeadLetter(verdict) => {
            let (reason, error) = (verdict.reason, &verdict.error);
            tracing::error!(%reason, error, "Became a dead letter");
        }
    }
}

/// 6 minutes, 12, 24 and so on up to 6 hours: in all more than a day before a queue gives the record up.
fn kept_back_for(receives: u32) -> Duration {
    let doublings = receives.saturating_sub(1).min(MAX_RECEIVES);
    (VISIBILITY * (1 << doublings)).min(LONGEST_KEPT_BACK)
}

/// A job as it is sent: delayed to its turn as far as a queue can, and in its mailbox's group.
pub fn outgoing<J: Job>(job: &J, now: Timestamp) -> Outgoing {
    let header = job.header();
    let delay = header.not_before.map_or(Duration::ZERO, |turn| turn.since(now)).min(MAX_DELAY);
    Outgoing {
        body: encode(job),
        group: Some(header.user_id.clone()),
        delay,
        attributes: BTreeMap::new(),
    }
}

/// Sends jobs, and says how many the queue did not take.
pub async fn send<J: Job>(queue: &dyn Queue, jobs: &[J], now: Timestamp) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let failures = queue.send(jobs.iter().map(|job| outgoing(job, now)).collect()).await?;
    match failures.first() {
        None => Ok(()),
        Some(first) => Err(StoreError::Unavailable {
            doing: "sending jobs",
            source: format!("{} of {} were refused: {}", failures.len(), jobs.len(), first.cause)
                .into(),
        }),
    }
}

/// A dead letter as it travels: the job's body, and beside it why.
pub fn letter<J: Job>(verdict: &Verdict<J>, stage: StageName, receives: u32) -> Outgoing {
    let tries = verdict.job.header().tries.saturating_add(receives);
    let attributes =
        letter_attributes(stage, verdict.reason, &verdict.error, tries, verdict.consent);
    let group = Some(verdict.job.header().user_id.clone());
    Outgoing { body: encode(&verdict.job), group, delay: Duration::ZERO, attributes }
}

fn letter_attributes(
    stage: StageName,
    reason: Reason,
    error: &str,
    tries: u32,
    consent: Option<(crate::ids::Epoch, crate::ids::Grant)>,
) -> BTreeMap<String, String> {
    // SQS refuses control characters, and an error may quote anything.
    let error: String = error.chars().filter(|c| !c.is_control()).take(MAX_ERROR_CHARS).collect();
    let mut attributes = BTreeMap::from([
        ("stage".to_owned(), stage.to_string()),
        ("reason".to_owned(), reason.to_string()),
        ("error".to_owned(), error),
        ("tries".to_owned(), tries.to_string()),
    ]);
    if let Some((epoch, grant)) = consent {
        attributes.insert("epoch".to_owned(), epoch.to_string());
        attributes.insert("grant".to_owned(), grant.to_string());
    }
    attributes
}

#[cfg(test)]
mod tests;
