//! Sends round again what nothing stands behind.
//!
//! The mark names its new job before that job is sent. A run that dies in between leaves the mark as stale as it was, and
//! the next run finds it again; the other way round a job could be at work under a name that nobody knows. Sent twice is as
//! good as sent once: whoever comes second finds the message at its end. Room in the mailbox's quota is taken as replay
//! takes it, from the block that has begun and from no later one, so that new mail waits for one block at most.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use shared::clock::{Chance, Clock, Timestamp};
use shared::ids::{Generation, MessageId, UserId};
use shared::intake::send;
use shared::jobs::{JobHeader, Lane, Listed, MAX_MESSAGES_PER_JOB, MessageJob};
use shared::ledger::{Mailboxes, Marks};
use shared::mailbox::Mailbox;
use shared::mark::{Listing, MarkState};
use shared::pacing::Pacing;
use shared::queue::Queue;
use shared::reservation::{Room, reserve_now};
use shared::store::StoreError;

use super::judge::{Finding, Flaw, Remedy};

/// A mailbox whose quota is taken for longer is left out: the person at the keyboard has others to look after.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// Sends messages round again. The fields are everything it may touch.
#[derive(Clone)]
pub struct Again {
    /// Read for their state; room is reserved in their pace.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// They name the new jobs.
    pub marks: Arc<dyn Marks>,
    /// Where those go.
    pub message_jobs: Arc<dyn Queue>,
    /// How fetching is paced.
    pub pacing: Pacing,
    /// Where `now` comes from, and where a turn is waited for.
    pub clock: Clock,
    /// For the names of jobs.
    pub chance: Chance,
}

/// What was sent, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// Messages that are on their way again.
    pub messages: usize,
    /// In so many jobs.
    pub jobs: usize,
    /// Whose were left out.
    pub left_out: Vec<LeftOut>,
}

/// A mailbox of which something was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// Whose.
    pub user_id: UserId,
    /// How many messages.
    pub messages: usize,
    /// Why, in words.
    pub why: String,
}

/// Messages of one mailbox and one generation, as many as a job carries.
type Batch = Vec<Finding>;

/// How far one mailbox has come.
enum Stop {
    /// Everything is sent.
    AtTheEnd,
    /// There is room again at this moment.
    Until(Timestamp),
    /// Nothing more is sent, and why.
    Barred(String),
}

impl Again {
    /// Sends the messages of those findings that sending helps, those of all mailboxes side by side; waits where there is no
    /// room. `wait` is told how many messages wait, and until when.
    pub async fn send(
        &self,
        findings: &[Finding],
        mut wait: impl FnMut(usize, Timestamp),
    ) -> Result<Sent, StoreError> {
        let mut sent = Sent::default();
        let mut waiting = batches(findings);
        while !waiting.is_empty() {
            let mut next: Option<Timestamp> = None;
            for (user_id, mut batches) in std::mem::take(&mut waiting) {
                match self.send_of(&user_id, &mut batches, &mut sent).await? {
                    Stop::AtTheEnd => {}
                    Stop::Until(turn) => {
                        next = Some(next.map_or(turn, |next| next.min(turn)));
                        waiting.insert(user_id, batches);
                    }
                    Stop::Barred(why) => {
                        sent.left_out.push(LeftOut { messages: count(&batches), user_id, why });
                    }
                }
            }
            if let Some(turn) = next {
                wait(waiting.values().map(count).sum(), turn);
                self.clock.sleep(turn.since(self.clock.now())).await;
            }
        }
        Ok(sent)
    }

    /// Sends the batches of one mailbox while there is room for them.
    async fn send_of(
        &self,
        user: &UserId,
        batches: &mut VecDeque<Batch>,
        sent: &mut Sent,
    ) -> Result<Stop, StoreError> {
        let Some(mailbox) = self.mailboxes.get(user).await? else {
            return Ok(Stop::Barred("there is no such mailbox any more".to_owned()));
        };
        if let Some(why) = why_not(&mailbox) {
            return Ok(Stop::Barred(why));
        }
        while let Some(batch) = batches.front() {
            let now = self.clock.now();
            let size = u32::try_from(batch.len()).unwrap_or(u32::MAX);
            match reserve_now(&*self.mailboxes, self.pacing, user, size, now).await? {
                Room::Taken => {}
                Room::From(turn) if turn.since(now) > LONGEST_WAIT => {
                    return Ok(Stop::Barred(format!("its quota is taken until {turn}")));
                }
                Room::From(turn) => return Ok(Stop::Until(turn)),
            }
            self.send_batch(&mailbox, batch, now).await?;
            sent.messages += batch.len();
            sent.jobs += 1;
            batches.pop_front();
        }
        Ok(Stop::AtTheEnd)
    }

