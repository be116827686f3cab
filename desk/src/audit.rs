//! Whether anything is missing.
//!
//! A mark says *listed* while a job carries its message, and *parked* while a dead letter does. Neither knows of the other's
//! end: a queue's row that is deleted by hand, a table that is restored from a backup, a job that was lost with a disk leave
//! a mark that waits for ever. The audit reads every mark, counts them by day, and names those behind which nothing
//! stands; [`again`] sends them round. It asks no queue, for no queue can be asked: what is listed for longer than any job
//! may take is taken for lost, and to send it again does no harm.
//!
//! [`deep`] goes on from there for one mailbox: it compares Gmail, the marks, the archive and the log of events.

pub mod again;
pub mod census;
pub mod deep;
pub mod gap;
pub mod judge;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use shared::clock::{Clock, Timestamp};
use shared::disposition::MAX_WAIT;
use shared::ids::{JobId, MessageId, UserId};
use shared::ledger::{DeadLetters, LetterState, Mailboxes, Marks, Segment};
use shared::mailbox::Mailbox;
use shared::mark::Mark;
use shared::store::StoreError;

use self::gap::ClosedGap;
use self::judge::{Day, Finding, Flaw, Judge, Standing, Tally};

/// For how long a mark is *listed* before nothing is believed to stand behind it. A job is tried for 26 minutes and may be
/// postponed for a day in all; after that it has become a dead letter, unless it is in a backlog.
pub const STALE_AFTER: Duration = Duration::from_hours(25);

const _: () = assert!(STALE_AFTER.as_secs() > MAX_WAIT.as_secs(), "a job that waits is not lost");

/// Marks that are read at once.
const PAGE: usize = 1_000;

/// Mailboxes that a scan names at once.
const MAILBOXES: usize = 500;

/// Mailboxes that are read at the same time: enough to hide a table's latency, few enough for its throughput.
const TOGETHER: usize = 8;

/// Marks that are looked at a second time at once: what one read of DynamoDB takes.
const SECOND_LOOK: usize = 100;

/// Looks through the marks. The fields are everything it may touch; it only reads.
#[derive(Clone)]
pub struct Audit {
    /// Their lives.
    pub mailboxes: Arc<dyn Mailboxes>,
    /// What is looked through.
    pub marks: Arc<dyn Marks>,
    /// What stands behind the parked ones.
    pub letters: Arc<dyn DeadLetters>,
    /// Where `now` comes from.
    pub clock: Clock,
}

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Scope {
    /// One mailbox, or all.
    pub user: Option<UserId>,
    /// Messages that were listed since.
    pub since: Option<Timestamp>,
    /// For how long a mark may be *listed*.
    pub stale_after: Duration,
}

