//! Asking for a census, and waiting for its answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use shared::census::{Page, read};
use shared::clock::{Chance, Clock, Timestamp};
use shared::ids::{JobId, MessageId};
use shared::intake::send;
use shared::jobs::{CENSUS_VERSION, Cause, JobHeader, UserJob, UserJobKind};
use shared::ledger::Control;
use shared::mailbox::Mailbox;
use shared::queue::Queue;
use shared::store::StoreError;

/// How long the next page is waited for. A user-worker takes a job within seconds, and a page of Gmail's takes less than one.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// How often it is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Asks the user-worker which messages Gmail has. The fields are everything it may touch.
#[derive(Clone)]
pub struct Asker {
    /// Where the answer comes.
    pub control: Arc<dyn Control>,
    /// Where the question goes.
    pub user_jobs: Arc<dyn Queue>,
    /// Where `now` comes from, and where waiting is done.
    pub clock: Clock,
    /// For the question's name.
    pub chance: Chance,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// Nobody took the job, or whoever took it died.
    #[error("nobody has answered for {} minutes", PATIENCE.as_secs() / 60)]
    Nobody,
    /// Gmail could not be asked.
    #[error("{0}")]
    Refused(String),
    /// A table or the queue failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Asker {
    /// Asks which messages Gmail has in the window, whose end is excluded, and answers the name of the question.
    pub async fn ask(
        &self,
        mailbox: &Mailbox,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<JobId, StoreError> {
        let now = self.clock.now();
        let mut header = JobHeader::new(mailbox.user_id.clone(), mailbox.epoch, now, &self.chance);
        header.v = CENSUS_VERSION;
        let question = header.job_id.clone();
        let kind = UserJobKind::Census { from, to };
        send(&*self.user_jobs, &[UserJob { header, kind, cause: Cause::Manual }], now).await?;
        Ok(question)
    }

    /// Waits for the whole answer. `count` is told, page by page, how many messages they are so far.
    pub async fn answer(
        &self,
        question: &JobId,
        mut count: impl FnMut(usize),
    ) -> Result<BTreeSet<MessageId>, Unanswered> {
        let (mut all, mut number, mut heard_at) = (BTreeSet::new(), 0, self.clock.now());
        loop {
            let now = self.clock.now();
            match read(&*self.control, question, number, now).await? {
                Some(Page::Ids { ids, last }) => {
                    all.extend(ids);
                    count(all.len());
                    if last {
                        return Ok(all);
                    }
                    (number, heard_at) = (number + 1, now);
                }
                Some(Page::Failed { error }) => return Err(Unanswered::Refused(error)),
                None if now.since(heard_at) >= PATIENCE => return Err(Unanswered::Nobody),
                None => self.clock.sleep(LOOK_AGAIN).await,
            }
        }
    }
}
