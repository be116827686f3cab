//! A stage that takes its own jobs: receive, serve, delete, until told to stop.
//!
//! On Lambda the platform does this; on one machine, and in a container, it is done here.

use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::disposition::{Attempt, Disposition, chain};
use crate::intake::{BatchAnswer, Intake};
use crate::jobs::Job;
use crate::ledger::StageName;
use crate::queue::{Queue, Receipt, Record};
use crate::store::StoreError;

/// How long a receive waits for its first record: short enough to stop soon, long enough to cost nothing.
const LONG_POLL: Duration = Duration::from_secs(1);

/// How long a worker rests after its queue failed.
const REST: Duration = Duration::from_secs(2);

/// Tells workers to stop. What they have begun they finish; nothing new is taken.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// The other end: dropping it stops the workers too.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

/// A pair of ends.
pub fn shutdown() -> (Stop, Shutdown) {
    let (stop, told) = watch::channel(false);
    (Stop(stop), Shutdown(told))
}

impl Stop {
    /// Tells everybody.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether we were told.
    pub fn is_told(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits until we are told.
    pub async fn told(&mut self) {
        while !self.is_told() {
            if self.0.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Runs one consumer of `intake` with up to `batch` records at a time, until told to stop.
pub async fn consume<J, F, Fut>(intake: &Intake, batch: usize, shutdown: Shutdown, stage: F)
where
    J: Job,
    F: Fn(J, Attempt) -> Fut,
    Fut: Future<Output = Disposition<J>>,
{
    let serve = |records| intake.serve(records, &stage);
    drain(&*intake.queue, intake.stage, &intake.clock, batch, &shutdown, serve).await;
}

/// Takes up to `batch` records at a time from `queue`, has them served, and deletes those that are finished, until told
/// to stop.
pub async fn drain<F, Fut>(
    queue: &dyn Queue,
    stage: StageName,
    clock: &Clock,
    batch: usize,
    shutdown: &Shutdown,
    serve: F,
) where
    F: Fn(Vec<Record>) -> Fut,
    Fut: Future<Output = BatchAnswer>,
{
    while !shutdown.is_told() {
        let Some(records) = next(queue, stage, clock, batch).await else { continue };
        let answer = serve(records).await;
        if !answer.finished.is_empty() {
            delete(queue, stage, clock, shutdown, &answer.finished).await;
        }
    }
}

/// Deletes finished records. A full store is waited for: what was seen again would cost a try.
async fn delete(
    queue: &dyn Queue,
    stage: StageName,
    clock: &Clock,
    shutdown: &Shutdown,
    finished: &[Receipt],
) {
    loop {
        match queue.delete(finished).await {
            Ok(()) => return,
            Err(StoreError::Full { .. }) if !shutdown.is_told() => {
                tracing::error!(%stage, "No room is left; this worker waits for some");
                clock.sleep(REST).await;
            }
            Err(error) => {
                // Not deleted means seen again: the marks make that harmless.
                tracing::warn!(%stage, error = chain(&error), "Finished records could not be deleted");
                return;
            }
        }
    }
}

/// The next records; `None` when there are none or the queue failed.
async fn next(
    queue: &dyn Queue,
    stage: StageName,
    clock: &Clock,
    batch: usize,
) -> Option<Vec<Record>> {
    // Not cancelled by a shutdown: what a receive has already taken would stay hidden for minutes.
    match queue.receive(batch, LONG_POLL).await {
        Ok(records) => (!records.is_empty()).then_some(records),
        Err(error) => {
            match &error {
                StoreError::Full { .. } => {
                    tracing::error!(%stage, "No room is left; no job is taken");
                }
                StoreError::Unavailable { .. } | StoreError::Broken { .. } => {
                    tracing::error!(%stage, error = chain(&error), "No job can be received");
                }
            }
            clock.sleep(REST).await;
            None
        }
    }
}