/// What was found in one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxAudit {
    /// Whose.
    pub user_id: UserId,
    /// Its marks, by the day (UTC) on which their messages were listed.
    pub days: BTreeMap<Day, Tally>,
    /// The receipt of its last gap, while marks still tell what became of it.
    pub gap: Option<ClosedGap>,
    /// What is wrong, in the order of the messages' ids.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Looks through what is meant, and tells of each mailbox in the order of the scan. Memory is bounded by a page of
    /// marks for each of a few mailboxes, and by what is found.
    pub async fn run(
        &self,
        scope: &Scope,
        mut tell: impl FnMut(MailboxAudit),
    ) -> Result<(), StoreError> {
        if let Some(user) = &scope.user {
            self.of(user, scope).await?.into_iter().for_each(tell);
            return Ok(());
        }
        let mut after = None;
        loop {
            let whole = Segment { index: 0, total: 1 };
            let page = self.mailboxes.scan(whole, after.as_ref(), MAILBOXES).await?;
            let audits = page.mailboxes.iter().map(|roster| self.of(&roster.user_id, scope));
            let mut audits = pin!(stream::iter(audits).buffered(TOGETHER));
            while let Some(audit) = audits.try_next().await? {
                audit.into_iter().for_each(&mut tell);
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// One mailbox; `None` when there is none.
    pub async fn of(
        &self,
        user: &UserId,
        scope: &Scope,
    ) -> Result<Option<MailboxAudit>, StoreError> {
        let Some(mailbox) = self.mailboxes.get(user).await? else { return Ok(None) };
        let judge = Judge {
            epoch: mailbox.epoch,
            now: self.clock.now(),
            since: scope.since,
            stale_after: scope.stale_after,
        };
        let mut days: BTreeMap<Day, Tally> = BTreeMap::new();
        let mut gap = ClosedGap::of(&mailbox, judge.now);
        let mut suspects = Vec::new();
        self.each_mark(user, |mark| {
            if mark.counts(judge.epoch, judge.now)
                && let Some(gap) = &mut gap
            {
                gap.add(&mark);
            }
            let standing = judge.standing(&mark);
            if standing != Standing::Outside {
                days.entry(Day::of(mark.listed_at)).or_default().add(mark.state);
            }
            if matches!(standing, Standing::Stale | Standing::Parked) {
                suspects.push(mark);
            }
        })
        .await?;
        let findings = self.findings(&mailbox, suspects).await?;
        Ok(Some(MailboxAudit { user_id: mailbox.user_id, days, gap, findings }))
    }

    /// What has become of the mailbox's last gap, if it had one.
    pub async fn gap(&self, mailbox: &Mailbox) -> Result<Option<ClosedGap>, StoreError> {
        let now = self.clock.now();
        let Some(mut gap) = ClosedGap::of(mailbox, now) else { return Ok(None) };
        let add = |mark: Mark| {
            if mark.counts(mailbox.epoch, now) {
                gap.add(&mark);
            }
        };
        self.each_mark(&mailbox.user_id, add).await?;
        Ok(Some(gap))
    }

    /// Every mark of a mailbox, a page at a time.
    pub(crate) async fn each_mark(
        &self,
        user: &UserId,
        mut look: impl FnMut(Mark),
    ) -> Result<(), StoreError> {
        let mut after: Option<MessageId> = None;
        loop {
            let page = self.marks.page(user, after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|mark| mark.message_id.clone());
            page.into_iter().for_each(&mut look);
            if is_last {
                return Ok(());
            }
        }
    }

    /// What is wrong among marks that are stale or parked. They are read once more: while the others were looked at, a
    /// job may have ended, or a letter gone round.
    pub(crate) async fn findings(
        &self,
        mailbox: &Mailbox,
        suspects: Vec<Mark>,
    ) -> Result<Vec<Finding>, StoreError> {
        let orphans = self.orphans(&mailbox.user_id, &suspects).await?;
        let mut findings = Vec::new();
        for suspects in suspects.chunks(SECOND_LOOK) {
            let ids: Vec<MessageId> = suspects.iter().map(|mark| mark.message_id.clone()).collect();
            let again = self.marks.get(&mailbox.user_id, &ids).await?;
            for (mark, again) in suspects.iter().zip(again) {
                let stands = again
                    .is_some_and(|again| again.state == mark.state && again.job_id == mark.job_id);
                let flaw = Flaw::of(mark.state, orphans.contains(&mark.job_id));
                if let Some(flaw) = flaw.filter(|_| stands) {
                    findings.push(Finding::of_mark(flaw, &mailbox.user_id, mark));
                }
            }
        }
        Ok(findings)
    }

    /// Those of the jobs of parked marks that have no open letter.
    async fn orphans(
        &self,
        user: &UserId,
        suspects: &[Mark],
    ) -> Result<BTreeSet<JobId>, StoreError> {
        let parked = suspects.iter().filter(|mark| judge::is_parked(mark.state));
        let jobs: BTreeSet<&JobId> = parked.map(|mark| &mark.job_id).collect();
        let is_open = |state| matches!(state, LetterState::Parked | LetterState::Replaying);
        let letters = stream::iter(jobs).map(async |job| {
            let letter = self.letters.get(&(Some(user.clone()), job.clone())).await?;
            let open = letter.is_some_and(|letter| is_open(letter.state));
            Ok::<_, StoreError>((!open).then(|| job.clone()))
        });
        letters.buffered(TOGETHER).try_filter_map(async |orphan| Ok(orphan)).try_collect().await
    }
}
