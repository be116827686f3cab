//! A stage that takes its own jobs: receive, serve, delete, until told to stop. A record that takes long holds up nobody
//! but itself.
//!
//! On Lambda the platform does this; on one machine, and in a container, it is done here.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
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

/// Runs one consumer of `intake` with up to `most` records at work, until told to stop.
pub async fn consume<J, F, Fut>(intake: &Intake, most: usize, shutdown: Shutdown, stage: F)
where
    J: Job,
    F: Fn(J, Attempt) -> Fut,
    Fut: Future<Output = Disposition<J>>,
{
    let serve = |records| intake.serve(records, &stage);
    drain(&*intake.queue, intake.stage, &intake.clock, most, &shutdown, serve).await;
}

/// Takes records from `queue`, has up to `most` of them served at a time, and deletes each that is finished, until told
/// to stop. Then it ends what it has begun. A free place is filled by the next receive: one slow mailbox takes
/// one place, and not those of all that were received with it.
pub async fn drain<F, Fut>(
    queue: &dyn Queue,
    stage: StageName,
    clock: &Clock,
    most: usize,
    shutdown: &Shutdown,
    serve: F,
) where
    F: Fn(Vec<Record>) -> Fut,
    Fut: Future<Output = BatchAnswer>,
{
    let one = |record: Record| {
        let served = serve(vec![record]);
        async move {
            let answer = served.await;
            if !answer.finished.is_empty() {
                delete(queue, stage, clock, shutdown, &answer.finished).await;
            }
        }
    };
    let mut at_work = FuturesUnordered::new();
    while !shutdown.is_told() {
        let received = {
            let receiving = next(queue, stage, clock, most - at_work.len());
            tokio::pin!(receiving);
            loop {
                // Not cancelled by anything: what a receive has already taken would stay hidden for minutes.
                tokio::select! {
                    received = &mut receiving => break received,
                    Some(()) = at_work.next() => {}
                }
            }
        };
        at_work.extend(received.into_iter().flatten().map(&one));
        if at_work.len() >= most {
            at_work.next().await;
        }
    }
    while at_work.next().await.is_some() {}
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use tokio::sync::Notify;

    use super::*;
    use crate::queue::Outgoing;
    use crate::queue::memory::MemoryQueue;

    #[tokio::test]
    async fn a_record_that_takes_long_holds_up_nobody_but_itself() {
        let (queue, (stop, told)) = (MemoryQueue::new(Clock::System), shutdown());
        let send = |body: &str| Outgoing {
            body: body.to_owned(),
            group: None,
            delay: Duration::ZERO,
            attributes: BTreeMap::new(),
        };
        let all = ["slow", "1", "2", "3", "4"];
        assert!(queue.send(all.map(send).to_vec()).await.unwrap().is_empty());
        let (release, served) = (Notify::new(), Mutex::new(Vec::new()));
        let serve = async |records: Vec<Record>| {
            let mut answer = BatchAnswer::default();
            for record in records {
                if record.body == "slow" {
                    release.notified().await;
                }
                served.lock().unwrap().push(record.body);
                answer.finished.push(record.receipt);
                match served.lock().unwrap().len() {
                    4 => release.notify_one(),
                    5 => stop.stop(),
                    _ => {}
                }
            }
            answer
        };
        drain(&queue, StageName::UserWorker, &Clock::System, 2, &told, serve).await;
        assert_eq!(*served.lock().unwrap(), ["1", "2", "3", "4", "slow"]);
        assert_eq!(queue.depth().await.unwrap().total(), 0, "what has begun is ended");
    }
}