    /// Marks first, then the job.
    async fn send_batch(
        &self,
        mailbox: &Mailbox,
        batch: &[Finding],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (user, epoch) = (&mailbox.user_id, mailbox.epoch);
        let header = JobHeader::new(user.clone(), epoch, now, &self.chance);
        let job = &header.job_id;
        let (mut untrue, mut parked, mut unknown) = (vec![], vec![], vec![]);
        for finding in batch {
            match finding.flaw {
                Flaw::Stale | Flaw::WithoutResult | Flaw::WithoutOriginal | Flaw::Unannounced => {
                    untrue.push(finding.message_id.clone());
                }
                Flaw::Orphaned => parked.push(finding.message_id.clone()),
                Flaw::Unmarked => unknown.push(listing(&finding.message_id, &header)),
            }
        }
        if !untrue.is_empty() {
            self.marks.relist(user, epoch, &untrue, job).await?;
        }
        if !parked.is_empty() {
            self.marks.unpark(user, epoch, &parked, job).await?;
        }
        if !unknown.is_empty() {
            self.marks.list(user, epoch, &unknown, now).await?;
        }
        send(&*self.message_jobs, &[job_of(header, batch, now)], now).await
    }
}

/// By mailbox, and of each as many to a batch as a job carries.
fn batches(findings: &[Finding]) -> BTreeMap<UserId, VecDeque<Batch>> {
    let mut sorted: BTreeMap<(&UserId, Generation), Vec<&Finding>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.remedy == Remedy::SendAgain) {
        sorted.entry((&finding.user_id, finding.generation)).or_default().push(finding);
    }
    let mut batches: BTreeMap<UserId, VecDeque<Batch>> = BTreeMap::new();
    for ((user, _), findings) in sorted {
        let parts = findings.chunks(MAX_MESSAGES_PER_JOB);
        let parts = parts.map(|part| part.iter().map(|finding| (*finding).clone()).collect());
        batches.entry(user.clone()).or_default().extend(parts);
    }
    batches
}

fn count(batches: &VecDeque<Batch>) -> usize {
    batches.iter().map(Vec::len).sum()
}

fn listing(id: &MessageId, header: &JobHeader) -> Listing {
    let (message_id, job_id) = (id.clone(), header.job_id.clone());
    Listing { message_id, job_id, state: MarkState::Listed }
}

fn job_of(header: JobHeader, batch: &[Finding], now: Timestamp) -> MessageJob {
    let listed = |finding: &Finding| Listed {
        id: finding.message_id.clone(),
        // Long ago: what Gmail does not have any more is gone, and not late.
        listed_at: finding.listed_at.unwrap_or(now),
    };
    MessageJob {
        header,
        messages: batch.iter().map(listed).collect(),
        lane: Lane::Replay,
        generation: batch.first().map(|finding| finding.generation).unwrap_or_default(),
        refused: None,
    }
}

/// Why nothing is sent for a mailbox: its jobs would only come back as dead letters.
fn why_not(mailbox: &Mailbox) -> Option<String> {
    match (mailbox.disconnected_at, mailbox.needs_reauth, mailbox.paused) {
        (Some(_), _, _) => Some("it is disconnected".to_owned()),
        (None, Some(reason), _) => Some(format!("its owner must consent again ({reason})")),
        (None, None, Some(reason)) => Some(format!("it is paused ({reason})")),
        (None, None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(user: &str, number: usize, generation: u32) -> Finding {
        let id = format!("m{number}").parse().unwrap();
        let generation = Generation(generation);
        Finding { generation, ..Finding::unmarked(&user.parse().unwrap(), id) }
    }

    #[test]
    fn a_job_carries_messages_of_one_mailbox_and_one_generation_and_each_is_in_one() {
        let mut findings: Vec<Finding> = (0..60).map(|number| finding("ada", number, 0)).collect();
        findings.extend((60..70).map(|number| finding("ada", number, 2)));
        findings.extend((0..3).map(|number| finding("bob", number, 0)));
        let batches = batches(&findings);
        let sizes = |user: &str| -> Vec<usize> {
            batches[&user.parse().unwrap()].iter().map(Vec::len).collect()
        };
        assert_eq!((sizes("ada"), sizes("bob")), (vec![25, 25, 10, 10], vec![3]));
        let mut all: Vec<Finding> = Vec::new();
        for batch in batches.values().flatten() {
            assert!(batch.iter().all(|it| it.generation == batch[0].generation));
            assert!(batch.iter().all(|it| it.user_id == batch[0].user_id));
            all.extend(batch.iter().cloned());
        }
        let key = |finding: &Finding| (finding.user_id.clone(), finding.message_id.clone());
        all.sort_by_key(key);
        findings.sort_by_key(key);
        assert_eq!(all, findings);
    }
}
